package shardmanager_test

import (
	"fmt"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// countingLimiter is a user's own rate limiter: it allows everything, and counts.
type countingLimiter struct {
	connections, takes, wrote, returned, identifies atomic.Int64
	asked                                           []ratelimit.Shard
	start                                           ratelimit.SessionStart // that was told last
}

func (l *countingLimiter) Connection(ratelimit.Shard, time.Duration) ratelimit.Bucket {
	l.connections.Add(1)
	return countingBucket{l}
}

func (l *countingLimiter) Identify() ratelimit.IdentifyQueue { return l }

func (l *countingLimiter) Ask(_ time.Time, shard ratelimit.Shard) {
	l.identifies.Add(1)
	l.asked = append(l.asked, shard)
}

func (l *countingLimiter) Withdraw(time.Time, ratelimit.Shard) {}

func (l *countingLimiter) Used(time.Time, ratelimit.Shard) {}

func (l *countingLimiter) Update(_ time.Time, start ratelimit.SessionStart) { l.start = start }

func (l *countingLimiter) Decide(now time.Time) (decisions []ratelimit.Decision, next time.Time) {
	for _, shard := range l.asked {
		decisions = append(decisions, ratelimit.Decision{Shard: shard, Expires: now.Add(time.Minute)})
	}
	l.asked = nil
	return decisions, time.Time{}
}

type countingBucket struct{ limiter *countingLimiter }

func (b countingBucket) Take(time.Time) (bool, time.Time) {
	b.limiter.takes.Add(1)
	return true, time.Time{}
}
func (b countingBucket) Wrote(time.Time)               { b.limiter.wrote.Add(1) }
func (b countingBucket) Return()                       { b.limiter.returned.Add(1) }
func (b countingBucket) Limit() int                    { return 100 }
func (b countingBucket) Remaining(time.Time) int       { return 100 }
func (b countingBucket) Reset(now time.Time) time.Time { return now }

// shared is one identify queue for several managers, each of which owns a part of it: what is decided comes later, on the goroutine
// of another.
type shared struct {
	ratelimit.RateLimiter
	mu    sync.Mutex
	queue ratelimit.IdentifyQueue
	parts map[ratelimit.Shard]*sharedPart
	timer *time.Timer
}

type sharedPart struct {
	*shared
	news  func()
	inbox []ratelimit.Decision
}

func newShared(start ratelimit.SessionStart) *shared {
	local := ratelimit.Local(start)
	return &shared{RateLimiter: local, queue: local.Identify(), parts: make(map[ratelimit.Shard]*sharedPart)}
}

// part is the limiter of one manager.
func (s *shared) part() *sharedPart { return &sharedPart{shared: s} }

// call calls the queue, and hands on what it decides.
func (s *shared) call(call func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	call()
	decisions, next := s.queue.Decide(time.Now())
	for _, d := range decisions {
		p := s.parts[d.Shard]
		p.inbox = append(p.inbox, d)
		p.news()
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	if !next.IsZero() {
		s.timer = time.AfterFunc(time.Until(next), func() { s.call(func() {}) })
	}
}

func (p *sharedPart) Identify() ratelimit.IdentifyQueue { return p }

func (p *sharedPart) Notify(news func()) { p.news = news }

func (p *sharedPart) Ask(now time.Time, shard ratelimit.Shard) {
	p.call(func() {
		p.parts[shard] = p
		p.queue.Ask(now, shard)
	})
}

func (p *sharedPart) Withdraw(now time.Time, shard ratelimit.Shard) {
	p.call(func() { p.queue.Withdraw(now, shard) })
}

func (p *sharedPart) Used(at time.Time, shard ratelimit.Shard) {
	p.call(func() { p.queue.Used(at, shard) })
}

func (p *sharedPart) Update(now time.Time, start ratelimit.SessionStart) {
	p.call(func() { p.queue.Update(now, start) })
}

func (p *sharedPart) Decide(time.Time) (decisions []ratelimit.Decision, next time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	decisions, p.inbox = p.inbox, nil
	return decisions, time.Time{}
}

// crashesOn has the supervisor panic instead of handling the next message of a type, when it is armed.
func crashesOn(armed *atomic.Bool, message string) shardmanager.Option {
	return shardmanager.WithActorProps(func(key actors.Key) []actor.PropsOption {
		index := indexOf(key)
		if index >= 0 {
			return nil
		}
		return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
			return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
				if fmt.Sprintf("%T", e.Message) == message && armed.CompareAndSwap(true, false) {
					panic("a bug in the supervisor")
				}
				next(ctx, e)
			}
		})}
	})
}

// TestResetAfterIsADayAtTheMost, and nothing less than nothing: what Discord says otherwise is no period.
func TestResetAfterIsADayAtTheMost(t *testing.T) {
	const day = 24 * time.Hour
	for says, want := range map[time.Duration]time.Duration{time.Hour: time.Hour, day: day, day + time.Millisecond: day, 48 * time.Hour: day, -time.Hour: 0, 0: 0} {
		t.Run(says.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				g.OnDiscovery(func(w http.ResponseWriter) bool {
					fmt.Fprintf(w, `{"url":%q,"shards":1,"session_start_limit":{"total":1000,"remaining":999,"reset_after":%d,"max_concurrency":1}}`, g.URL, says.Milliseconds())
					return true
				})
				var limiter countingLimiter
				start(t, newManager(t, g, shardmanager.WithRateLimiter(&limiter)))
				if want := (ratelimit.SessionStart{Total: 1000, Remaining: 999, ResetAfter: want, MaxConcurrency: 1}); limiter.start != want {
					t.Errorf("told %+v, want %+v", limiter.start, want)
				}
			})
		})
	}
}

// TestNumbersOfTheBudgetHaveBounds: nothing is left of a budget that is used up, nor of less than nothing, and what no int holds is a great deal.
func TestNumbersOfTheBudgetHaveBounds(t *testing.T) {
	for says, want := range map[string]int{"0": 0, "-7": 0, "1": 1, "5000000000": math.MaxInt32} {
		t.Run(says, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				g.OnDiscovery(func(w http.ResponseWriter) bool {
					fmt.Fprintf(w, `{"url":%q,"shards":1,"session_start_limit":{"total":5000000000,"remaining":%s,"reset_after":3600000,"max_concurrency":1}}`, g.URL, says)
					return true
				})
				var limiter countingLimiter
				if err := newManager(t, g, shardmanager.WithRateLimiter(&limiter)).Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				pass(time.Second)
				if limiter.start.Remaining != want || limiter.start.Total != math.MaxInt32 {
					t.Errorf("told %+v, want %d left", limiter.start, want)
				}
			})
		})
	}
}
