package shardmanager

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/internal/zaplog"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// Errors of a Manager as a whole.
var (
	ErrNotStarted = errors.New("shardmanager: not started: call Start first")
	ErrStarted    = errors.New("shardmanager: started before: a Manager starts once")
	ErrClosed     = errors.New("shardmanager: closed")
)

// Manager runs the shards of one bot. Make it with New, then Start it. It is safe for
// concurrent use.
type Manager struct {
	cfg       config
	log       *zap.Logger // through logs
	logs      *zaplog.Async
	bus       *bus.Bus
	board     *actors.Board
	observers *actors.Observers
	done      chan struct{}   // closed when everything has ended
	life      context.Context // until it begins to end
	endLife   context.CancelCauseFunc

	mu         sync.Mutex
	phase      phase
	cause      error                   // why it ends; nil: it was asked to
	mistakes   []error                 // of handlers that were subscribed before Start
	abort      context.CancelCauseFunc // of Start
	own        bool                    // the actor system is ours to shut down
	system     *actor.ActorSystem
	shards     *actors.Supervisor
	supervisor *actor.PID
	saver      *saver
	refresher  *refresher
	nextAsk    time.Time // GET /gateway/bot is not asked before
}

type phase int

const (
	phaseNew phase = iota
	phaseStarting
	phaseRunning
	phaseClosing
)

// New checks the options together. The error joins one *OptionError for each that cannot work.
func New(token string, opts ...Option) (*Manager, error) {
	m := &Manager{board: actors.NewBoard(), done: make(chan struct{})}
	m.life, m.endLife = context.WithCancelCause(context.Background())
	m.cfg = config{apiURL: defaultAPIURL}
	m.cfg.identify = events.Identify{
		Token:      events.Secret(token),
		Properties: events.Properties{OS: goos, Browser: library, Device: library},
	}
	for _, opt := range opts {
		opt(&m.cfg)
	}
	m.cfg.fill()
	if err := m.cfg.check(); err != nil {
		return nil, err
	}
	m.log, m.logs = zaplog.Wrap(m.cfg.log)
	m.observers = actors.NewObservers(m.log, m.cfg.hooks...)
	m.bus = m.newBus()
	return m, nil
}

// Start asks the gateway how to connect, and starts the shards. A handler that no intent feeds is
// a *NoIntentError, one with an option that cannot work an *OptionError. It returns when they are being
// started; WaitReady waits until they are ready. ctx bounds Start alone. After an error the
// Manager is closed.
func (m *Manager) Start(ctx context.Context) error {
	m.mu.Lock()
	if m.phase != phaseNew {
		defer m.mu.Unlock()
		if m.phase == phaseClosing {
			return ErrClosed
		}
		return ErrStarted
	}
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	m.phase, m.abort = phaseStarting, abort
	m.mu.Unlock()

	err := m.start(ctx)
	m.mu.Lock()
	closing := m.phase == phaseClosing
	if !closing {
		m.phase = phaseRunning
	}
	m.mu.Unlock()
	if closing {
		m.shutdown(events.CloseNone)
		return errors.Join(ErrClosed, err)
	}
	if err != nil {
		m.end(err, events.CloseNone)
		<-m.done
	}
	return err
}

func (m *Manager) start(ctx context.Context) error {
	if err := errors.Join(m.checkHandlers(), m.checkIntents()); err != nil {
		return err
	}
	found, err := m.discover(ctx)
	if err != nil {
		return err
	}
	limiter := m.cfg.limiter
	if limiter == nil {
		var opts []ratelimit.Option
		if m.cfg.reserve != nil {
			opts = append(opts, ratelimit.WithReserve(*m.cfg.reserve))
		}
		if ledger, ok := m.cfg.store.(ratelimit.Ledger); ok {
			opts = append(opts, ratelimit.WithLedger(ledger))
		}
		limiter = ratelimit.Local(found.sessionStart(), opts...)
	}
	total := m.cfg.total
	if total == 0 {
		total = found.Shards
	}
	ids := m.cfg.ids
	if ids == nil {
		ids = make([]int, total)
		for i := range ids {
			ids[i] = i
		}
	}
	compression := m.cfg.compression
	if compression == "" {
		compression = compressionFor(len(ids))
	}
	shards, err := actors.NewSupervisor(actors.SupervisorConfig{
		Identify: m.cfg.identify, URL: found.URL, Limiter: limiter, SessionStart: found.sessionStart(), Compression: compression,
		NetDial: m.cfg.netDial, GatewayHosts: m.cfg.hosts, QueueLimit: m.cfg.queueLimit,
		Bus: m.bus, Board: m.board, Observers: m.observers, Changed: m.changed, Logger: m.log, ShardProps: m.cfg.props, Seed: m.cfg.seed,
		DialRate: m.cfg.dialRate, DeafSession: m.cfg.deaf,
	})
	if err != nil {
		return err
	}
	var stored map[events.ShardID]session.Snapshot
	if m.cfg.store != nil {
		if stored, err = m.restore(ctx, ids, total); err != nil {
			return err
		}
	}
	system, own := m.cfg.system, m.cfg.system == nil
	if own {
		system = newSystem(m.log)
	}
	opts := []actor.PropsOption{actor.WithGuardian(actors.Guardian())}
	var supervisor *actor.PID
	err = foreign.Call("WithActorProps", func() error { // what props do as the actor is spawned is the user's as well
		if m.cfg.props != nil {
			opts = append(opts, m.cfg.props(actors.Key{})...)
		}
		supervisor = system.Root.SpawnPrefix(shards.Props(opts...), "signalbox-")
		return nil
	})
	if err != nil {
		if own {
			system.Shutdown()
		}
		return fmt.Errorf("shardmanager: %w", err)
	}
	m.mu.Lock()
	m.system, m.own, m.shards, m.supervisor = system, own, shards, supervisor
	if m.cfg.store != nil {
		m.saver = newSaver(m, stored)
	}
	m.refresher = newRefresher(m, shards, total, found.Limit.Remaining)
	m.mu.Unlock()
	go m.guard()
	start := actors.StartShards{Total: total, IDs: ids, Sessions: slices.Collect(maps.Values(stored))}
	for attempt := 1; ; attempt++ {
		answer, err := system.Root.RequestFuture(supervisor, start, startTimeout).Result()
		if err != nil {
			return fmt.Errorf("shardmanager: the supervisor does not answer: %w", err)
		}
		started, ok := answer.(*actors.ShardsStarted)
		if !ok {
			return fmt.Errorf("shardmanager: the supervisor answers with a %T", answer)
		}
		if err = started.Err; !errors.Is(err, actors.ErrCrashed) || attempt == 3 {
			return err
		}
	}
}

// guard ends the Manager when its supervisor has ended, since somebody else has stopped it.
func (m *Manager) guard() {
	select {
	case <-m.board.Done():
		m.end(fmt.Errorf("shardmanager: %w", m.board.Err()), events.CloseNone) //seam:ended-supervisor-ends-manager
	case <-m.done:
	}
}

const startTimeout = 10 * time.Second // for the supervisor to start its shards' actors

const deadLetterPause = 5 * time.Millisecond

// Supervisor is the supervisor's PID, for actors that send to it; nil before Start.
func (m *Manager) Supervisor() *actor.PID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.supervisor
}

// System is the actor system in which the supervisor lives; nil before Start, unless
// WithActorSystem gave one.
func (m *Manager) System() *actor.ActorSystem {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.system == nil {
		return m.cfg.system
	}
	return m.system
}

// changed takes every change of a shard's state, on the shard's actor.
func (m *Manager) changed(key actors.Key, c session.Change) {
	change := Change{Shard: key.Shard, Generation: key.Generation, Change: c}
	if c.To == session.Backoff && (c.From == session.Connecting || c.Lost) {
		m.refresh()
	}
	m.endWith(key, c)
	actors.Tell(m.observers, func(h HookChange) { h.OnChange(change) })
}

// endWith ends the Manager if a shard's end is that of all. It does so before hooks are told, which might restart what has ended.
func (m *Manager) endWith(key actors.Key, c session.Change) {
	if c.To != session.Closed || c.Cause == nil || errors.Is(c.Cause, actors.ErrClosed) {
		return
	}
	var closed *session.CloseError
	invalid := errors.As(c.Cause, &closed) && slices.Contains(badShardCodes, closed.Code)
	if errors.As(c.Cause, &closed) && closed.Fatal() && !invalid || m.allClosed() { //seam:fatal-code-ends-manager
		m.end(fmt.Errorf("shardmanager: shard %v: %w", key, c.Cause), events.CloseNone)
	}
}

// badShardCodes end the shard alone: the others may go on, but with another total or other intents.
var badShardCodes = []events.CloseCode{events.CloseInvalidShard, events.CloseShardingRequired}

func (m *Manager) allClosed() bool {
	tally := m.board.Tally()
	return tally.Wanted > 0 && tally.Ended == tally.Wanted
}

// Format prints no secret, whatever the verb: fmt looks into unexported fields, but calls no
// methods there.
func (m *Manager) Format(s fmt.State, _ rune) {
	status := m.Status()
	fmt.Fprintf(s, "{manager of %d shards, %d ready}", len(status.Shards), status.Ready())
}
