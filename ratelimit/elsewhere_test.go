package ratelimit_test

import (
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/ratelimit/limitertest"
)

// elsewhere is a limiter whose queue is another process's: what it is told arrives there later, and what is decided there arrives here
// later still. Connections have their buckets here.
type elsewhere struct {
	ratelimit.RateLimiter
	queue *remote
}

func newElsewhere(start ratelimit.SessionStart, latency time.Duration) elsewhere {
	local := ratelimit.Local(start)
	return elsewhere{local, &remote{there: local.Identify(), latency: latency, asked: make(map[ratelimit.Shard]uint64), here: make(map[ratelimit.Shard]uint64)}}
}

func (e elsewhere) Identify() ratelimit.IdentifyQueue { return e.queue }

// remote is a queue elsewhere. What has happened since it decided, it finds out by the number of each question.
type remote struct {
	latency time.Duration
	news    func()
	asked   map[ratelimit.Shard]uint64 // here: the number of a question that was not answered yet, or whose permit is out
	serial  uint64

	mu    sync.Mutex
	there ratelimit.IdentifyQueue
	calls []call
	here  map[ratelimit.Shard]uint64 // there: the number of the latest question
	inbox []answer
}

type call struct {
	at time.Time
	do func()
}

type answer struct {
	ratelimit.Decision
	number uint64
}

func (r *remote) Notify(news func()) { r.news = news }

// call has something done there, after what was called before.
func (r *remote) call(now time.Time, do func()) {
	r.mu.Lock()
	r.calls = append(r.calls, call{now.Add(r.latency), do})
	r.mu.Unlock()
	time.AfterFunc(r.latency, r.run)
}

func (r *remote) run() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.calls) > 0 && !time.Now().Before(r.calls[0].at) {
		r.calls[0].do()
		r.calls = r.calls[1:]
	}
	decisions, next := r.there.Decide(time.Now())
	if len(decisions) > 0 {
		var answers []answer
		for _, d := range decisions {
			d.Expires = d.Expires.Add(-2 * r.latency) // so that what is told of it is heard there in time
			answers = append(answers, answer{d, r.here[d.Shard]})
		}
		time.AfterFunc(r.latency, func() {
			r.mu.Lock()
			r.inbox = append(r.inbox, answers...)
			r.mu.Unlock()
			r.news()
		})
	}
	if !next.IsZero() && r.busy() {
		time.AfterFunc(max(time.Until(next), time.Millisecond), r.run)
	}
}

// busy reports whether anything is asked, so that it comes to rest otherwise.
func (r *remote) busy() bool {
	s := r.there.(*ratelimit.Queue).Stats(time.Now())
	return s.Waiting+s.Outstanding > 0
}

func (r *remote) Ask(now time.Time, shard ratelimit.Shard) {
	r.serial++
	number := r.serial
	r.asked[shard] = number
	r.call(now, func() {
		r.here[shard] = number
		r.there.Ask(time.Now(), shard)
	})
}

func (r *remote) Withdraw(now time.Time, shard ratelimit.Shard) {
	delete(r.asked, shard)
	r.call(now, func() { r.there.Withdraw(time.Now(), shard) })
}

func (r *remote) Used(at time.Time, shard ratelimit.Shard) {
	if r.asked[shard] == 0 {
		return
	}
	delete(r.asked, shard)
	r.call(at, func() { r.there.Used(time.Now(), shard) })
}

func (r *remote) Update(now time.Time, start ratelimit.SessionStart) {
	r.call(now, func() { r.there.Update(time.Now(), start) })
}

func (r *remote) Decide(time.Time) (decisions []ratelimit.Decision, next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.inbox {
		if r.asked[a.Shard] == a.number {
			decisions = append(decisions, a.Decision)
		}
	}
	r.inbox = nil
	return decisions, time.Time{}
}

// TestLimiterElsewherePassesTheSuite: the suite judges one that answers from elsewhere, and later.
func TestLimiterElsewherePassesTheSuite(t *testing.T) {
	t.Parallel()
	limitertest.Run(t, func(start ratelimit.SessionStart) ratelimit.RateLimiter {
		return newElsewhere(start, 5*time.Millisecond)
	})
}
