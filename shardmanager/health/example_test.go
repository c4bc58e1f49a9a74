package health_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/health"
)

// A bot whose probes are served from before its start on. Kubernetes, or curl, asks them.
func Example() {
	gateway, err := gatewaytest.Start(gatewaytest.WithShards(4), gatewaytest.WithMaxConcurrency(4))
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()
	m, err := shardmanager.New("token", shardmanager.WithGateway(gateway), shardmanager.WithLogger(zap.NewNop())) // on Discord: leave the two out
	if err != nil {
		log.Fatal(err)
	}
	probe, err := health.New(m)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/livez", probe.LivenessHandler())
	mux.Handle("/readyz", probe.ReadinessHandler())
	server := httptest.NewServer(mux) // of a bot: http.ListenAndServe, on a port that only the cluster reaches
	defer server.Close()
	ask := func(path string) int {
		answer, err := server.Client().Get(server.URL + path)
		if err != nil {
			log.Fatal(err)
		}
		defer answer.Body.Close()
		_, _ = io.Copy(io.Discard, answer.Body)
		return answer.StatusCode
	}
	fmt.Println("before its start:", ask("/livez"), ask("/readyz"), probe.Readiness().Reason)

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := m.Start(ctx); err != nil {
		log.Fatal(err)
	}
	if err := m.WaitReady(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("while it runs:", ask("/livez"), ask("/readyz"), probe.Readiness().Reason)

	if err := m.Pause(ctx, 3); err != nil {
		log.Fatal(err)
	}
	fmt.Println("with one paused:", ask("/readyz"), probe.Readiness().Reason)

	if err := m.Close(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("after its end:", ask("/livez"), ask("/readyz"), probe.Liveness().Reason)
	// Output:
	// before its start: 200 503 Start was not called yet
	// while it runs: 200 200 4 shards are ready
	// with one paused: 200 3 shards are ready
	// after its end: 503 503 it was closed: start another Manager, or end the process
}
