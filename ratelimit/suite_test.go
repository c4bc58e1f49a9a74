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

// mistakes are named by the part of the suite that has to notice them; behind a comma stands what it says then.
var mistakes = map[string]func(ratelimit.SessionStart) ratelimit.RateLimiter{
	"connection limit in any 60 s": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return broken{RateLimiter: ratelimit.Local(s), connection: func(_ ratelimit.Shard, heartbeat time.Duration) ratelimit.Bucket {
			return ratelimit.NewWindow(ratelimit.ConnectionLimit-ratelimit.Reserve(heartbeat)+3, ratelimit.ConnectionPeriod)
		}}
	},
	"connections are apart": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		bucket := ratelimit.NewWindow(100, ratelimit.ConnectionPeriod)
		return broken{RateLimiter: ratelimit.Local(s), connection: func(ratelimit.Shard, time.Duration) ratelimit.Bucket { return bucket }}
	},
	"bucket tells the truth": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return spoiltBucket(s, func(b ratelimit.Bucket) ratelimit.Bucket { return liar{b, -time.Second} })
	},
	"payloads count from a late write": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return spoiltBucket(s, func(b ratelimit.Bucket) ratelimit.Bucket { return hasty{b} })
	},
	"a returned permit makes room": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return spoiltBucket(s, func(b ratelimit.Bucket) ratelimit.Bucket { return greedy{b} })
	},
	"identifies of a key are apart": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return ratelimit.Local(s, ratelimit.WithMargins(-100*time.Millisecond, 0))
	},
	"identifies of a key are apart, of one key": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		keys := s.MaxConcurrency // lanes there are as many as keys, but not by the key
		return spoilt(s, func(q *brokenQueue) {
			q.shard = func(shard ratelimit.Shard) ratelimit.Shard {
				return ratelimit.Shard{Generation: uint64(shard.Index), Index: shard.Index / keys % keys}
			}
			q.back = func(named ratelimit.Shard) ratelimit.Shard {
				return ratelimit.Shard{Generation: 1, Index: int(named.Generation), Total: 10_000}
			}
		})
	},
	"lowest shard first": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		mirror := func(shard ratelimit.Shard) ratelimit.Shard {
			shard.Index = 1000 - shard.Index
			return shard
		}
		return spoilt(s, func(q *brokenQueue) { q.shard, q.back = mirror, mirror })
	},
	"cancelled waiters cost nothing": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return spoilt(s, func(q *brokenQueue) { q.withdraw = func(time.Time, ratelimit.Shard) {} })
	},
	"a released permit costs nothing": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return spoilt(s, func(q *brokenQueue) { q.withdraw = q.IdentifyQueue.Used })
	},
	"slow writes count from the write": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return spoilt(s, func(q *brokenQueue) {
			queue := q.IdentifyQueue
			q.decided = func(decisions []ratelimit.Decision) { // it counts from the grant
				for _, d := range decisions {
					queue.Used(time.Now(), d.Shard)
				}
			}
		})
	},
	"a permit that expires counts as used": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return spoilt(s, func(q *brokenQueue) {
			queue := q.IdentifyQueue
			q.decided = func(decisions []ratelimit.Decision) { // it goes back when it expires
				for _, d := range decisions {
					time.AfterFunc(time.Until(d.Expires)-time.Millisecond, func() { queue.Withdraw(time.Now(), d.Shard) })
				}
			}
		})
	},
	"the budget's reserve is not spent": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return ratelimit.Local(s, ratelimit.WithReserve(0))
	},
	"a day is any 24 hours": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return &forgetful{start: s, RateLimiter: ratelimit.Local(s), began: time.Now()}
	},
	"an update applies at once": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return spoilt(s, func(q *brokenQueue) { q.update = func(time.Time, ratelimit.SessionStart) {} })
	},
	"reading changes nothing": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return spoilt(s, func(q *brokenQueue) {
			queue := q.IdentifyQueue
			q.forecasts = func(now time.Time) { queue.Update(now, s) }
		})
	},
	"who asks again begins anew": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return spoilt(s, func(q *brokenQueue) { // each question is one more
			asked := uint64(0)
			q.shard = func(shard ratelimit.Shard) ratelimit.Shard {
				asked++
				shard.Generation = asked
				return shard
			}
			q.back = func(shard ratelimit.Shard) ratelimit.Shard {
				shard.Generation = 1
				return shard
			}
		})
	},
	"two generations are two who wait": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return spoilt(s, func(q *brokenQueue) {
			q.shard = func(shard ratelimit.Shard) ratelimit.Shard {
				shard.Generation = 1
				return shard
			}
		})
	},
	"who is decided on is not decided again": func(s ratelimit.SessionStart) ratelimit.RateLimiter {
		return spoilt(s, func(q *brokenQueue) {
			queue := q.IdentifyQueue
			q.decided = func(decisions []ratelimit.Decision) { // it keeps its place
				for _, d := range decisions {
					queue.Ask(time.Now(), d.Shard)
				}
			}
		})
	},
}

// forgetful is a limiter whose queue is a new one when the day is over.
type forgetful struct {
	ratelimit.RateLimiter
	start ratelimit.SessionStart
	began time.Time
	queue *brokenQueue
}

func (f *forgetful) Identify() ratelimit.IdentifyQueue {
	f.queue = &brokenQueue{IdentifyQueue: f.RateLimiter.Identify()}
	return f
}

func (f *forgetful) fresh(now time.Time) ratelimit.IdentifyQueue {
	if now.Sub(f.began) >= f.start.ResetAfter {
		f.began = now
		f.queue.IdentifyQueue = ratelimit.Local(f.start).Identify()
	}
	return f.queue
}

func (f *forgetful) Ask(now time.Time, s ratelimit.Shard)      { f.fresh(now).Ask(now, s) }
func (f *forgetful) Withdraw(now time.Time, s ratelimit.Shard) { f.fresh(now).Withdraw(now, s) }
func (f *forgetful) Used(at time.Time, s ratelimit.Shard)      { f.queue.Used(at, s) }
func (f *forgetful) Update(now time.Time, start ratelimit.SessionStart) {
	f.fresh(now).Update(now, start)
}
func (f *forgetful) Decide(now time.Time) ([]ratelimit.Decision, time.Time) {
	return f.queue.Decide(now)
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
