package ratelimit_test

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/ratelimit/limitertest"
)

// broken is a limiter with one mistake.
type broken struct {
	ratelimit.RateLimiter
	connection func(int, time.Duration) ratelimit.Bucket
	queue      ratelimit.IdentifyQueue
}

func (b broken) Connection(shard int, heartbeat time.Duration) ratelimit.Bucket {
	if b.connection != nil {
		return b.connection(shard, heartbeat)
	}
	return b.RateLimiter.Connection(shard, heartbeat)
}

func (b broken) Identify() ratelimit.IdentifyQueue {
	if b.queue != nil {
		return b.queue
	}
	return b.RateLimiter.Identify()
}

// brokenQueue is a queue with one mistake.
type brokenQueue struct {
	ratelimit.IdentifyQueue
	shard   func(int) int                            // another in its place
	permit  func(ratelimit.Permit) ratelimit.Permit  // another in its place
	forgets bool                                     // what cancel was called for
	update  func(ratelimit.SessionStart) (told bool) // whether it is told
}

func (q brokenQueue) Enqueue(shard int, granted func(ratelimit.Permit)) func() {
	if q.shard != nil {
		shard = q.shard(shard)
	}
	cancel := q.IdentifyQueue.Enqueue(shard, func(p ratelimit.Permit) {
		if q.permit != nil {
			p = q.permit(p)
		}
		granted(p)
	})
	if q.forgets {
		return func() {}
	}
	return cancel
}

func (q brokenQueue) Update(start ratelimit.SessionStart) {
	if q.update == nil || q.update(start) {
		q.IdentifyQueue.Update(start)
	}
}

// liar is a bucket that says that it has one more, or is whole sooner.
type liar struct {
	ratelimit.Bucket
	more  int
	whole time.Duration
}

func (l liar) Remaining(now time.Time) int { return l.Bucket.Remaining(now) + l.more }

func (l liar) Reset(now time.Time) time.Time { return l.Bucket.Reset(now).Add(l.whole) }

// mistakes are named by the part of the suite that has to notice them; behind a comma stands what it says then.
var mistakes = map[string]func(ratelimit.SessionStart) ratelimit.RateLimiter{
	"connection limit in any 60 s": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return broken{RateLimiter: ratelimit.Local(s), connection: func(_ int, heartbeat time.Duration) ratelimit.Bucket {
			return ratelimit.NewWindow(ratelimit.ConnectionLimit-ratelimit.Reserve(heartbeat)+3, ratelimit.ConnectionPeriod)
		}}
	},
	"connections are apart": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		bucket := ratelimit.NewWindow(100, ratelimit.ConnectionPeriod)
		return broken{RateLimiter: ratelimit.Local(s), connection: func(int, time.Duration) ratelimit.Bucket { return bucket }}
	},
	"bucket tells the truth": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		local := ratelimit.Local(s)
		return broken{RateLimiter: local, connection: func(shard int, heartbeat time.Duration) ratelimit.Bucket {
			return liar{local.Connection(shard, heartbeat), 0, -time.Second}
		}}
	},
	"identifies of a key are apart": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return ratelimit.Local(s, ratelimit.WithMargins(-100*time.Millisecond, 0))
	},
	"identifies of a key are apart, of one key": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		local, keys := ratelimit.Local(s), s.MaxConcurrency // lanes there are as many as keys, but not by the key
		return broken{RateLimiter: local, queue: brokenQueue{IdentifyQueue: local.Identify(), shard: func(shard int) int { return shard*keys + shard/keys%keys }}}
	},
	"lowest shard first": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		local := ratelimit.Local(s)
		return broken{RateLimiter: local, queue: brokenQueue{IdentifyQueue: local.Identify(), shard: func(shard int) int { return 1000 - shard }}}
	},
	"cancelled waiters cost nothing": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		local := ratelimit.Local(s)
		return broken{RateLimiter: local, queue: brokenQueue{IdentifyQueue: local.Identify(), forgets: true}}
	},
	"a released permit costs nothing": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		local := ratelimit.Local(s)
		return broken{RateLimiter: local, queue: brokenQueue{IdentifyQueue: local.Identify(), permit: func(p ratelimit.Permit) ratelimit.Permit {
			return ratelimit.NewPermit(p.Used, p.Used)
		}}}
	},
	"slow writes count from the write": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		local := ratelimit.Local(s)
		return broken{RateLimiter: local, queue: brokenQueue{IdentifyQueue: local.Identify(), permit: func(p ratelimit.Permit) ratelimit.Permit {
			p.Used() // it counts from the grant
			return ratelimit.NewPermit(nil, nil)
		}}}
	},
	"the budget's reserve is not spent": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return ratelimit.Local(s, ratelimit.WithReserve(0))
	},
	"an update applies at once": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		local := ratelimit.Local(s)
		return broken{RateLimiter: local, queue: brokenQueue{IdentifyQueue: local.Identify(), update: func(ratelimit.SessionStart) bool { return false }}}
	},
}

// TestSuiteNoticesMistakes: each part of the suite fails for a limiter with a mistake of its kind. The limiters are tested by
// processes of their own, since a test that fails fails the one that it is a part of.
func TestSuiteNoticesMistakes(t *testing.T) {
	if name := os.Getenv("SIGNALBOX_TEST_LIMITER"); name != "" {
		limitertest.Run(t, mistakes[name])
		return
	}
	t.Parallel()
	var all sync.WaitGroup
	for name := range mistakes {
		all.Go(func() {
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSuiteNoticesMistakes$/^"+testName(name)+"$", "-test.v")
			child.Env = append(os.Environ(), "SIGNALBOX_TEST_LIMITER="+name)
			if out, err := child.CombinedOutput(); err == nil {
				t.Errorf("%s: the mistake is not noticed\n%s", name, out)
			} else if !failed(string(out), name) {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
		})
	}
	all.Wait()
}

func testName(name string) string {
	part, _, _ := strings.Cut(name, ",")
	return strings.ReplaceAll(part, " ", "_")
}

func failed(output, name string) bool {
	_, says, _ := strings.Cut(name, ",")
	return strings.Contains(output, "--- FAIL: TestSuiteNoticesMistakes/"+testName(name)) && strings.Contains(output, says)
}
