package shardmanager_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// farClient is one whose answers are long on their way.
type farClient struct {
	http.RoundTripper
	by time.Duration
}

func (l farClient) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.RoundTripper.RoundTrip(r)
	time.Sleep(l.by)
	return response, err
}

// TestOwnIdentifiesAreNotTakenForForeign: nor those that were written while the answer was on its way, or that Discord had not counted yet.
func TestOwnIdentifiesAreNotTakenForForeign(t *testing.T) {
	for name, of := range map[string]struct {
		by    time.Duration // until the answer comes
		stale time.Duration // what it says is so old
	}{"at once": {}, "answers that are long on their way": {by: 5 * time.Second}, "answers that are behind": {stale: 4 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(4), gatewaytest.WithMaxConcurrency(4))
				client := *g.Client()
				client.Transport = farClient{client.Transport, of.by}
				if of.stale > 0 {
					var mu sync.Mutex
					var identified []time.Time
					g.OnFrame(func(frame gatewaytest.Frame) bool {
						if frame.Op == events.OpIdentify {
							mu.Lock()
							defer mu.Unlock()
							identified = append(identified, time.Now())
						}
						return false
					})
					g.OnDiscovery(func(w http.ResponseWriter) bool {
						mu.Lock()
						defer mu.Unlock()
						counted := slices.DeleteFunc(slices.Clone(identified), func(at time.Time) bool { return time.Since(at) < of.stale })
						_, _ = w.Write(bytes.Replace(answer(g, "max_concurrency", 4), []byte(`"remaining":1000`), fmt.Appendf(nil, `"remaining":%d`, 1000-len(counted)), 1))
						return true
					})
				}
				var hook foreign
				m := newManager(t, g, shardmanager.WithShards(4), shardmanager.WithHooks(&hook), shardmanager.WithHTTPClient(&client))
				start(t, m)
				for range 10 {
					g.ForgetSessions()
					g.DropAll()
					pass(10 * time.Minute)
				}
				if n := g.Stats().Identifies; n != 44 {
					t.Errorf("%d Identifies", n)
				}
				hook.require(t, "of its own alone")
			})
		})
	}
}

// TestOwnIdentifiesOfShardsThatRetiredCount: the Identifies of shards that a reshard has ended are ours all the same.
func TestOwnIdentifiesOfShardsThatRetiredCount(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(4), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithHeartbeatInterval(time.Second))
		var hook foreign
		m := newManager(t, g, shardmanager.WithHooks(&hook))
		start(t, m)
		if err := m.Reshard(t.Context(), 8); err != nil {
			t.Fatal(err)
		}
		pass(20 * time.Minute)
		if n := len(m.Status().Shards); n != 8 {
			t.Errorf("there are %d shards", n)
		}
		g.ForgetSessions()
		g.DropAll()
		pass(10 * time.Minute)
		hook.require(t, "of its own alone")
		g.SetSessionStarts(900) // 980 are left
		g.ForgetSessions()
		g.DropAll()
		pass(10 * time.Minute)
		hook.require(t, "when another has identified", 80)
	})
}
