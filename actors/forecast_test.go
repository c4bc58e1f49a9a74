package actors_test

import (
	"errors"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// opaque is a limiter whose queue is an IdentifyQueue and nothing more.
type opaque struct{ ratelimit.RateLimiter }

func (o opaque) Identify() ratelimit.IdentifyQueue {
	return struct{ ratelimit.IdentifyQueue }{o.RateLimiter.Identify()}
}

// fragile is one whose queue panics when it is to be copied.
type fragile struct{ ratelimit.RateLimiter }

type fragileQueue struct{ *ratelimit.Queue }

func (f fragile) Identify() ratelimit.IdentifyQueue {
	return fragileQueue{f.RateLimiter.Identify().(*ratelimit.Queue)}
}

func (fragileQueue) Clone(time.Time) ratelimit.IdentifyQueue { panic("no") }

// TestCopyOfTheIdentifyQueue: whoever asks gets one, by value or by pointer, before any shard and while some wait; what is done with it changes nothing. A
// limiter that has none, or panics, costs the question alone.
func TestCopyOfTheIdentifyQueue(t *testing.T) {
	for name, test := range map[string]struct {
		limiter func(ratelimit.RateLimiter) ratelimit.RateLimiter
		refused bool
	}{
		"the library's own": {func(l ratelimit.RateLimiter) ratelimit.RateLimiter { return l }, false},
		"opaque":            {func(l ratelimit.RateLimiter) ratelimit.RateLimiter { return opaque{l} }, true},
		"fragile":           {func(l ratelimit.RateLimiter) ratelimit.RateLimiter { return fragile{l} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, func(cfg *actors.SupervisorConfig) {
					cfg.SessionStart = ratelimit.SessionStart{Total: 1000, Remaining: 900, MaxConcurrency: 1, ResetAfter: time.Hour}
					cfg.Limiter = test.limiter(ratelimit.Local(cfg.SessionStart))
				})
				ask := func(message any) *actors.IdentifyQueue {
					switch answer := f.ask(message).(type) {
					case *actors.IdentifyQueue:
						if test.refused {
							t.Errorf("answered with %+v", answer)
						}
						return answer
					case *actors.Refusal:
						if !test.refused || !errors.Is(answer.Err, actors.ErrOpaqueLimiter) {
							t.Errorf("refused: %v", answer.Err)
						}
					}
					return nil
				}
				if q := ask(actors.GetIdentifyQueue{}); q != nil && (!q.Stats.Known || q.Stats.Remaining != 900 || q.Stats.Waiting != 0) {
					t.Errorf("before any shard: %+v", q.Stats)
				}
				f.ask(actors.StartShards{Total: 3})
				pass(time.Second)
				if q := ask(&actors.GetIdentifyQueue{}); q != nil {
					if q.Stats.Remaining != 899 || q.Stats.Waiting != 2 {
						t.Errorf("while two wait: %+v", q.Stats)
					}
					for index := range 3 {
						q.Copy.Withdraw(time.Now(), ratelimit.Shard{Index: index, Total: 3})
					}
					q.Copy.Update(time.Now(), ratelimit.SessionStart{Total: 1})
				}
				pass(10 * time.Second)
				if s := f.gateway.Stats(); f.status().Ready() != 3 || s.Identifies != 3 {
					t.Errorf("%d ready, %+v", f.status().Ready(), s)
				}
			})
		})
	}
}

// TestDialsAreTold: how far apart they are, and when the next may begin; a shard's status says when its own did.
func TestDialsAreTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.DialRate = 2 })
		began := time.Now()
		f.ask(actors.StartShards{Total: 2})
		pass(time.Minute)
		if apart, next := f.Dials(); apart != time.Second/2 || !next.Equal(began.Add(time.Second)) {
			t.Errorf("%v, the next %v after the start", apart, next.Sub(began))
		}
		for index := range 2 {
			if shard, _ := f.shard(index); !shard.Dialled.Equal(began.Add(time.Duration(index) * time.Second / 2)) {
				t.Errorf("shard %d was dialled %v after the start", index, shard.Dialled.Sub(began))
			}
		}
	})
}
