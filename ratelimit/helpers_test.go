package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/ratelimit/limitertest"
)

// budget is a day's, of which nothing is spent.
func budget(total, keys int) ratelimit.SessionStart {
	return ratelimit.SessionStart{Total: total, Remaining: total, ResetAfter: 24 * time.Hour, MaxConcurrency: keys}
}

func queue(start ratelimit.SessionStart, opts ...ratelimit.Option) *ratelimit.Queue {
	return ratelimit.Local(start, opts...).Identify().(*ratelimit.Queue)
}

// shard is one of the first generation.
func shard(index int) ratelimit.Shard { return ratelimit.Shard{Index: index, Total: 1000} }

// asker asks a queue, and notes who was answered when. What it was granted it uses at once, unless it keeps it.
type asker struct {
	*limitertest.Owner
	queue *ratelimit.Queue
	keep  bool
	began time.Time

	order []int
	at    map[int]time.Duration // shard → when it was answered last
	got   map[int]ratelimit.Decision
}

func newAsker(queue *ratelimit.Queue) *asker {
	a := &asker{Owner: limitertest.NewOwner(queue), queue: queue, began: time.Now(), at: make(map[int]time.Duration), got: make(map[int]ratelimit.Decision)}
	a.Decided = func(d ratelimit.Decision) {
		index := d.Shard.Index
		a.order = append(a.order, index)
		a.at[index], a.got[index] = time.Since(a.began), d
		if d.Err == nil && !a.keep {
			a.Used(d.Shard)
		}
	}
	return a
}

func (a *asker) ask(shards ...int) {
	for _, index := range shards {
		a.Ask(shard(index))
	}
}

func (a *asker) used(index int) { a.Used(shard(index)) }

func (a *asker) withdraw(index int) { a.Withdraw(shard(index)) }

func (a *asker) stats() ratelimit.QueueStats { return a.queue.Stats(time.Now()) }

// answered is who was answered within the time, in order.
func (a *asker) answered(within time.Duration) []int {
	a.Run(within)
	order := a.order
	a.order = nil
	return order
}

// refusal is why a shard has no permit, by the latest answer; nil: it has one.
func (a *asker) refusal(t *testing.T, index int) error {
	t.Helper()
	d, ok := a.got[index]
	if !ok {
		t.Fatalf("shard %d has no answer", index)
	}
	return d.Err
}

func same(t *testing.T, what string, got []int, want ...int) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

// ledger is one in memory, which may be slow and may fail.
type ledger struct {
	slowLoad, slowSave time.Duration

	mu                 sync.Mutex
	hangs              bool // LoadLedger and SaveLedger end with their context alone
	state              ratelimit.LedgerState
	loadErr, saveErr   error
	loads, saves       int
	loadTook, saveTook time.Duration
	under, most        int // calls under way, and how many there were at once
}

func (l *ledger) wait(ctx context.Context, slow time.Duration) error {
	l.mu.Lock()
	l.under++
	l.most = max(l.most, l.under)
	hangs := l.hangs
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.under--
		l.mu.Unlock()
	}()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	time.Sleep(slow)
	return nil
}

func (l *ledger) LoadLedger(ctx context.Context) (ratelimit.LedgerState, error) {
	begin := time.Now()
	err := l.wait(ctx, l.slowLoad)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loads++
	l.loadTook = time.Since(begin)
	return l.state, errors.Join(err, l.loadErr)
}

func (l *ledger) SaveLedger(ctx context.Context, state ratelimit.LedgerState) error {
	begin := time.Now()
	err := l.wait(ctx, l.slowSave)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.saves++
	l.saveTook = time.Since(begin)
	if err = errors.Join(err, l.saveErr); err == nil {
		l.state = state
		l.state.Written = maps.Clone(state.Written)
	}
	return err
}

// fails says how it fails from now on.
func (l *ledger) fails(load, save error, hangs bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loadErr, l.saveErr, l.hangs = load, save, hangs
}

func (l *ledger) saved() ratelimit.LedgerState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// accesses is how often it was read and written.
func (l *ledger) accesses() (loads, saves int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.loads, l.saves
}
