package shardmanager_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestCompressionIsChosenByTheNumberOfShards in this process, unless it was set.
func TestCompressionIsChosenByTheNumberOfShards(t *testing.T) {
	shards := func(n int) shardmanager.Option {
		var ids []int
		for i := range n {
			ids = append(ids, i)
		}
		return shardmanager.WithShards(5000, ids...)
	}
	for i, test := range []struct {
		opts []shardmanager.Option
		want events.Compression
	}{
		{[]shardmanager.Option{shards(1000)}, events.CompressionZstd},
		{[]shardmanager.Option{shards(1001)}, events.CompressionZlib},
		{[]shardmanager.Option{shards(1001), shardmanager.WithCompression(events.CompressionZstd)}, events.CompressionZstd},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(1))
				asked := make(chan string, 5000)
				dial := func(context.Context, string, string) (net.Conn, error) {
					client, server := net.Pipe()
					go func() {
						defer server.Close()
						if request, err := http.ReadRequest(bufio.NewReader(server)); err == nil {
							asked <- request.URL.Query().Get("compress")
						}
					}()
					return client, nil
				}
				m := newManager(t, g, append(test.opts, shardmanager.WithNetDial(dial))...)
				if err := m.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := <-asked; got != string(test.want) {
					t.Errorf("compress=%q, want %q", got, test.want)
				}
			})
		})
	}
}
