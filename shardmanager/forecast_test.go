package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// foretold has some work done, and holds it against its forecast: the time, and what it costs to the last Identify. The time may be off by a hundredth, and by
// a tenth where chance has a part in it.
func foretold(t *testing.T, g *gatewaytest.Server, m *shardmanager.Manager, of shardmanager.Work, do func()) shardmanager.Forecast {
	t.Helper()
	f, err := m.Forecast(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	before, began := g.Stats(), time.Now()
	do()
	took, after := time.Since(began), g.Stats()
	within := took / 100
	if lost, ok := of.(shardmanager.Recovery); ok && lost.SessionsLost {
		within = took / 10
	}
	if (took - f.Duration).Abs() > within {
		t.Errorf("%v\nit took %v, and not %v", f, took, f.Duration)
	}
	if n := after.Identifies - before.Identifies; n != f.Identifies || !f.Enough {
		t.Errorf("%v\n%d Identifies", f, n)
	}
	if n := after.Resumes - before.Resumes; n != f.Resumes {
		t.Errorf("%v\n%d Resumes", f, n)
	}
	if len(g.Violations()) > 0 {
		t.Errorf("%v", g.Violations())
	}
	return f
}

// dropped is that all connections are cut, and come back.
func dropped(t *testing.T, g *gatewaytest.Server, m *shardmanager.Manager) {
	t.Helper()
	g.DropAll()
	pass(time.Millisecond)
	if m.Status().Ready() == len(m.Status().Shards) {
		t.Error("all shards are Ready, without a connection")
	}
	ready(t, m)
}

// ready waits until all shards are Ready, for as long as that takes.
func ready(t *testing.T, m *shardmanager.Manager) {
	t.Helper()
	if err := m.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestForecastsComeTrue: of a cold start, foreseen before it, a recovery, a recovery whose sessions are lost, and a rolling restart.
func TestForecastsComeTrue(t *testing.T) {
	for _, shards := range []int{16, 100, 1000 / sizes} {
		for _, keys := range []int{1, 16} {
			t.Run(fmt.Sprintf("%d shards, %d at once", shards, keys), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					g := newGateway(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(keys), gatewaytest.WithSessionStarts(5000, 5000, 23*time.Hour), gatewaytest.WithHeartbeatInterval(10*time.Minute))
					m := newManager(t, g, shardmanager.WithCompression(events.CompressionNone), shardmanager.WithSeed(1))
					f := foretold(t, g, m, shardmanager.ColdStart{}, func() {
						if err := m.Start(t.Context()); err != nil {
							t.Fatal(err)
						}
						ready(t, m)
					})
					if rounds := (shards + keys - 1) / keys; f.Shards != shards || f.Identifies != shards || rounds > 1 && (f.Duration < time.Duration(rounds-1)*5*time.Second || f.Duration > time.Duration(rounds)*6*time.Second) {
						t.Errorf("%v", f)
					}
					foretold(t, g, m, shardmanager.Recovery{}, func() { dropped(t, g, m) })
					pass(time.Minute)
					foretold(t, g, m, shardmanager.Recovery{}, func() { dropped(t, g, m) })
					foretold(t, g, m, shardmanager.Rolling{AtOnce: 3, Pause: 2 * time.Second}, func() {
						if err := m.RollingRestartWith(t.Context(), shardmanager.Rolling{AtOnce: 3, Pause: 2 * time.Second}); err != nil {
							t.Error(err)
						}
					})
					pass(time.Minute)
					foretold(t, g, m, shardmanager.Recovery{SessionsLost: true}, func() { g.ForgetSessions(); dropped(t, g, m) })
				})
			})
		}
	}
}

// vainLimiter has a queue that refuses until a time, since the budget is spent, and grants nothing after it, though it says that there is some.
type vainLimiter struct {
	ratelimit.RateLimiter
	until time.Time
}

func (l vainLimiter) Identify() ratelimit.IdentifyQueue { return &vainQueue{until: l.until} }

type vainQueue struct {
	stuckQueue
	until time.Time
	asked []ratelimit.Shard
}

func (q *vainQueue) Ask(_ time.Time, shard ratelimit.Shard) { q.asked = append(q.asked, shard) }
func (q *vainQueue) Decide(now time.Time) (all []ratelimit.Decision, next time.Time) {
	if !now.Before(q.until) {
		return nil, time.Time{}
	}
	for _, shard := range q.asked {
		all = append(all, ratelimit.Decision{Shard: shard, Err: &ratelimit.BudgetError{Until: q.until}})
	}
	q.asked = nil
	return all, time.Time{}
}
func (q *vainQueue) Stats(now time.Time) ratelimit.QueueStats {
	stats := q.stuckQueue.Stats(now)
	if now.Before(q.until) {
		stats.Remaining = 0
	}
	return stats
}
func (q *vainQueue) Clone(time.Time) ratelimit.IdentifyQueue { return &vainQueue{until: q.until} }

// TestForecastOfWhatIsNeverGrantedIsAnError, also if the queue says that it would be, later: there is no duration to tell.
func TestForecastOfWhatIsNeverGrantedIsAnError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		limiter := vainLimiter{ratelimit.Local(ratelimit.SessionStart{Total: 9, Remaining: 9, MaxConcurrency: 1}), time.Now().Add(time.Hour)}
		m := newManager(t, newGateway(t), shardmanager.WithRateLimiter(limiter))
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if f, err := m.Forecast(t.Context(), shardmanager.ColdStart{Shards: 2}); err == nil || !strings.Contains(err.Error(), "it would never be done") {
			t.Errorf("%v, %v", f, err)
		}
	})
}

// TestForecastDoesNotWaitForALimiterThatHangs for longer than its context: it says what hangs, and why it waits no more.
func TestForecastDoesNotWaitForALimiterThatHangs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, gate := newGateway(t), make(chan struct{})
		defer close(gate)
		m := newManager(t, g, shardmanager.WithRateLimiter(hangingLimiter{ratelimit.Local(ratelimit.SessionStart{Total: 9, Remaining: 9, MaxConcurrency: 1}), gate}))
		start(t, m)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errAborted)
		defer cancel()
		began := time.Now()
		_, err := m.Forecast(ctx, shardmanager.ColdStart{Shards: 2})
		if took := time.Since(began); !errors.Is(err, errAborted) || !strings.Contains(err.Error(), "the limiter's identify queue does not return") || took > time.Minute+time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// hangingLimiter has a queue whose copies hang when they are to decide.
type hangingLimiter struct {
	ratelimit.RateLimiter
	gate chan struct{}
}

func (l hangingLimiter) Identify() ratelimit.IdentifyQueue {
	return hangingQueue{l.RateLimiter.Identify().(*ratelimit.Queue), l.gate, false}
}

type hangingQueue struct {
	*ratelimit.Queue
	gate  chan struct{}
	hangs bool
}

func (q hangingQueue) Clone(now time.Time) ratelimit.IdentifyQueue {
	return hangingQueue{q.Queue.Clone(now).(*ratelimit.Queue), q.gate, true}
}

func (q hangingQueue) Decide(now time.Time) (all []ratelimit.Decision, next time.Time) {
	if q.hangs {
		<-q.gate
	}
	return q.Queue.Decide(now)
}

// stuckLimiter has a queue that grants nothing, and says so of the time to come.
type stuckLimiter struct{ ratelimit.RateLimiter }

func (stuckLimiter) Identify() ratelimit.IdentifyQueue { return stuckQueue{} }

type stuckQueue struct{}

func (stuckQueue) Ask(time.Time, ratelimit.Shard)           {}
func (stuckQueue) Withdraw(time.Time, ratelimit.Shard)      {}
func (stuckQueue) Used(time.Time, ratelimit.Shard)          {}
func (stuckQueue) Update(time.Time, ratelimit.SessionStart) {}
func (stuckQueue) Decide(time.Time) (all []ratelimit.Decision, next time.Time) {
	return nil, time.Time{}
}
func (stuckQueue) Stats(time.Time) ratelimit.QueueStats {
	return ratelimit.QueueStats{Known: true, Total: 9, Remaining: 9, MaxConcurrency: 1}
}
func (q stuckQueue) Clone(time.Time) ratelimit.IdentifyQueue { return q }

// TestForecastByAQueueThatIsAlwaysToBeAskedAtOnce: its time goes on all the same.
func TestForecastByAQueueThatIsAlwaysToBeAskedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		limiter := ratelimit.Local(ratelimit.SessionStart{Total: 9, Remaining: 9, MaxConcurrency: 1})
		m := newManager(t, newGateway(t), shardmanager.WithRateLimiter(hurriedLimiter{limiter}))
		start(t, m)
		calm := newManager(t, newGateway(t))
		start(t, calm)
		want, err := calm.Forecast(t.Context(), shardmanager.ColdStart{Shards: 3})
		if err != nil {
			t.Fatal(err)
		}
		if f, err := m.Forecast(t.Context(), shardmanager.ColdStart{Shards: 3}); err != nil || f.Duration < want.Duration-time.Second || f.Duration > want.Duration+time.Second {
			t.Errorf("%v, %v; want %v", f, err, want)
		}
	})
}

// hurriedLimiter has a queue whose copies are to be asked again at once.
type hurriedLimiter struct{ ratelimit.RateLimiter }

func (l hurriedLimiter) Identify() ratelimit.IdentifyQueue {
	return hurriedQueue{l.RateLimiter.Identify().(*ratelimit.Queue), false}
}

type hurriedQueue struct {
	*ratelimit.Queue
	hurries bool
}

func (q hurriedQueue) Clone(now time.Time) ratelimit.IdentifyQueue {
	return hurriedQueue{q.Queue.Clone(now).(*ratelimit.Queue), true}
}

func (q hurriedQueue) Decide(now time.Time) (all []ratelimit.Decision, next time.Time) {
	if all, next = q.Queue.Decide(now); q.hurries {
		next = now
	}
	return all, next
}

// slowTrip is an HTTP transport that takes its time.
type slowTrip struct {
	http.RoundTripper
	trip time.Duration
}

func (s slowTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(s.trip)
	return s.RoundTripper.RoundTrip(r)
}
