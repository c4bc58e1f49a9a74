package actors

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// Status is how the shards stood at some moment.
type Status struct {
	// LeftOut are the optional intents that sessions begin without, from the next one on, since the application may not have them.
	LeftOut events.Intents
	Total   int           // of the shards that serve; those that run here may be fewer. 0: none is to
	Shards  []ShardStatus // by generation, total and index
}

// Ready is how many shards are Ready.
func (s Status) Ready() (n int) {
	for i := range s.Shards {
		if s.Shards[i].State == session.Ready {
			n++
		}
	}
	return n
}

// ShardStatus is how one shard stood at some moment.
type ShardStatus struct {
	Shard      events.ShardID
	Generation uint64
	Mode       Mode   // what is wanted of it
	Role       Role   // what its events are for, as wanted
	Fence      uint64 // under which it runs: see Want
	State      session.State
	Since      time.Time      // in this state
	Away       time.Time      // since when it is not Ready, whatever it did since; zero: it is. One that was stopped begins anew when it is to run again
	Conn       uint64         // connections so far
	Session    uint64         // see events.Meta
	Intents    events.Intents // that its session began with, or that its latest Identify asked for; 0 before it runs
	Cause      error          // what went wrong, while the shard is not Ready again; session.ErrTakenOver for a while longer. In Closed, why
	CauseSince time.Time      // when that began: while the same goes wrong again and again, the first time; zero: without a Cause
	Retry      time.Time      // in Backoff: when it connects again
	// Place and Expected are how the shard stands in the identify queue while it is Queued; they may be a second old. Place counts those that
	// wait for the same rate limit key, 1 is the next; 0: not known. Expected is when it may identify; zero: not known.
	Place     int
	Expected  time.Time
	Dialled   time.Time // when the dial of its latest connection began; zero: it has had none
	Latency   time.Duration
	LatencyAt time.Time // when Latency was measured; zero: never
	Seq       int64     // of the latest event
	LastEvent time.Time // when the latest event came; zero: none has
	LastFrame time.Time // when anything was last read for it, an ACK of a heartbeat too, on whatever connection; zero: nothing was
	Guilds    int       // of its session, or of the latest that it had: by READY, and what came and went since, outages included; 0: none, or not known
	Odd       int       // what the gateway should not have sent, such as a sequence twice, or one too high; each is logged
	Waiting   int       // send events that wait for a permit
	Sharing   int       // send events that wait for an answer which they share
	Frames    int       // read, and not yet dealt with: CreditLimit at the most
	// Permits is how many send events its connection takes at once, of the 120 frames in 60 s that it has without those kept for heartbeats; 0: none, or
	// it is not Ready. It is counted within 5 ms of a send event that goes, and when all are there again: in between there may be more.
	Permits int

	Identifies  int // sessions asked for
	Resumes     int // sessions continued
	Crashes     int // of the shard's actor
	Quarantined bool

	beat time.Duration // Ready: the heartbeat interval
}

// HeartbeatInterval is the time from one heartbeat to the next, as the gateway has asked for; 0: the shard is not Ready.
func (s *ShardStatus) HeartbeatInterval() time.Duration { return s.beat }

// Key is the shard's key in the plan.
func (s *ShardStatus) Key() Key { return Key{Generation: s.Generation, Shard: s.Shard} }

// Ended reports whether the shard has ended by itself, and for good: nothing but a restart that is asked for starts it again. One that was
// stopped, and is to run again, is Closed still for a moment, and has not.
func (s *ShardStatus) Ended() bool { return s.State == session.Closed && isFatal(s.Cause) }

// record is what is known of one shard, and outlives the crashes of its actor.
type record struct {
	key     Key
	cursor  session.Cursor // written by the shard's machine alone
	link    atomic.Pointer[link]
	read    atomic.Int64 // when something was last read on the connections before, in Unix nanoseconds; 0: nothing was
	dialled atomic.Int64 // when the dial of its latest connection began, in Unix nanoseconds; 0: none has succeeded
	seq     atomic.Int64
	heard   atomic.Int64 // when the latest event came, in Unix nanoseconds; 0: none has
	pid     atomic.Pointer[actor.PID]
	odd     atomic.Int64
	waits   atomic.Int32 // send events that wait for a permit
	shares  atomic.Int32 // send events that wait for an answer which they share

	intents    atomic.Uint64                      // see ShardStatus
	wanted     atomic.Uint64                      // intents that the plan wants its sessions to begin with; 0: those of SupervisorConfig
	identified atomic.Uint64                      // the connection on which an Identify was, or is about to be, written
	forecast   atomic.Pointer[ratelimit.Forecast] // while it waits for a permit to Identify; written by the supervisor alone

	mu       sync.Mutex
	standing standing         // written by Board.update alone
	kept     session.Snapshot // of cursor, for other goroutines; its Seq is not kept up
	number   uint64           // of the session in kept
	begun    place            // where it last began with a session from elsewhere
	moves    *moves           // the latest ones; nil: there were none
	permits  permits
	released *session.Snapshot // it was released, and this was given out; nil: it was not
}

func newRecord(key Key) *record {
	return &record{key: key, standing: standing{away: time.Now()}}
}

// connects takes the latest connection.
func (r *record) connects(l *link) {
	if before := r.link.Swap(l); before != nil {
		r.read.Store(max(r.read.Load(), before.last.Load()))
	}
}

// still is how the shard stands, without what moves all the time.
func (r *record) still() standing {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.standing
}

// copyTo copies the status.
func (r *record) copyTo(s *ShardStatus) {
	s.Shard, s.Generation = r.key.Shard, r.key.Generation
	r.mu.Lock()
	r.standing.copyTo(s)
	left, guilds := r.permits, r.kept.Guilds
	r.mu.Unlock()
	s.Permits = left.of(s)
	s.Intents = events.Intents(r.intents.Load())
	s.Seq, s.Odd, s.Guilds = r.seq.Load(), int(r.odd.Load()), guilds
	s.Waiting, s.Sharing = int(r.waits.Load()), int(r.shares.Load())
	read := r.read.Load()
	if l := r.link.Load(); l != nil {
		s.Frames, read = int(l.underWay.Load()), max(read, l.last.Load())
	}
	if read != 0 {
		s.LastFrame = time.Unix(0, read)
	}
	if s.State == session.Queued {
		if forecast := r.forecast.Load(); forecast != nil {
			s.Place, s.Expected = forecast.Place, forecast.At
		}
	}
	if s.State == session.Ready && s.Cause != nil && time.Since(s.Since) >= sound {
		s.Cause, s.CauseSince = nil, time.Time{}
	}
	if at := r.dialled.Load(); at != 0 {
		s.Dialled = time.Unix(0, at)
	}
	if at := r.heard.Load(); at != 0 {
		s.LastEvent = time.Unix(0, at)
	}
}

// keep copies what other goroutines may know of the cursor. Only the shard's actor calls it.
func (r *record) keep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept, r.number = r.cursor.Snapshot(r.key.Shard), r.cursor.Session
}

// session is what the shard's session is known by, for a store, and its number; false if there is none.
func (r *record) session() (snapshot session.Snapshot, number uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	snapshot = r.kept
	snapshot.Seq = r.seq.Load()
	return snapshot, r.number, snapshot.SessionID != ""
}

// place is how far a session has come, of those of a shard.
type place struct {
	session uint64
	seq     int64
}

// begin has the shard, of which nothing runs, begin with a session from elsewhere. The count of sessions goes on: those that handlers have
// seen of this shard are others, unless it is the same that comes back.
func (r *record) begin(snapshot session.Snapshot) {
	before := r.cursor
	r.cursor = snapshot.Cursor()
	if r.cursor.Session = before.Session; before.Session > 0 && r.cursor.Resumable() && r.cursor.SessionID != before.SessionID {
		r.cursor.Session++
	}
	r.seq.Store(snapshot.Seq)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun = place{r.cursor.Session, snapshot.Seq}
}

// gaveOut is what was given out of a shard that was released.
func (r *record) gaveOut() (session.Snapshot, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.released == nil {
		return session.Snapshot{}, false
	}
	return *r.released, true
}

func (r *record) giveOut(snapshot *session.Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.released = snapshot
}

// random is where a shard's jitter comes from; which tells apart those who draw. nil: the system.
func random(seed uint64, key Key, which uint64) *rand.Rand {
	if seed == 0 {
		return nil
	}
	return rand.New(rand.NewPCG(seed^key.Generation<<48, uint64(key.Shard.Index)<<32|which))
}
