package shardmanager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/session"
)

// WithStandby has Start run no shard: each waits, as one that another process runs, until it is adopted (Manager.Adopt). WaitReady waits for the
// first of them, and for all that were adopted by then. Sessions that the store holds are left alone. The default is to run all shards at once.
func WithStandby() Option { return func(c *config) { c.standby = true } }

// Release gives up a shard for whoever adopts it, here or in another process, and returns its session. From its first moment on the shard takes no
// more send events (actors.ErrMoving). What was written may be answered, for half of the time of WithDrain; then the connection ends, and the session
// stays with Discord, for a few minutes; and handlers may finish what has come, until that time is over, or until the context's deadline is near.
//
// The snapshot is Exact if they have: then nothing is lost and nothing comes twice. If not, what they had not finished comes again where the shard is
// adopted, with Meta.Redelivered, and is not begun here any more. It carries the fence under which the shard is adopted, once. Without a
// SessionID there was no session to keep. It holds secrets: see session.Snapshot.
//
// A released shard does not run here again but by Adopt. Asked again, Release returns the same. When ctx ends before the end, or the supervisor
// crashes, the release goes on: ask again. In a handler, that handler's event counts as not finished. Other errors are ErrNotStarted, ErrClosed, ErrResharding,
// actors.ErrUnknownShard and actors.ErrNotReleased.
func (m *Manager) Release(ctx context.Context, shard int) (session.Snapshot, error) {
	key, err := m.key(ctx, shard)
	if err == nil && m.isResharding() {
		err = ErrResharding
	}
	if err != nil {
		return session.Snapshot{}, err
	}
	by, _ := ctx.Deadline()
	within := m.drainTime(by)
	if within <= 0 {
		within = -1
	}
	answer, err := m.ask(ctx, actors.ReleaseShard{Key: key, Within: within}, max(within, 0)+supervisorTimeout)
	if released, ok := answer.(*actors.ShardReleased); ok {
		return released.Snapshot, nil
	}
	return session.Snapshot{}, err
}

// Adopt has a shard run here that another process has released, or this one: of this bot, and of as many shards. The session is resumed. A new one
// begins if there is none, or if it began with other intents, capabilities or another large threshold (its Change is Lost, with a
// *session.TermsError), if the snapshot is older than session.MaxAge (a *session.AgeError), or if Discord does not know it any more. Adopt returns when the shard is to run; WaitReady waits for it.
//
// A snapshot is adopted once: its fence must be higher than any under which the shard was had here, and than the one in the session store, which is
// told before the shard runs. After an error nothing has changed: an *actors.AdoptError, an error of the store, ErrNotStarted, ErrClosed, or that
// of ctx.
//
// A shard of a process that has died is taken over by what the store holds of it, with a Fence that is higher by one. Where it holds nothing, as when the
// session has ended, the fence is forgotten as well: then a Snapshot of the Shard alone does, with the time as its Fence, as a start has
// (time.Time.UnixMicro). With a lower one, a process that was taken for dead and comes back would have the shard's snapshot, and not this one.
func (m *Manager) Adopt(ctx context.Context, snapshot session.Snapshot) error {
	if ctx == nil {
		return errNilContext
	}
	_, err := m.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(m.life, func() { cancel(context.Cause(m.life)) })()
	select {
	case m.claims.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-m.claims.turn }()
	if _, err = m.shards.Adoptable(snapshot); err != nil {
		return err
	}
	m.mu.Lock()
	saver := m.saver
	m.mu.Unlock()
	stored := snapshot
	if saver != nil {
		stored.Exact, stored.SavedAt = false, time.Now() // from here on the store may be behind
		if stored, err = m.claimShard(ctx, stored); err != nil {
			return err
		}
	}
	if _, err = m.ask(ctx, actors.AdoptShard{Snapshot: snapshot}, supervisorTimeout); err != nil {
		if saver != nil {
			m.claims.unknown[stored.Shard] = stored // it is this Manager's, though the shard does not run: or it could never be adopted again
		}
		return err
	}
	if saver != nil {
		saver.adopted(stored)
	}
	return nil
}

const supervisorTimeout = 10 * time.Second // for an answer of the supervisor

// key is the key of a shard that serves, or why there is none.
func (m *Manager) key(ctx context.Context, shard int) (actors.Key, error) {
	if ctx == nil {
		return actors.Key{}, errNilContext
	}
	_, key, err := m.clientOf(shard)
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return key, err
}

// ask asks the supervisor, again if it has crashed on that. The error is also that of a refusal.
func (m *Manager) ask(ctx context.Context, message any, timeout time.Duration) (answer any, err error) {
	system, supervisor := m.System(), m.Supervisor()
	type result struct {
		answer any
		err    error
	}
	for attempt := 1; ; attempt++ {
		answered := make(chan result, 1)
		go func() { // it ends with the question
			var r result
			r.err = foreign.Call("a question to the supervisor", func() (err error) {
				r.answer, err = system.Root.RequestFuture(supervisor, message, timeout).Result()
				return err
			})
			answered <- r
		}()
		var r result
		select {
		case r = <-answered:
		case <-ctx.Done():
			return nil, fmt.Errorf("shardmanager: the supervisor has not answered yet, and may do it all the same: %w", context.Cause(ctx))
		case <-m.done:
			r.err = ErrClosed
		}
		if _, ended := m.client(); r.err != nil && ended != nil {
			return nil, ended
		}
		if r.err != nil {
			return nil, fmt.Errorf("shardmanager: the supervisor does not answer: %w", r.err)
		}
		switch a := r.answer.(type) {
		case *actors.Refusal:
			err = a.Err
		case *actors.ShardsStarted:
			err = a.Err
		case *actors.PlanSet, *actors.ShardReleased, *actors.Plan, *actors.IdentifyQueue:
			err = nil
		default:
			return nil, fmt.Errorf("shardmanager: the supervisor answers with a %T", r.answer)
		}
		switch {
		case err == nil:
			return r.answer, nil
		case errors.Is(err, actors.ErrCrashed) && attempt < 3:
		case errors.Is(err, actors.ErrClosed):
			if _, ended := m.client(); ended != nil {
				return nil, ended
			}
			return nil, err
		default:
			return nil, fmt.Errorf("shardmanager: %w", err)
		}
	}
}

// claims are how shards are taken over in the store: one at a time.
type claims struct {
	turn    chan struct{}                       // of capacity 1
	unknown map[events.ShardID]session.Snapshot // of which the store has not said what became of them, or that were not adopted then
}

func newClaims() claims {
	return claims{make(chan struct{}, 1), make(map[events.ShardID]session.Snapshot)}
}

// claimShard takes a shard over in the store, unless somebody has it under as high a fence. It returns what is stored.
func (m *Manager) claimShard(ctx context.Context, snapshot session.Snapshot) (session.Snapshot, error) {
	before := m.claims.unknown[snapshot.Shard]
	err := m.claimIn(ctx, snapshot)
	switch {
	case err == nil:
	case !errors.Is(err, session.ErrFenced):
		m.claims.unknown[snapshot.Shard] = snapshot
		return snapshot, fmt.Errorf("shardmanager: session store: shard %v: %w", snapshot.Shard, err)
	case before.Fence == snapshot.Fence && before.SessionID == snapshot.SessionID && m.isStored(ctx, before): // it was this Manager
		snapshot = before
	default:
		return snapshot, &actors.AdoptError{Shard: snapshot.Shard, Err: fmt.Errorf("%w: the store has it under a fence that is not below %d", session.ErrFenced, snapshot.Fence)}
	}
	delete(m.claims.unknown, snapshot.Shard)
	return snapshot, nil
}

func (m *Manager) claimIn(ctx context.Context, snapshot session.Snapshot) error {
	if store, ok := m.cfg.store.(session.Claimer); ok {
		return callStore(ctx, "Claim", func() error { return store.Claim(ctx, snapshot) })
	}
	stored, err := askStore(ctx, "Load", func() (session.Snapshot, error) { return m.cfg.store.Load(ctx, snapshot.Shard) })
	switch {
	case errors.Is(err, session.ErrNoSnapshot):
	case err != nil:
		return err
	case stored.Fence >= snapshot.Fence:
		return &session.FencedError{Shards: []events.ShardID{snapshot.Shard}}
	}
	return callStore(ctx, "Save", func() error { return m.cfg.store.Save(ctx, snapshot) })
}

func (m *Manager) isStored(ctx context.Context, snapshot session.Snapshot) bool {
	stored, err := askStore(ctx, "Load", func() (session.Snapshot, error) { return m.cfg.store.Load(ctx, snapshot.Shard) })
	return err == nil && stored.Fence == snapshot.Fence && stored.SessionID == snapshot.SessionID && stored.SavedAt.Equal(snapshot.SavedAt)
}
