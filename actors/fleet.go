package actors

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// SupervisorConfig is what a supervisor and its shards need. Identify.Token, URL and Limiter are
// required; the zero value of anything else is its default.
type SupervisorConfig struct {
	Identify events.Identify       // Token, Intents, Presence, …; Shard is filled in for each shard
	URL      string                // of the gateway, as discovery gave it
	Limiter  ratelimit.RateLimiter // the supervisor's alone, and used on its actor

	// SessionStart is what the Limiter is told before all else; the zero value: it knows. See UpdateSessionStart.
	SessionStart ratelimit.SessionStart
	Compression  events.Compression                                                // empty: zstd-stream
	NetDial      func(ctx context.Context, network, addr string) (net.Conn, error) // nil: the net package's
	GatewayHosts []string                                                          // hosts besides Discord's that may be connected to

	// QueueLimit is how many send events may wait for one shard; 0: 1024.
	QueueLimit int
	// Deliver is given every event, on the shard's actor: it must not block. It reports
	// whether the shard is to stop reading until Fleet.Drained is called. nil: nothing is done
	// with events but to send them to actors that subscribe.
	Deliver func(raw events.Raw, meta events.Meta) (full bool)
	// Changed is told every change of state, on the shard's actor: it must not block.
	Changed func(events.ShardID, session.Change)
	Logger  *zap.Logger // nil: silent
	// ShardProps are further props of a shard's actor: middleware, a dispatcher. nil: none.
	ShardProps func(shard int) []actor.PropsOption
	// Seed makes the jitter of heartbeats and reconnects repeatable, for tests. 0: it is random.
	Seed uint64
	// DialRate is how many dials may begin in a second, of all shards together; 0: 250.
	DialRate int
}

// DefaultQueueLimit is the default of SupervisorConfig.QueueLimit.
const DefaultQueueLimit = 1024

// Fleet is what the actors of one application share, and what outlives their crashes. Its
// methods are safe for concurrent use and ask no actor.
type Fleet struct {
	cfg      SupervisorConfig
	log      *zap.Logger
	serial   atomic.Uint64
	links    sync.WaitGroup // the goroutines that dial and read
	hub      atomic.Pointer[[]subscriber]
	url      atomic.Pointer[string]
	pacer    *pacer
	decoders transport.Decoders

	identifies identifies // the supervisor's, which it outlives

	mu      sync.RWMutex
	total   int
	shards  map[int]*record
	started bool
}

type subscriber struct {
	pid   *actor.PID
	types []events.Type
}

// record is what is known of one shard.
type record struct {
	id     events.ShardID
	cursor session.Cursor // written by the shard's machine alone
	link   atomic.Pointer[link]
	pid    atomic.Pointer[actor.PID]
	seq    atomic.Int64
	heard  atomic.Int64 // when the latest event came, in Unix nanoseconds; 0: none has
	odd    atomic.Int64
	status atomic.Pointer[ShardStatus]
	waits  atomic.Int64 // send events that wait for a permit
	joined atomic.Int64 // send events that wait for an answer which they share

	identified atomic.Uint64                      // the connection on which an Identify was, or is about to be, written
	forecast   atomic.Pointer[ratelimit.Forecast] // while it waits for a permit to Identify; written by the supervisor alone

	wanted atomic.Bool    // it was started and not stopped
	mu     sync.Mutex     // guards kept, and orders the writers of status
	kept   session.Cursor // a copy of cursor for other goroutines; its Seq is not kept up
}

// ShardStatus is how one shard stood at some moment.
type ShardStatus struct {
	Shard     events.ShardID
	State     session.State
	Since     time.Time // in this state
	Conn      uint64    // connections so far
	Session   uint64    // see events.Meta
	Cause     error     // of the latest move that was not the expected one; in Closed, why
	Retry     time.Time // in Backoff: when it connects again
	Latency   time.Duration
	LatencyAt time.Time // when Latency was measured; zero: never
	Seq       int64     // of the latest event
	LastEvent time.Time // when the latest event came; zero: none has
	Odd       int       // what the gateway should not have sent, such as a sequence twice, or one too high; each is logged
	Waiting   int       // send events that wait for a permit
	Sharing   int       // send events that wait for an answer which they share
	Frames    int       // read, and not yet dealt with: CreditLimit at the most

	// Place and Expected are how the shard stands in the identify queue while it is Queued; they may be a second old. Place counts those that
	// share its rate limit key: 1 is the next; 0: not known. Expected is when it may Identify, if nothing comes between; zero: not known.
	Place    int
	Expected time.Time

	Identifies  int // sessions asked for
	Resumes     int // sessions continued
	Crashes     int // of the shard's actor
	Quarantined bool

	beat time.Duration // in Ready: the heartbeat interval
}

// Status answers GetStatus: all shards, by index.
type Status struct {
	Total  int // of the fleet; the shards that run here may be fewer
	Shards []ShardStatus
}

// Ready is how many shards are Ready.
func (s Status) Ready() int {
	ready := 0
	for _, shard := range s.Shards {
		if shard.State == session.Ready {
			ready++
		}
	}
	return ready
}

// NewFleet checks cfg. One fleet belongs to one supervisor.
func NewFleet(cfg SupervisorConfig) (*Fleet, error) {
	if cfg.Identify.Token == "" {
		return nil, errors.New("actors: SupervisorConfig.Identify.Token is empty: set the bot's token")
	}
	if unknown := cfg.Identify.Intents.Unknown(); unknown != 0 {
		return nil, fmt.Errorf("actors: SupervisorConfig.Identify.Intents: no intent has the bits %v", unknown)
	}
	if cfg.URL == "" {
		return nil, errors.New("actors: SupervisorConfig.URL is empty: ask GET /gateway/bot for it")
	}
	if cfg.Limiter == nil {
		return nil, errors.New("actors: SupervisorConfig.Limiter is nil: use ratelimit.Local with what GET /gateway/bot says")
	}
	if cfg.QueueLimit <= 0 {
		cfg.QueueLimit = DefaultQueueLimit
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	cfg.Identify.Compress = cfg.Compression == events.CompressionPayload
	f := &Fleet{cfg: cfg, log: cfg.Logger, pacer: newPacer(cfg.DialRate), shards: make(map[int]*record)}
	f.identifies.asked = make(map[ratelimit.Shard]*question)
	if cfg.SessionStart != (ratelimit.SessionStart{}) {
		f.identifies.start = &cfg.SessionStart
	}
	f.hub.Store(new([]subscriber))
	f.SetURL(cfg.URL)
	return f, nil
}

// SetURL has later connections go to another URL of the gateway, as discovery gives it now.
// Sessions that live are resumed where the gateway said.
func (f *Fleet) SetURL(url string) { f.url.Store(&url) }

// Total is the number of shards of the whole fleet, here or elsewhere; 0 before they are started.
func (f *Fleet) Total() int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.total
}

// Status is how all shards stand, by index.
func (f *Fleet) Status() Status {
	f.mu.RLock()
	status := Status{Total: f.total, Shards: make([]ShardStatus, 0, len(f.shards))}
	for _, r := range f.shards {
		status.Shards = append(status.Shards, r.now())
	}
	f.mu.RUnlock()
	slices.SortFunc(status.Shards, func(a, b ShardStatus) int { return a.Shard.Index - b.Shard.Index })
	return status
}

// Shard is how one shard stands, or false if it does not run here.
func (f *Fleet) Shard(index int) (ShardStatus, bool) {
	r := f.record(index)
	if r == nil {
		return ShardStatus{}, false
	}
	return r.now(), true
}

// Restore gives a shard the session to begin with. It must come before StartShards.
func (f *Fleet) Restore(snapshot session.Snapshot) {
	r := f.ensure(snapshot.Shard)
	r.cursor = snapshot.Cursor()
	r.seq.Store(snapshot.Seq)
	r.keep()
}

// random is where a shard's jitter comes from; which tells apart those who draw. nil: the system.
func (f *Fleet) random(shard int, which uint64) *rand.Rand {
	if f.cfg.Seed == 0 {
		return nil
	}
	return rand.New(rand.NewPCG(f.cfg.Seed, uint64(shard)<<32|which))
}

// Drained lets a shard read again after Deliver reported that it is full.
func (f *Fleet) Drained(system *actor.ActorSystem, index int) {
	if r := f.record(index); r != nil {
		if pid := r.pid.Load(); pid != nil {
			system.Root.Send(pid, drained{})
		}
	}
}

// Wait returns when no goroutine of the fleet's connections is left. All shards must be closed.
func (f *Fleet) Wait() { f.links.Wait() }

func (f *Fleet) record(index int) *record {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.shards[index]
}

func (f *Fleet) ensure(id events.ShardID) *record {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.shards[id.Index]
	if r == nil {
		r = &record{id: id}
		r.status.Store(&ShardStatus{Shard: id})
		f.shards[id.Index] = r
	}
	return r
}

// plan fixes the total, and returns the indexes that are to run.
func (f *Fleet) plan(start StartShards) ([]int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case start.Total < 1:
		return nil, fmt.Errorf("actors: StartShards.Total is %d: at least one shard is needed", start.Total)
	case f.started && f.total != start.Total:
		return nil, fmt.Errorf("actors: StartShards.Total is %d, but the fleet runs with %d", start.Total, f.total)
	}
	ids := slices.Clone(start.IDs)
	if ids == nil {
		ids = make([]int, start.Total)
		for i := range ids {
			ids[i] = i
		}
	}
	for _, id := range ids {
		if id < 0 || id >= start.Total {
			return nil, fmt.Errorf("actors: shard %d is not within the total of %d", id, start.Total)
		}
	}
	f.total, f.started = start.Total, true
	return ids, nil
}

// now is the status with its moving parts.
func (r *record) now() ShardStatus {
	status := *r.status.Load()
	status.Sharing = int(r.joined.Load())
	if l := r.link.Load(); l != nil {
		status.Frames = int(l.underWay.Load())
	}
	status.Seq, status.Waiting, status.Odd = r.seq.Load(), int(r.waits.Load()), int(r.odd.Load())
	if forecast := r.forecast.Load(); forecast != nil && status.State == session.Queued {
		status.Place, status.Expected = forecast.Place, forecast.At
	}
	if at := r.heard.Load(); at != 0 {
		status.LastEvent = time.Unix(0, at)
	}
	return status
}

// update changes the status.
func (r *record) update(change func(*ShardStatus)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	status := *r.status.Load()
	change(&status)
	r.status.Store(&status)
}

func (f *Fleet) want(index int, wanted bool) {
	if r := f.record(index); r != nil {
		r.wanted.Store(wanted)
	}
}

func (f *Fleet) wanted(index int) bool {
	r := f.record(index)
	return r != nil && r.wanted.Load()
}

// changed makes a move of a shard's session known. crashed: its actor has crashed.
func (f *Fleet) changed(r *record, c session.Change, crashed bool) {
	r.update(func(s *ShardStatus) {
		s.State, s.Since, s.Conn, s.Session, s.Retry, s.beat = c.To, c.At, c.Conn, c.Session, c.Retry, c.Beat
		if c.Cause != nil || c.To == session.Closed {
			s.Cause = c.Cause
		}
		switch {
		case crashed:
			s.Crashes++
			s.Quarantined = c.To == session.Closed
		case c.To == session.Identifying:
			s.Identifies++
		case c.To == session.Ready && c.From == session.Resuming && !c.Lost:
			s.Resumes++
		}
	})
	if f.cfg.Changed != nil {
		f.cfg.Changed(r.id, c)
	}
}

// Session is what the shard's session is known by, for a store, and its number (see
// events.Meta); false if there is none. Its Seq is that of the latest event; whether it was
// handled, the subscribers know. It is not Exact while what comes may have come before.
func (f *Fleet) Session(index int) (snapshot session.Snapshot, number uint64, ok bool) {
	r := f.record(index)
	if r == nil {
		return session.Snapshot{}, 0, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return session.Snapshot{
		Shard: r.id, SessionID: r.kept.SessionID.Reveal(), ResumeURL: r.kept.ResumeURL.Reveal(), Seq: r.seq.Load(),
		Bot: r.kept.User, Exact: !r.kept.Restored,
	}, r.kept.Session, r.kept.Resumable()
}

// keep copies what other goroutines may know of the cursor. Only the shard's actor calls it.
func (r *record) keep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = r.cursor
}

// Format prints no secret, whatever the verb: fmt looks into unexported fields, but calls no
// methods there.
func (f *Fleet) Format(s fmt.State, _ rune) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	fmt.Fprintf(s, "{fleet of %d, %d shards here}", f.total, len(f.shards))
}

// joined counts the send events of a shard that share an answer.
func (f *Fleet) joined(shard int) *atomic.Int64 {
	if r := f.record(shard); r != nil {
		return &r.joined
	}
	return new(atomic.Int64) // of a shard that does not run here
}
