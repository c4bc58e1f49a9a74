package actors_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// everything observes all that there is, keeps it, and then does something bad.
type everything struct {
	bad func()

	mu  sync.Mutex
	got map[string]int
}

func (e *everything) take(what string) {
	e.mu.Lock()
	if e.got == nil {
		e.got = make(map[string]int)
	}
	e.got[what]++
	e.mu.Unlock()
	if e.bad != nil {
		e.bad()
	}
}

func (e *everything) seen() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return fmt.Sprint(e.got)
}

func (e *everything) OnDial(actors.DialBegun)                  { e.take("dial") }
func (e *everything) OnConnected(actors.Connected)             { e.take("connected") }
func (e *everything) OnFrames(f actors.FramesRead)             { e.take("frames") }
func (e *everything) OnHeartbeat(actors.HeartbeatAcknowledged) { e.take("heartbeat") }
func (e *everything) OnState(c actors.StateChanged)            { e.take("state") }
func (e *everything) OnIdentify(m actors.IdentifyMoved)        { e.take("identify " + m.Stage.String()) }
func (e *everything) OnSend(m actors.SendMoved)                { e.take("send " + m.Stage.String()) }
func (e *everything) OnCrash(actors.ShardCrashed)              { e.take("crash") }

type secretError struct{}

func (secretError) Error() string { return "a secret" }

// TestBadObserverCostsNothingButReports: one that panics, ends its goroutine or hangs at every call changes nothing of what the shards do, nor of
// what another one is told; what it panics with is logged by its type. The cases are compared, so they run one after the other.
func TestBadObserverCostsNothingButReports(t *testing.T) {
	var good string
	for _, c := range []struct {
		name    string
		bad     func(hang chan struct{})
		reports string
	}{
		{"none", nil, ""},
		{"panics", func(chan struct{}) { panic(secretError{}) }, "actors_test.secretError"},
		{"ends its goroutine", func(chan struct{}) { runtime.Goexit() }, "runtime.Goexit was called"},
		{"hangs", func(hang chan struct{}) { <-hang }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hang := make(chan struct{})
				core, logs := observer.New(zap.ErrorLevel)
				var bad, beside everything
				if bad.bad = nil; c.bad != nil {
					bad.bad = func() { c.bad(hang) }
				}
				f := newFleet(t, func(cfg *actors.SupervisorConfig) {
					cfg.Seed = 1
					cfg.Observers = actors.NewObservers(zap.New(core), &bad, &beside)
				})
				f.start(2)
				pass(50 * time.Second)
				if _, err := f.sendsTo(0).Send(t.Context(), events.Heartbeat{}); err != nil {
					t.Error(err)
				}
				f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(1)})
				f.gateway.Shard(0).InvalidSession(false)
				pass(time.Minute)
				if s := f.gateway.Stats(); f.status().Ready() != 2 || s.Identifies != 3 || s.Resumes != 1 {
					t.Errorf("%d ready: %+v", f.status().Ready(), s)
				}
				if good == "" {
					good = beside.seen()
				}
				if got := beside.seen(); got != good {
					t.Errorf("the one beside it is told %s, want %s", got, good)
				}
				reports := logs.FilterMessage("an observer panicked").All()
				if got := bad.seen(); c.reports == "" && len(reports) > 0 || c.reports != "" && (got != good || len(reports) < 10) {
					t.Errorf("it is told %s, want %s; %d reports", got, good, len(reports))
				}
				for _, report := range reports {
					if reason := report.ContextMap()["reason"]; reason != c.reports || report.ContextMap()["observer"] != "*actors_test.everything" {
						t.Fatalf("reported: %v", report.ContextMap())
					}
				}
				close(hang)
				f.gateway.RequireNoViolations(t)
			})
		})
	}
}

// TestIdentifyThatIsNotWrittenIsWithdrawn: an observer is told of each wish to Identify that it came to its end, also when its connection was lost before.
func TestIdentifyThatIsNotWrittenIsWithdrawn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var seen everything
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.Limiter = ratelimit.Local(ratelimit.SessionStart{Total: 9, Remaining: 9, MaxConcurrency: 1, ResetAfter: time.Hour})
			cfg.Observers = actors.NewObservers(zap.NewNop(), &seen)
		})
		f.ask(actors.StartShards{Total: 2})
		pass(time.Second) // one has a permit, and the other waits for its own
		f.gateway.DropAll()
		pass(time.Minute)
		seen.mu.Lock()
		defer seen.mu.Unlock()
		if asked, written, withdrawn := seen.got["identify asked"], seen.got["identify written"], seen.got["identify withdrawn"]; asked != 3 || written != 2 || withdrawn != 1 {
			t.Errorf("%d asked, %d written, %d withdrawn: %v", asked, written, withdrawn, seen.got)
		}
	})
}
