package session

import (
	"fmt"
	"math/rand/v2"
	"time"
	"unique"

	"github.com/signalbox-go/signalbox/events"
)

// Config is what a session needs to know. Shard and Identify.Token are required.
type Config struct {
	Shard    events.ShardID
	Identify events.Identify // Token, Intents, Properties, …; Shard is filled in. Presence is the first: a Send of another takes its place
	Rand     *rand.Rand      // for jitter; nil: seeded from the system
	Cursor   *Cursor         // nil: a new one, without a session
	Conn     uint64          // the number of the latest connection of an earlier machine of this shard
	// OptionalIntents are those of Identify's that a session may lack: the close code 4014 is the end of the session and not of the machine
	// while it asks for any of them. The next session begins without all of them, unless SetIntents says otherwise.
	OptionalIntents events.Intents
}

// The time that each phase may take.
const (
	DialTimeout   = 10 * time.Second // to a WebSocket connection, with DNS, TCP, TLS and upgrade; the Host keeps it
	HelloTimeout  = 10 * time.Second // from the connection to Hello
	ReadyTimeout  = 30 * time.Second // from Identify to READY; from Resume, or the last event that it sent again, to RESUMED
	ReplayTimeout = 2 * time.Minute  // from Resume to RESUMED, whatever comes, without the time in which our subscribers are behind
)

// Machine is one shard's session, over any number of connections. Make it with NewMachine.
type Machine struct {
	shard    events.ShardID
	intents  events.Intents                 // that sessions begin with
	optional events.Intents                 // see Config
	others   unique.Handle[events.Identify] // the rest of Identify, which all shards of a fleet share; the presence is the cursor's
	random   *rand.Rand
	host     Host
	cursor   *Cursor
	now      time.Time

	state    State
	conn     uint64    // number of the last connection
	open     bool      // conn has not ended
	present  bool      // the session is to be sent the latest presence
	deadline time.Time // of the phase, or the end of Backoff; zero: none
	replay   time.Time // Resuming: when it ends, whatever comes
	beat     heartbeat
	peeker   events.Peeker // of the connection
	ladder   ladder
	replies  replies
	last     string // the presence that was in the latest payload of this connection, heartbeats apart
	err      error  // why the machine is Closed
}

// NewMachine returns a machine in the state Idle. The error says what in cfg cannot work.
func NewMachine(cfg Config, host Host) (*Machine, error) {
	if !cfg.Shard.Valid() {
		return nil, fmt.Errorf("session: shard %v: the index must be below the total", cfg.Shard)
	}
	cfg.Identify.Shard = cfg.Shard
	if _, err := payloadOf(cfg.Identify); err != nil {
		return nil, err
	}
	if cfg.Cursor == nil {
		cfg.Cursor = new(Cursor)
	}
	if cfg.Identify.Presence != nil && cfg.Cursor.Presence == "" {
		presence, err := cfg.Identify.Presence.Request()
		if err != nil {
			return nil, err
		}
		cfg.Cursor.Presence = string(presence.Data)
	}
	m := &Machine{shard: cfg.Shard, intents: cfg.Identify.Intents, optional: cfg.OptionalIntents, host: host, cursor: cfg.Cursor, conn: cfg.Conn}
	cfg.Identify.Shard, cfg.Identify.Intents, cfg.Identify.Presence = events.ShardID{}, 0, nil
	m.others = unique.Make(cfg.Identify)
	if m.random = cfg.Rand; m.random == nil {
		m.random = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	m.replies.Part = host.Part
	m.replies.voice.missed = true // until READY: a session that is resumed began elsewhere
	return m, nil
}

// Format prints where the machine stands, and no secret, whatever the verb.
func (m *Machine) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "{shard %v %v conn %d}", m.shard, m.state, m.conn)
}

// State is where the machine stands.
func (m *Machine) State() State { return m.state }

// Conn is the number of the latest connection.
func (m *Machine) Conn() uint64 { return m.conn }

// Err is why the machine is Closed: nil after Stop.
func (m *Machine) Err() error { return m.err }

// Terms are what the session began with, or, where there is none, what the next one is to begin with.
func (m *Machine) Terms() Terms { return termsOf(m.identify()) }

// SetIntents has sessions begin with other intents, from the next one on. Call it between steps, when there is no session.
func (m *Machine) SetIntents(intents events.Intents) {
	m.intents = intents //seam:intents-as-asked
}

// identify is what a session begins with, but for its presence.
func (m *Machine) identify() events.Identify {
	identify := m.others.Value()
	identify.Shard, identify.Intents = m.shard, m.intents
	return identify
}

// Sendable reports whether a Send for this connection would be written now.
func (m *Machine) Sendable(conn uint64) bool {
	return conn == m.conn && m.state == Ready //seam:send-needs-live-session
}

// Step takes one input at the time now, which never goes back. An input that belongs to a
// connection which has ended changes nothing; a Send is refused.
func (m *Machine) Step(now time.Time, in Input) {
	m.now = now
	if in.Conn != 0 && (in.Conn != m.conn || !m.open) { //seam:old-connection-ignored
		if in.Kind == Send {
			refuse(m, in)
		}
		return
	}
	reactions[in.Kind][m.state](m, in) //seam:inputs-by-state
	if in.Kind == Tick {
		m.ended(m.replies.Expire(now))
	}
	m.host.Wake(m.wake())
}

// become is the only writer of state.
func (m *Machine) become(to State, deadline time.Time, change Change) {
	legal := false
	for _, next := range moves[m.state] {
		legal = legal || next == to
	}
	if !legal {
		panic(fmt.Sprintf("session: no move leads from %v to %v", m.state, to))
	}
	change.At, change.From, change.To = m.now, m.state, to
	change.Conn, change.Session = m.conn, m.cursor.Session
	if to == Ready {
		change.Beat = m.beat.interval
	}
	m.state, m.deadline = to, deadline
	m.ended(m.replies.moved(change))
	m.host.Changed(change)
}

// wake is the earliest time at which something is due.
func (m *Machine) wake() time.Time {
	at := m.deadline
	if m.state == Resuming {
		at = earliest(at, m.replay)
	}
	if m.state == Resuming && m.beat.stalled() {
		at = time.Time{} // the replay waits for us
	}
	if m.open {
		at = earliest(at, m.beat.due())
	}
	return earliest(at, m.replies.Next())
}

// ended tells the host of the Sends that are over.
func (m *Machine) ended(outcomes []Outcome) {
	for _, o := range outcomes {
		m.host.Ended(o)
	}
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

func payloadOf(event events.Outgoing) ([]byte, error) {
	request, err := event.Request()
	if err != nil {
		return nil, err
	}
	return request.Payload()
}
