package shardmanager_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// moody is a store each of whose methods may do something else than return, by its name.
type moody struct {
	disk
	mu    sync.Mutex
	moods map[string]func() error
	calls map[string]int
}

func newMoody() *moody {
	return &moody{disk: disk{Store: session.NewMemoryStore()}, moods: make(map[string]func() error), calls: make(map[string]int)}
}

// mood has a method do something before all else; nil: nothing.
func (m *moody) mood(method string, do func() error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.moods[method] = do
}

func (m *moody) called(method string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[method]
}

func (m *moody) do(method string) error {
	m.mu.Lock()
	do := m.moods[method]
	m.calls[method]++
	m.mu.Unlock()
	if do == nil {
		return nil
	}
	return do()
}

func (m *moody) Load(ctx context.Context, id events.ShardID) (session.Snapshot, error) {
	if err := m.do("Load"); err != nil {
		return session.Snapshot{}, err
	}
	return m.disk.Load(ctx, id)
}

func (m *moody) Save(ctx context.Context, all ...session.Snapshot) error {
	if err := m.do("Save"); err != nil {
		return err
	}
	return m.disk.Save(context.WithoutCancel(ctx), all...)
}

func (m *moody) Delete(ctx context.Context, id events.ShardID) error {
	if err := m.do("Delete"); err != nil {
		return err
	}
	return m.disk.Delete(ctx, id)
}

func (m *moody) LoadLedger(ctx context.Context) (ratelimit.LedgerState, error) {
	if err := m.do("LoadLedger"); err != nil {
		return ratelimit.LedgerState{}, err
	}
	return m.disk.LoadLedger(ctx)
}

func (m *moody) SaveLedger(ctx context.Context, state ratelimit.LedgerState) error {
	if err := m.do("SaveLedger"); err != nil {
		return err
	}
	return m.disk.SaveLedger(context.WithoutCancel(ctx), state)
}

// refusals keeps the errors of Identifies that are refused.
type refusals struct {
	mu  sync.Mutex
	all []error
}

func (r *refusals) OnIdentify(m actors.IdentifyMoved) {
	if m.Stage == actors.IdentifyRefused {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.all = append(r.all, m.Err)
	}
}

func (r *refusals) ledger() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, err := range r.all {
		var why *ratelimit.LedgerError
		if errors.As(err, &why) {
			n++
		}
	}
	return n
}

// eachMood runs f with each way in which a method of a store does not do what it should, and with what ends it.
func eachMood(t *testing.T, f func(t *testing.T, bad func() error, heal func())) {
	t.Helper()
	for _, way := range []string{"hangs", "panics", "calls Goexit", "fails"} {
		t.Run(way, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				gate := make(chan struct{})
				open := sync.OnceFunc(func() { close(gate) })
				defer open()
				f(t, map[string]func() error{
					"hangs": func() error { <-gate; return nil }, "panics": func() error { panic(secretPanic) },
					"calls Goexit": func() error { runtime.Goexit(); return nil }, "fails": func() error { return errDisk },
				}[way], open)
			})
		})
	}
}
