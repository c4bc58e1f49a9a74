package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/health"
)

// TestMain fails when a goroutine outlives the tests of this package.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bubble runs f in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

// newGateway is a simulated gateway inside a bubble, at which so many shards may identify at once.
func newGateway(t *testing.T, shards int, opts ...gatewaytest.Option) *gatewaytest.Server {
	t.Helper()
	return gatewaytest.NewServer(t, append([]gatewaytest.Option{
		gatewaytest.WithVirtualNetwork(), gatewaytest.WithExact(), gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(shards),
	}, opts...)...)
}

// newManager is a manager of the simulated gateway. It is closed when the test ends.
func newManager(t *testing.T, g *gatewaytest.Server, opts ...shardmanager.Option) *shardmanager.Manager {
	t.Helper()
	m, err := shardmanager.New("token", append([]shardmanager.Option{
		shardmanager.WithIntents(events.IntentsUnprivileged), shardmanager.WithGateway(g), shardmanager.WithLogger(zap.NewNop()),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return m
}

// begin starts a manager and waits until it is ready.
func begin(t *testing.T, m *shardmanager.Manager) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if err := errors.Join(m.Start(ctx), m.WaitReady(ctx)); err != nil {
		t.Fatal(err)
	}
}

// pass lets virtual time pass, and all that happens in it come to rest.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// asker asks a probe over HTTP, as those who use it do.
type asker struct {
	t           *testing.T
	live, ready http.Handler
}

func newAsker(t *testing.T, m *shardmanager.Manager, opts ...health.Option) asker {
	t.Helper()
	p, err := health.New(m, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return asker{t, p.LivenessHandler(), p.ReadinessHandler()}
}

// get asks, and checks that the answer takes no time and that its status says the same as its body.
func get[A any](t *testing.T, h http.Handler, good func(A) bool) (answer A) {
	t.Helper()
	began, w := time.Now(), httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/anything", nil))
	if took := time.Since(began); took != 0 {
		t.Errorf("the answer took %v", took)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	want := http.StatusServiceUnavailable
	if good(answer) {
		want = http.StatusOK
	}
	if w.Code != want {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	return answer
}

// alive asks whether it is alive, and fails unless the answer is that, in that state.
func (a asker) alive(alive bool, state health.State) health.Liveness {
	a.t.Helper()
	l := get(a.t, a.live, func(l health.Liveness) bool { return l.Alive })
	if l.Alive != alive || state != "" && l.State != state {
		a.t.Errorf("%+v, want alive %v, %s", l, alive, state)
	}
	return l
}

// is asks whether it is ready, and fails unless the answer is that, in that state.
func (a asker) is(ready bool, state health.State) health.Readiness {
	a.t.Helper()
	r := get(a.t, a.ready, func(r health.Readiness) bool { return r.Ready })
	if r.Ready != ready || r.State != state {
		a.t.Errorf("ready %v, %s, want %v, %s: %+v", r.Ready, r.State, ready, state, r)
	}
	return r
}

// ago fails unless a time is so long ago, about.
func (a asker) ago(what string, at time.Time, d time.Duration) {
	a.t.Helper()
	if got := time.Since(at); got < d-time.Second || got > d+time.Second {
		a.t.Errorf("%s is %v ago, want about %v", what, got, d)
	}
}
