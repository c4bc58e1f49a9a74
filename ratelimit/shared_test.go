package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// shared is a ledger for several processes, in memory.
type shared struct {
	mu       sync.Mutex
	state    ratelimit.LedgerState
	version  uint64
	loads    int
	tries    int // to save
	saves    int
	fail     error         // of SaveLedger
	slow     time.Duration // each call
	restless bool          // it always says that it was changed
}

func (l *shared) LoadLedger(context.Context) (ratelimit.LedgerState, error) {
	time.Sleep(l.slow)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loads++
	state := l.state
	state.Written, state.Spent, state.Version = maps.Clone(state.Written), slices.Clone(state.Spent), l.version+1
	return state, nil
}

func (l *shared) SaveLedger(_ context.Context, state ratelimit.LedgerState) error {
	time.Sleep(l.slow)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tries++
	switch {
	case l.fail != nil:
		return l.fail
	case l.restless || state.Version != l.version+1:
		return ratelimit.ErrLedgerChanged
	}
	l.state, l.version, l.saves = state, l.version+1, l.saves+1
	return nil
}

// start is an Identify as the gateway sees it.
type start struct {
	process, shard int
	at             time.Time
}

// tooClose are the Identifies of one key that came within an interval, and a margin of nothing.
func tooClose(starts []start, keys int) (bad []string) {
	slices.SortFunc(starts, func(a, b start) int { return a.at.Compare(b.at) })
	last := make(map[int]start)
	for _, s := range starts {
		if before, ok := last[s.shard%keys]; ok && s.at.Sub(before.at) < ratelimit.IdentifyInterval {
			bad = append(bad, fmt.Sprintf("%+v and %+v are %v apart", before, s, s.at.Sub(before.at)))
		}
		last[s.shard%keys] = s
	}
	return bad
}

// run runs several owners at once, each in small steps.
func run(within time.Duration, all ...*asker) {
	var done sync.WaitGroup
	for _, a := range all {
		done.Go(func() { a.Run(within) })
	}
	done.Wait()
}

// TestProcessesThatShareALedger: several with one token, without any server, never identify too close to one another; all get their turn, about as soon as one
// process alone would have it; and what they spend is one budget.
func TestProcessesThatShareALedger(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 7))
			processes, keys := 2+random.IntN(3), 1+random.IntN(3)
			const shards = 60
			l := &shared{slow: time.Duration(random.IntN(30)) * time.Millisecond}
			var mu sync.Mutex
			var starts []start
			var all []*asker
			for process := range processes {
				a := newAsker(queue(budget(1000, keys), ratelimit.WithLedger(l)))
				a.Decided = func(d ratelimit.Decision) {
					if d.Err != nil {
						t.Errorf("shard %v: %v", d.Shard, d.Err)
						return
					}
					mu.Lock()
					slow, gone := time.Duration(random.IntN(300))*time.Millisecond, random.IntN(10) == 0
					mu.Unlock()
					time.Sleep(slow)
					if gone { // it has lost its connection, and comes again
						a.Withdraw(d.Shard)
						a.Ask(d.Shard)
						return
					}
					mu.Lock()
					starts = append(starts, start{process, d.Shard.Index, time.Now()})
					mu.Unlock()
					a.Used(d.Shard)
				}
				for shard := process; shard < shards; shard += processes {
					a.ask(shard)
				}
				all = append(all, a)
			}
			run(time.Duration(shards/keys)*8*time.Second, all...)
			if len(starts) != shards {
				t.Errorf("seed %d: %d of %d started, with %d processes and %d keys", seed, len(starts), shards, processes, keys)
			}
			for _, bad := range tooClose(starts, keys) {
				t.Errorf("seed %d: %s", seed, bad)
			}
			run(time.Minute, all...) // they tell one another
			next := newAsker(queue(budget(1000, keys), ratelimit.WithLedger(l)))
			next.ask(0)
			next.Run(time.Minute)
			if s := next.stats(); s.Remaining != 1000-shards-1 {
				t.Errorf("seed %d: %d are left of the budget, want %d", seed, s.Remaining, 1000-shards-1)
			}
		})
	}
}

// TestBudgetIsShared: several processes together never touch the reserve, whatever Discord says to each at its start.
func TestBudgetIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := new(shared)
		granted, refused := 0, 0
		var all []*asker
		for process := range 3 {
			a := newAsker(queue(budget(100, 200), ratelimit.WithLedger(l)))
			decided := a.Decided
			a.Decided = func(d ratelimit.Decision) {
				decided(d)
				if d.Err == nil {
					granted++
				} else {
					refused++
				}
			}
			for shard := range 40 {
				a.ask(process*40 + shard)
			}
			a.Run(time.Second) // one after the other, so that nothing is counted twice
			all = append(all, a)
		}
		run(2*time.Minute, all...)
		if granted != 90 || refused != 30 {
			t.Errorf("%d were granted and %d refused, want 90 and 30", granted, refused)
		}
	})
}

// TestPermitOfAProcessThatDied counts until it ends, and no longer.
func TestPermitOfAProcessThatDied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := new(shared)
		dead := newAsker(queue(budget(100, 1), ratelimit.WithLedger(l)))
		dead.keep = true
		dead.ask(0)
		same(t, "granted", dead.answered(time.Second), 0)
		next := newAsker(queue(budget(100, 1), ratelimit.WithLedger(l)))
		next.ask(1)
		same(t, "granted", next.answered(time.Minute), 1)
		if at := next.at[1]; at < 33*time.Second || at > 41*time.Second {
			t.Errorf("granted after %v", at)
		}
	})
}

// TestLedgerThatWasLost: each key counts as just used, and of the budget Discord's word alone is known.
func TestLedgerThatWasLost(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ago, wait time.Duration
	}{"just now": {0, 5250 * time.Millisecond}, "a moment ago": {2 * time.Second, 3250 * time.Millisecond}, "long ago": {time.Minute, 0}, "by a clock that is ahead": {-time.Hour, 5250 * time.Millisecond}} {
		for _, sharing := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				state := ratelimit.LedgerState{Lost: time.Now().Add(-test.ago)}
				var l ratelimit.Ledger = &ledger{state: state}
				if sharing {
					l = &shared{state: state}
				}
				a := newAsker(queue(budget(100, 16), ratelimit.WithLedger(l)))
				a.ask(0, 1, 15)
				same(t, name, a.answered(time.Minute), 0, 1, 15)
				for shard, took := range a.at {
					if took < test.wait || took > test.wait+200*time.Millisecond {
						t.Errorf("%s: shard %d is granted after %v, want %v", name, shard, took, test.wait)
					}
				}
				if s := a.stats(); s.Remaining != 97 {
					t.Errorf("%s: %d are left", name, s.Remaining)
				}
			})
		}
	}
}

// TestSharedLedgerThatFails grants nothing while it does, is not asked without end, and goes on when it can.
func TestSharedLedgerThatFails(t *testing.T) {
	t.Parallel()
	for name, ill := range map[string]func(*shared, bool){
		"it cannot be written": func(l *shared, ill bool) { l.fail = map[bool]error{true: errors.New("the disk is full")}[ill] },
		"it never settles":     func(l *shared, ill bool) { l.restless = ill },
	} {
		synctest.Test(t, func(t *testing.T) {
			l := new(shared)
			a := newAsker(queue(budget(100, 1), ratelimit.WithLedger(l)))
			a.keep = true
			a.ask(0)
			same(t, name, a.answered(time.Second), 0)
			ill(l, true)
			a.used(0)
			a.ask(1)
			same(t, name, a.answered(time.Minute), 1)
			var no *ratelimit.LedgerError
			if err := a.refusal(t, 1); !errors.As(err, &no) {
				t.Fatalf("%s: %v", name, err)
			}
			ill(l, false)
			a.ask(1)
			same(t, name, a.answered(time.Minute), 1)
			if err := a.refusal(t, 1); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if s := l.state; len(s.Spent) == 0 || s.Remaining != 98 {
				t.Errorf("%s: %+v", name, s)
			}
		})
	}
}

// TestClockThatWasSetBackHoldsNoKeyUp: what another process wrote before that is yet to come for an hour, and counts as a permit that is out now.
func TestClockThatWasSetBackHoldsNoKeyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &shared{version: 1, state: ratelimit.LedgerState{Written: map[ratelimit.Shard]time.Time{shard(3): time.Now().Add(time.Hour)}}}
		a := newAsker(queue(budget(1000, 1), ratelimit.WithLedger(l)))
		a.ask(0)
		a.Run(2 * time.Minute)
		d, ok := a.got[0]
		if least := ratelimit.WorkTimeout + ratelimit.IdentifyInterval; !ok || d.Err != nil || a.at[0] < least || a.at[0] > least+time.Minute {
			t.Errorf("answered: %v, after %v: %v", ok, a.at[0], d.Err)
		}
	})
}
