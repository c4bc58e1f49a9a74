package shardmanager

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/internal/zaplog"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// Manager runs the shards of one bot. Make it with New, then Start it. It is safe for
// concurrent use.
type Manager struct {
	cfg       config
	log       *zap.Logger // through logs
	logs      *zaplog.Async
	turn      chan struct{} // of capacity 1: it is in there while somebody's turn to ask GET /gateway/bot comes
	bus       *bus.Bus
	board     *actors.Board
	observers *actors.Observers
	odd       oddLog
	done      chan struct{}   // closed when everything has ended
	life      context.Context // until it begins to end
	endLife   context.CancelCauseFunc

	mu                sync.Mutex
	phase             Phase
	cause             error                   // why it ends; nil: it was asked to
	ending            ending                  // how it ends
	mistakes          []error                 // of handlers that were subscribed before Start
	abort             context.CancelCauseFunc // of Start
	own               bool                    // the actor system is ours to shut down
	system            *actor.ActorSystem
	shards            *actors.Supervisor
	supervisor        *actor.PID
	compression       events.Compression
	saver             *saver
	ledger            *ledger // of the store; nil: it has none
	claims            claims
	succession        *succession   // nil: no process follows another
	taken             chan struct{} // closed when all shards of the process before run here, or there was none
	refresher         *refresher
	reshard           *resharding             // the latest; nil: there was none
	rolls             atomic.Pointer[rolling] // under way; nil: none is
	generation        uint64                  // the highest that a reshard has had
	nextAsk           time.Time               // GET /gateway/bot is not asked before; written by who has the turn
	unready           error                   // why Start has not come further
	leftOut           events.Intents          // optional ones that sessions begin without
	asksWhat, asksWhy bool                    // the application is asked: what to leave out, why the intents are refused
	running           sync.WaitGroup          // goroutines that ask it
}

// New checks the options together. The error joins one *OptionError for each that cannot work.
func New(token string, opts ...Option) (*Manager, error) {
	m := &Manager{board: actors.NewBoard(), done: make(chan struct{}), claims: newClaims(), taken: make(chan struct{}), turn: make(chan struct{}, 1)}
	m.life, m.endLife = context.WithCancelCause(context.Background())
	m.cfg = config{apiURL: defaultAPIURL, drain: defaultDrain}
	m.cfg.identify = events.Identify{
		Token:      events.Secret(token),
		Properties: events.Properties{OS: goos, Browser: library, Device: library},
	}
	for _, opt := range opts {
		if opt == nil {
			m.cfg.nilOption = true
			continue
		}
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

// Start asks the gateway how to connect, and starts the shards. It returns when they are being started; WaitReady waits until they
// are ready. ctx bounds Start alone. After an error the Manager is closed.
//
// What heals, such as a server that cannot be reached, and the statuses 429 and 5xx, is asked again until ctx ends, or would end before the
// next try: then the error is a context.DeadlineExceeded as well. Each time is logged, and told to HookDiscovery. What does not heal ends
// Start at once: ErrAuthentication, or a *DiscoveryError that is Fatal. A handler that no intent feeds is a *NoIntentError; intents that the
// application may not have are an *IntentsError; and a handler that cannot work an *OptionError: see On.
func (m *Manager) Start(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}
	m.mu.Lock()
	if m.phase != PhaseNotStarted {
		defer m.mu.Unlock()
		if m.phase == PhaseClosing {
			return m.ending.cause
		}
		return ErrStarted
	}
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	m.phase, m.abort = PhaseStarting, abort
	m.mu.Unlock()

	err := m.start(ctx)
	m.mu.Lock()
	closing, ended := m.phase == PhaseClosing, m.ending.cause
	if !closing {
		m.phase = PhaseRunning
	}
	m.mu.Unlock()
	if closing {
		m.shutdown()
		if !errors.Is(err, ErrClosed) {
			return ended
		}
		return err // what it was about when it was closed
	}
	if err != nil {
		m.end(err, ending{told: true})
		<-m.done
	}
	return err
}

// checkHandlers is what is wrong with handlers.
func (m *Manager) checkHandlers() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return errors.Join(m.mistakes...)
}

func (m *Manager) start(ctx context.Context) error {
	if err := errors.Join(m.checkHandlers(), m.checkIntents()); err != nil {
		return err
	}
	found, err := m.discover(ctx)
	if err != nil {
		return err
	}
	if err := m.learnIntents(ctx); err != nil {
		return err
	}
	before, err := m.meet(ctx)
	if err != nil {
		return err
	}
	begun, err := m.begunReshard(ctx)
	if err != nil {
		return err
	}
	limiter := m.cfg.limiter
	if limiter == nil {
		local, of := m.localLimiter(found)
		m.mu.Lock()
		m.ledger = of
		m.mu.Unlock()
		limiter = local
	}
	total, ids := m.cfg.shards(found)
	if begun != nil && m.cfg.ids == nil {
		if total, err = begun.totalNow(m.cfg.total); err != nil {
			return err
		}
		ids = upTo(total)
	}
	standby := m.cfg.standby
	if before != nil {
		total, ids, standby = before.Total, before.Shards, true
	}
	compression := m.cfg.compression
	if compression == "" {
		compression = compressionFor(len(ids))
	}
	var begin restored
	if m.cfg.store != nil {
		if begin, err = m.restore(ctx, ids, total, standby); err != nil {
			return err
		}
	}
	shards, err := actors.NewSupervisor(actors.SupervisorConfig{
		Identify: m.cfg.identify, OptionalIntents: m.cfg.optional, LeftOut: m.leftOut, URL: found.URL, Limiter: limiter, SessionStart: found.sessionStart(), Compression: compression,
		NetDial: m.cfg.netDial, TLS: m.cfg.tls, GatewayHosts: m.cfg.hosts, QueueLimit: m.cfg.queueLimit,
		Bus: m.bus, Board: m.board, Observers: m.observers, Changed: m.changed, Logger: m.log, ShardProps: m.cfg.props, Seed: m.cfg.seed,
		DialRate: m.cfg.dialRate, DeafSession: m.cfg.deaf, Fence: begin.fence,
	})
	if err != nil {
		return err
	}
	opts := []actor.PropsOption{actor.WithGuardian(actors.Guardian())}
	if m.cfg.props != nil {
		more, err := heeding(ctx, "WithActorProps", func() ([]actor.PropsOption, error) { return m.cfg.props(actors.Key{}), nil })
		if err != nil {
			return fmt.Errorf("shardmanager: %w", err)
		}
		opts = append(opts, more...)
	}
	system, own := m.cfg.system, m.cfg.system == nil
	if own {
		system = newSystem(m.log)
	}
	var supervisor *actor.PID
	err = foreign.Call("WithActorProps", func() error { // what props do as the actor is spawned is the user's as well
		supervisor = system.Root.SpawnPrefix(shards.Props(opts...), "signalbox-")
		return nil
	})
	if err != nil {
		if own {
			shutDown(system)
		}
		return fmt.Errorf("shardmanager: %w", err)
	}
	m.mu.Lock()
	m.system, m.own, m.shards, m.supervisor, m.compression = system, own, shards, supervisor, compression
	if m.cfg.store != nil {
		m.saver = newSaver(m, begin)
	}
	m.refresher = newRefresher(m, shards, found)
	m.mu.Unlock()
	go m.guard()
	if m.succession != nil {
		if err := m.succession.listen(); err != nil { // before any shard identifies, and before what only the start of the shards ends
			return err
		}
	}
	generation, started := uint64(0), func(error) {}
	if begun != nil && !begun.Done && !begun.doneBy(begin.sessions) && before == nil && !standby && m.cfg.ids == nil {
		if started, err = m.goOn(begun); err != nil {
			return err
		}
		generation = begun.From.Generation
	}
	start := actors.StartShards{Generation: generation, Total: total, IDs: ids, Standby: standby, Sessions: slices.Collect(maps.Values(begin.sessions))}
	_, err = m.ask(ctx, start, supervisorTimeout) // props that hang do so in the supervisor
	started(err)
	if err == nil && m.succession != nil {
		m.succession.begin()
	}
	return err
}

// localLimiter is the limiter that there is without WithRateLimiter, and its ledger; nil: it has none.
func (m *Manager) localLimiter(found gateway) (ratelimit.RateLimiter, *ledger) {
	var opts []ratelimit.Option
	if m.cfg.reserve != nil {
		opts = append(opts, ratelimit.WithReserve(*m.cfg.reserve))
	}
	kept, ok := m.cfg.store.(ratelimit.Ledger)
	if !ok {
		return ratelimit.Local(found.sessionStart(), opts...), nil
	}
	of := &ledger{Ledger: kept}
	return ratelimit.Local(found.sessionStart(), append(opts, ratelimit.WithLedger(of))...), of
}

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

// Format prints no secret, whatever the verb: fmt looks into unexported fields, but calls no
// methods there.
func (m *Manager) Format(s fmt.State, _ rune) {
	status := m.Status()
	fmt.Fprintf(s, "{manager of %d shards, %d ready}", len(status.Shards), status.Ready())
}
