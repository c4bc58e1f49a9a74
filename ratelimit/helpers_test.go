package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// budget is a day's, of which nothing is spent.
func budget(total, keys int) ratelimit.SessionStart {
	return ratelimit.SessionStart{Total: total, Remaining: total, ResetAfter: 24 * time.Hour, MaxConcurrency: keys}
}

func queue(start ratelimit.SessionStart, opts ...ratelimit.Option) *ratelimit.Queue {
	return ratelimit.Local(start, opts...).Identify().(*ratelimit.Queue)
}

// asker asks a queue, and notes who was answered when. What it was granted it uses at once, unless it keeps it.
type asker struct {
	queue *ratelimit.Queue
	keep  bool
	began time.Time

	mu      sync.Mutex
	order   []int
	at      map[int]time.Duration // shard → when it was answered last
	permits map[int]ratelimit.Permit
}

func newAsker(queue *ratelimit.Queue) *asker {
	return &asker{queue: queue, began: time.Now(), at: make(map[int]time.Duration), permits: make(map[int]ratelimit.Permit)}
}

// uses says that it uses from now on what it is granted.
func (a *asker) uses() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keep = false
}

func (a *asker) ask(shards ...int) {
	for _, shard := range shards {
		a.queue.Enqueue(shard, func(p ratelimit.Permit) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.order = append(a.order, shard)
			a.at[shard], a.permits[shard] = time.Since(a.began), p
			if p.Err() == nil && !a.keep {
				p.Used()
			}
		})
	}
}

// answered is who was answered within the time, in order.
func (a *asker) answered(within time.Duration) []int {
	time.Sleep(within)
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	order := a.order
	a.order = nil
	return order
}

func (a *asker) permit(t *testing.T, shard int) ratelimit.Permit {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	p, ok := a.permits[shard]
	if !ok {
		t.Fatalf("shard %d has no answer", shard)
	}
	return p
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
