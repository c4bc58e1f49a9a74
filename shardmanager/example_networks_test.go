package shardmanager_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// The gateway, and the REST API in front of it, have a certificate of a private CA.
func ExampleWithTLS() {
	api, certificate, end := behindTLS()
	defer end()

	roots := x509.NewCertPool() // or x509.SystemCertPool, to trust the usual CAs as well
	roots.AddCert(certificate)
	m, err := shardmanager.New("simulated",
		shardmanager.WithTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}),
		shardmanager.WithAPIURL(api+"/api/v10"),
		shardmanager.WithGatewayHosts("127.0.0.1"),
	)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	fmt.Println(errors.Join(m.Start(ctx), m.WaitReady(ctx)))
	fmt.Println(m.Status().Ready(), "ready")
	fmt.Println(m.Close(ctx))
	// Output:
	// <nil>
	// 1 ready
	// <nil>
}

// behindTLS is a simulated gateway behind a TLS server, its certificate, and what ends both.
func behindTLS() (url string, certificate *x509.Certificate, end func()) {
	gateway, err := gatewaytest.Start()
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = "http", strings.TrimPrefix(gateway.URL, "ws://")
	}})
	gateway.OnDiscovery(func(w http.ResponseWriter) bool {
		err := json.NewEncoder(w).Encode(map[string]any{
			"url": "wss" + strings.TrimPrefix(server.URL, "https"), "shards": 1,
			"session_start_limit": map[string]int{"total": 1000, "remaining": 1000, "max_concurrency": 1},
		})
		return err == nil
	})
	return server.URL, server.Certificate(), func() { server.Close(); gateway.Close() }
}

// Each shard dials from one of the machine's addresses.
func ExampleWithNetDial() {
	gateway, err := gatewaytest.Start(gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()
	addresses := []net.IP{net.IPv4(127, 0, 0, 1)} // of a real machine there are more
	var from sync.Map
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		if dial, ok := actors.DialOf(ctx); ok {
			d.LocalAddr = &net.TCPAddr{IP: addresses[dial.Shard.Index%len(addresses)]}
			from.Store(dial.Shard.Index, d.LocalAddr.(*net.TCPAddr).IP)
		}
		return d.DialContext(ctx, network, addr)
	}
	m, err := shardmanager.New("simulated", shardmanager.WithGateway(gateway), shardmanager.WithNetDial(dial))
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	fmt.Println(errors.Join(m.Start(ctx), m.WaitReady(ctx)))
	for shard := range 2 {
		address, _ := from.Load(shard)
		fmt.Println("shard", shard, "from", address)
	}
	fmt.Println(m.Close(ctx))
	// Output:
	// <nil>
	// shard 0 from 127.0.0.1
	// shard 1 from 127.0.0.1
	// <nil>
}
