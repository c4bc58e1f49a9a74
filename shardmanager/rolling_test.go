package shardmanager_test

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestRollingRestartTellsItsProgress: of each shard, once, with what is left, which is what then happens; and between two shards there is a pause. What
// Progress does, such as to panic or to take its time, costs its call.
func TestRollingRestartTellsItsProgress(t *testing.T) {
	const shards = 7
	for name, test := range map[string]struct {
		how   shardmanager.Rolling
		least time.Duration // between two shards that are back, but for the canary and the one after it
	}{
		"by default":    {shardmanager.Rolling{}, time.Second},
		"a long pause":  {shardmanager.Rolling{Pause: 20 * time.Second}, 20 * time.Second},
		"no pause":      {shardmanager.Rolling{Pause: -1}, 0},
		"three at once": {shardmanager.Rolling{AtOnce: 3, Pause: time.Minute}, 0},
		"it panics":     {shardmanager.Rolling{Progress: func(shardmanager.RollingProgress) { panic("no") }}, time.Second},
		"it takes 5 s":  {shardmanager.Rolling{Progress: func(shardmanager.RollingProgress) { time.Sleep(5 * time.Second) }}, 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(16))
				m := newManager(t, g)
				start(t, m)
				pass(time.Second)
				var all []shardmanager.RollingProgress
				var at []time.Time
				does := test.how.Progress
				test.how.Progress = func(p shardmanager.RollingProgress) {
					all, at = append(all, p), append(at, time.Now())
					if does != nil {
						does(p)
					}
				}
				if err := m.RollingRestartWith(t.Context(), test.how); err != nil {
					t.Fatal(err)
				}
				if len(all) != shards {
					t.Fatalf("told of %d shards: %+v", len(all), all)
				}
				seen := make(map[int]bool)
				for i, p := range all {
					if seen[p.Shard] || p.Done != i+1 || p.Of != shards || p.Away < 0 || p.Away > time.Minute {
						t.Errorf("call %d: %+v", i, p)
					}
					seen[p.Shard] = true
					if i >= 2 && at[i].Sub(at[i-1]) < test.least {
						t.Errorf("shard %d is back %v after the one before, want %v at the least", p.Shard, at[i].Sub(at[i-1]), test.least)
					}
				}
				if last := all[shards-1]; last.Left != 0 {
					t.Errorf("%v are left at the end", last.Left)
				}
				if test.how.AtOnce == 0 && does == nil && test.least > 0 {
					took := at[shards-1].Sub(at[2])
					if said := all[2].Left; said < took*9/10 || said > took*11/10+test.least {
						t.Errorf("after three shards %v were said to be left, and it took %v", said, took)
					}
				}
				if s := g.Stats(); s.Resumes != shards || m.Status().Ready() != shards {
					t.Errorf("%d Resumes, %d ready", s.Resumes, m.Status().Ready())
				}
			})
		})
	}
}

// TestRollingRestartIsAbortedInAPause: at once, and the error names the shard that did not go.
func TestRollingRestartIsAbortedInAPause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const shards = 4
		g := newGateway(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(16))
		m := newManager(t, g)
		start(t, m)
		ctx, abort := context.WithCancelCause(t.Context())
		defer abort(nil)
		var aborted time.Time
		err := m.RollingRestartWith(ctx, shardmanager.Rolling{Pause: time.Hour, Progress: func(p shardmanager.RollingProgress) {
			if p.Done == 2 {
				time.AfterFunc(time.Minute, func() { aborted = time.Now(); abort(errAborted) })
			}
		}}, 3, 2, 1, 0)
		var stopped *shardmanager.RollingError
		if !errors.As(err, &stopped) || !errors.Is(err, errAborted) || stopped.Shard != 1 || stopped.Done != 2 || stopped.Of != shards {
			t.Errorf("%v", err)
		}
		if aborted.IsZero() || time.Since(aborted) > time.Second {
			t.Errorf("it returned %v after the abort", time.Since(aborted))
		}
		pass(2 * time.Hour)
		if s := g.Stats(); s.Resumes != 2 {
			t.Errorf("%d Resumes", s.Resumes)
		}
		if status, _ := m.Shard(1).Status(); status.State != session.Ready || status.Conn != 1 {
			t.Errorf("the next one: %+v", status)
		}
	})
}

// TestRollingRestartOfAllAtOnce: whoever names more than there are, however many, has all of them away at once behind the canary, as it was foreseen.
func TestRollingRestartOfAllAtOnce(t *testing.T) {
	const shards = 5
	for name, atOnce := range map[string]int{"as many as follow": shards - 1, "as many as there are": shards, "one more": shards + 1, "the most": math.MaxInt} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(16))
				m := newManager(t, g)
				start(t, m)
				pass(time.Minute)
				how := shardmanager.Rolling{AtOnce: atOnce}
				how.Progress = func(p shardmanager.RollingProgress) {
					if p.Left < 0 || p.Left > 0 != (p.Done < shards) {
						t.Errorf("with %d of %d done %v are left", p.Done, p.Of, p.Left)
					}
				}
				f := foretold(t, g, m, how, func() {
					if err := m.RollingRestartWith(t.Context(), how); err != nil {
						t.Error(err)
					}
				})
				if f.Duration < 10*time.Second || f.Duration > 11*time.Second {
					t.Errorf("%v", f)
				}
			})
		})
	}
}

// TestRollingRestartOfNone is done, and was foreseen to be: all shards are paused.
func TestRollingRestartOfNone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(16))
		m := newManager(t, g)
		start(t, m)
		if err := m.Pause(t.Context(), 0, 1); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		f := foretold(t, g, m, shardmanager.Rolling{}, func() {
			if err := m.RollingRestart(t.Context()); err != nil {
				t.Error(err)
			}
		})
		if f.Shards != 0 || f.Duration != 0 {
			t.Errorf("%v", f)
		}
	})
}

// TestNoShardGoesWhileProgressIsTold of one that is back: nor one of those that may be away beside it.
func TestNoShardGoesWhileProgressIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const shards = 6
		g := newGateway(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(16))
		m := newManager(t, g)
		start(t, m)
		var telling atomic.Bool
		g.OnFrame(func(f gatewaytest.Frame) bool { return telling.Load() && f.Op == events.OpResume }) // who goes then does not come back at once
		gone := func() (n int) {
			for _, s := range m.Status().Shards {
				if s.Conn > 1 || s.State != session.Ready {
					n++
				}
			}
			return n
		}
		err := m.RollingRestartWith(t.Context(), shardmanager.Rolling{AtOnce: 2, Progress: func(p shardmanager.RollingProgress) {
			if p.Done != 3 { // the second of two
				return
			}
			telling.Store(true)
			before := gone()
			time.Sleep(5 * time.Second)
			if n := gone(); n != before {
				t.Errorf("%d shards went meanwhile", n-before)
			}
			telling.Store(false)
		}})
		if n := gone(); err != nil || n != shards {
			t.Errorf("%v; %d went", err, n)
		}
	})
}

// TestRollingRestartLeavesOutWhatIsPausedMeanwhile: the others have their turn.
func TestRollingRestartLeavesOutWhatIsPausedMeanwhile(t *testing.T) {
	for name, paused := range map[string][]int{"one": {2}, "the last": {3}, "all the others": {1, 2, 3}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				const shards = 4
				g := newGateway(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(16))
				m := newManager(t, g)
				start(t, m)
				time.AfterFunc(5*time.Second, func() { // while the canary is watched
					if err := m.Pause(t.Context(), paused...); err != nil {
						t.Error(err)
					}
				})
				var last shardmanager.RollingProgress
				left := shards - len(paused)
				err := m.RollingRestartWith(t.Context(), shardmanager.Rolling{AtOnce: 2, Progress: func(p shardmanager.RollingProgress) { last = p }})
				if err != nil || last.Done != left {
					t.Errorf("%v, %+v", err, last)
				}
				if s := g.Stats(); s.Resumes != left || m.Status().Ready() != left {
					t.Errorf("%d Resumes, %d ready", s.Resumes, m.Status().Ready())
				}
			})
		})
	}
}
