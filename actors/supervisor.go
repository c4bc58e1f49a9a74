package actors

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// Supervisor is what the supervisor's actor and its shards' actors have in common, and what outlives their crashes: the plan and
// the lives of the shards, what may be sent when, who waits to Identify, what is seen of it all. Make it with NewSupervisor, and
// spawn one actor with its Props. Its methods are safe for concurrent use and ask no actor.
type Supervisor struct {
	cfg        SupervisorConfig
	log        *zap.Logger
	board      *Board
	routes     routes
	dialer     *dialer
	feeds      feeds
	observers  *Observers
	serial     atomic.Uint64 // of requests
	landings   landings
	cutover    atomic.Pointer[Cutover] // nil: there is none
	distrust   atomic.Bool             // a call of the user's code has ended its goroutine
	shards     *actor.Props            // of shards' actors, where the user has none for one
	bucketCall bucketCall              // the latest, of the supervisor's actor

	books books // touched by the supervisor's actor alone
}

// books are what the supervisor keeps, from one incarnation of its actor to the next.
type books struct {
	plan       *plan
	lives      *lives
	children   map[Key]*child
	admission  *admission
	landed     []landing // that were taken, and of which the first so many are dealt with
	dealt      int
	spent      []*child // whose permits are to be shown
	joins      *joins
	identifies identifies
	probe      probe
	resting    map[Key]time.Time // those that have ended as they should not, and when they may be spawned again
	reopen     map[Key]shardUp   // connections for which the limiter could not make a bucket
	retry      time.Time         // when it is asked again
	outage     outage
	listening  listening
	releases   map[Key]*release
	ended      *actor.ActorSystem // not nil: the actor has ended
}

// NewSupervisor checks cfg. One Supervisor belongs to one actor.
func NewSupervisor(cfg SupervisorConfig) (*Supervisor, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Supervisor{cfg: cfg, log: cfg.Logger, board: cfg.Board, dialer: newDialer(&cfg), observers: cfg.Observers}
	s.shards = s.shardProps()
	s.observers.begin(s.secrets)
	s.routes.now.Store(new(routing))
	s.board.without.Store(uint64(cfg.OptionalIntents & cfg.LeftOut))
	s.books = books{
		plan: newPlan(), lives: newLives(), children: make(map[Key]*child),
		admission: newAdmission(cfg.QueueLimit), joins: newJoins(cfg.QueueLimit), identifies: newIdentifies(),
		resting: make(map[Key]time.Time), reopen: make(map[Key]shardUp), releases: make(map[Key]*release),
	}
	if cfg.DeafSession != nil {
		s.books.listening.policy = newDeafness(*cfg.DeafSession)
	}
	if cfg.SessionStart != (ratelimit.SessionStart{}) {
		s.books.identifies.start = &cfg.SessionStart
	}
	return s, nil
}

// secrets are what must not be shown of a shard.
func (s *Supervisor) secrets(key Key) []string {
	return append(s.board.secrets(key), s.cfg.Identify.Token.Reveal())
}

// Props are the props of the supervisor's actor. Spawn one. With a mailbox of the caller's own in opts, messages that only the library may send
// reach it, what stands behind its end is not answered, and runtime.Goexit in the user's code stops it for ever; so too with ShardProps.
func (s *Supervisor) Props(opts ...actor.PropsOption) *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor { return &incarnation{Supervisor: s} }, append([]actor.PropsOption{filtered(&s.board.ignored, s.late)}, opts...)...)
}

// Board is what is seen of the shards.
func (s *Supervisor) Board() *Board { return s.board }

// SetURL has later connections go to another URL of the gateway, as discovery gives it now.
// Sessions that live are resumed where the gateway said.
func (s *Supervisor) SetURL(url string) { s.dialer.url.Store(&url) }

// Total is the number of shards of the whole fleet that serves, here or elsewhere; 0 before they are started.
func (s *Supervisor) Total() int { return s.routes.now.Load().total() }

// Session is what the shard's session is known by, for a store, and its number (see
// events.Meta); false if there is none. Its Seq is that of the latest event; whether it was
// handled, the subscribers know. It is not Exact while what comes may have come before.
func (s *Supervisor) Session(key Key) (snapshot session.Snapshot, number uint64, ok bool) {
	if r := s.board.record(key); r != nil {
		return r.session()
	}
	return session.Snapshot{}, 0, false
}

// Handle has h called for every received event of the types, nil for all, in the order of each shard, on goroutines of the bus. A shard whose
// handlers are far behind is not read any further until they catch up. After cancel returns, no call of h begins.
func (s *Supervisor) Handle(types []events.Type, h func(events.Raw, events.Meta)) (cancel func()) {
	return s.cfg.Bus.Subscribe(bus.Subscription{Name: "handler", Handler: foreign.NameOf(h), Types: types, Handle: func(_ context.Context, event any, meta events.Meta) {
		h(*event.(*events.Raw), meta)
	}})
}

// Wait returns when no goroutine of the supervisor's is left. Its actor must have ended.
func (s *Supervisor) Wait() { s.dialer.links.Wait() }

// Format prints no secret, whatever the verb: fmt looks into unexported fields, but calls no methods there.
func (s *Supervisor) Format(f fmt.State, verb rune) { s.board.Format(f, verb) }
