package shardmanager_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestShardsThatSomebodyHasTakenOverAreNoticedAmongOthers: the others are saved as before, and those are named, in order.
func TestShardsThatSomebodyHasTakenOverAreNoticedAmongOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(4), gatewaytest.WithMaxConcurrency(4))
		store := session.NewMemoryStore()
		m := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, m)
		pass(3 * time.Second)
		taken := []events.ShardID{{Index: 0, Total: 4}, {Index: 2, Total: 4}, {Index: 3, Total: 4}}
		for _, shard := range taken {
			snapshot, err := store.Load(t.Context(), shard)
			snapshot.Fence += 1000
			if err = errors.Join(err, store.Save(t.Context(), snapshot)); err != nil {
				t.Fatal(err)
			}
		}
		var seq int64
		for index := range 4 {
			if s := g.Shard(index).Dispatch("X", 1); index == 1 {
				seq = s
			}
		}
		pass(3 * time.Second)
		p := m.Persistence()
		var fenced *session.FencedError
		if p.Fenced != 3 || !errors.As(p.Err, &fenced) || !slices.Equal(fenced.Shards, taken) {
			t.Errorf("%+v", p)
		}
		if snapshot, err := store.Load(t.Context(), events.ShardID{Index: 1, Total: 4}); err != nil || snapshot.Seq != seq {
			t.Errorf("the shard that nobody has taken over was saved at %d, want %d: %v", snapshot.Seq, seq, err)
		}
	})
}

// TestIdentifyAsksForCompressedPayloadsOrForACompressedStream, and never for both.
func TestIdentifyAsksForCompressedPayloadsOrForACompressedStream(t *testing.T) {
	for _, compression := range []events.Compression{events.CompressionNone, events.CompressionPayload, events.CompressionZlib, events.CompressionZstd} {
		t.Run(string(compression), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				identify := ""
				g := newGateway(t, gatewaytest.WithTrace(func(e gatewaytest.Entry) {
					if e.Kind == gatewaytest.Received && e.Op == events.OpIdentify {
						identify = string(e.Data)
					}
				}))
				start(t, newManager(t, g, shardmanager.WithCompression(compression)))
				if asks := strings.Contains(identify, `"compress":true`); asks != (compression == events.CompressionPayload) || identify == "" {
					t.Errorf("Identify asks for compressed payloads: %v", asks)
				}
			})
		})
	}
}

// TestRESTIsToldWhoAsks, in the form that Discord wants: it blocks others.
func TestRESTIsToldWhoAsks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		agent := ""
		client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			agent = r.UserAgent()
			return g.Client().Transport.RoundTrip(r)
		})}
		start(t, newManager(t, g, shardmanager.WithHTTPClient(client)))
		if !strings.HasPrefix(agent, "DiscordBot (https://") {
			t.Errorf("it is %q", agent)
		}
	})
}
