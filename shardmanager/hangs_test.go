package shardmanager_test

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestCloseEndsThoughWhatIsTheUsersHangs: a NetDial, and an HTTP transport, that heed no context are left behind.
func TestCloseEndsThoughWhatIsTheUsersHangs(t *testing.T) {
	for _, what := range []string{"NetDial", "the HTTP transport"} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				var hangs atomic.Bool
				let := make(chan struct{})
				t.Cleanup(func() { close(let); pass(time.Minute) })
				hang := func(of string) {
					if hangs.Load() && of == what {
						<-let
					}
				}
				m := newManager(t, g, shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
					hang("NetDial")
					return g.DialContext(ctx, network, addr)
				}), shardmanager.WithHTTPClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					hang("the HTTP transport")
					return g.Client().Transport.RoundTrip(r)
				})}))
				start(t, m)
				hangs.Store(true)
				g.ForgetSessions()
				g.Shard(0).Drop()
				pass(2 * time.Minute) // it dials, or asks where to
				began := time.Now()
				if err := m.Close(t.Context()); err != nil || time.Since(began) > 5*time.Second {
					t.Errorf("Close took %v: %v", time.Since(began), err)
				}
			})
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (r roundTrip) RoundTrip(q *http.Request) (*http.Response, error) { return r(q) }
