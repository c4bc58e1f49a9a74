package shardmanager

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// refreshPause is the least time between two questions, however many shards are in trouble.
const refreshPause = time.Minute

// refresher asks GET /gateway/bot again when sessions were lost or dials fail: the budget may
// have been spent by others, the limits may have changed, and the URL may have moved. Shards do
// not wait for it; while the answer is under way they back off and gather. It asks as well before it advises more shards.
//
// Source: events/gateway#get-gateway-bot, which advises against caching the answer for long.
type refresher struct {
	m      *Manager
	shards *actors.Supervisor
	wake   chan struct{}
	stop   context.CancelFunc
	over   chan struct{}

	base int // what is left of the budget and Identifies of ours are together at the least, by all answers, if nobody else spends any

	mu     sync.Mutex
	spent  int         // Identifies of ours, without the latest
	latest []time.Time // of them, that Discord may not have counted yet

	adviser adviser
}

func newRefresher(m *Manager, shards *actors.Supervisor, found gateway) *refresher {
	ctx, cancel := context.WithCancel(context.Background())
	r := &refresher{
		m: m, shards: shards, base: found.Limit.Remaining.int(),
		wake: make(chan struct{}, 1), stop: cancel, over: make(chan struct{}),
		adviser: newAdviser(m.cfg.adviseFrom, found.Shards.int()),
	}
	go r.run(ctx)
	return r
}

// refresh has the refresher ask, as soon as it may. It does not wait.
func (m *Manager) refresh() {
	m.mu.Lock()
	r := m.refresher
	m.mu.Unlock()
	if r == nil {
		return
	}
	select {
	case r.wake <- struct{}{}:
	default: // it will anyway
	}
}

func (r *refresher) run(ctx context.Context) {
	defer close(r.over)
	look := time.NewTicker(adviseLook)
	defer look.Stop()
	var pause <-chan time.Time // nil: there is none
	ask := func() {
		if pause == nil {
			until := r.ask(ctx)
			pause = time.After(max(time.Until(until), refreshPause))
		}
	}
	for {
		wake := r.wake
		if pause != nil {
			wake = nil
		}
		select {
		case <-wake:
			ask()
		case <-pause:
			pause = nil
		case <-look.C:
			r.advise(ctx, ask)
		case <-ctx.Done():
			return
		}
	}
}

// ask asks once, and returns until when asking again is useless.
func (r *refresher) ask(ctx context.Context) (until time.Time) {
	began := time.Now()
	counted, _ := r.identifies()
	found, err := r.m.askGateway(ctx)
	if ctx.Err() == nil {
		r.m.asked(Discovery{Attempt: 1, Took: time.Since(began), Err: err})
	}
	var failed *DiscoveryError
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, ErrAuthentication):
		r.m.end(err, ending{})
	case errors.As(err, &failed):
		r.m.log.Warn("GET /gateway/bot failed: shards go on with what it said before", zap.Error(err))
		return failed.Until
	case err != nil:
		r.m.log.Error("discovery", zap.Error(err))
	default:
		r.shards.SetURL(found.URL)
		r.m.System().Root.Send(r.m.Supervisor(), actors.UpdateSessionStart{SessionStart: found.sessionStart()})
		r.account(found.Limit.Remaining.int(), counted)
		r.adviser.recommended = found.Shards.int()
	}
	return time.Time{}
}

// identified takes note of an Identify of ours.
func (m *Manager) identified() {
	m.mu.Lock()
	r := m.refresher
	m.mu.Unlock()
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.latest = append(r.latest, time.Now())
	r.settle()
}

// settle counts for good what Discord has counted by now.
func (r *refresher) settle() {
	for len(r.latest) > 0 && time.Since(r.latest[0]) >= ratelimit.IdentifyInterval {
		r.spent, r.latest = r.spent+1, r.latest[1:]
	}
}

// identifies are those of ours that Discord has counted by now, and all.
func (r *refresher) identifies() (counted, all int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle()
	return r.spent, r.spent + len(r.latest)
}

// account notices what others have spent. counted are Identifies of ours that the answer has counted; with later ones that is not known: they may be in
// flight, as the answer is. When the budget was filled meanwhile it notices nothing.
func (r *refresher) account(left, counted int) {
	_, all := r.identifies()
	foreign := r.base - (left + all)
	r.base = max(min(r.base, left+all), left+counted)
	if foreign <= 0 {
		return
	}
	r.m.log.Error("another process identifies with this token: beyond the daily budget Discord resets it", zap.Int("identifies", foreign), zap.Int("remaining", left))
	actors.Tell(r.m.observers, func(h HookForeignIdentifies) { h.OnForeignIdentifies(foreign) })
}
