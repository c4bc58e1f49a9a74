package session

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// Config is what a session needs to know. Shard and Identify.Token are required.
type Config struct {
	Shard    events.ShardID
	Identify events.Identify // Token, Intents, Properties, …; Shard is filled in
	Rand     *rand.Rand      // for jitter; nil: seeded from the system
	Cursor   *Cursor         // nil: a new one, without a session
	Conn     uint64          // the number of the latest connection of an earlier machine of this shard
}

// The time that each phase may take.
const (
	DialTimeout  = 10 * time.Second // to a WebSocket connection, with DNS, TCP, TLS and upgrade; the Host keeps it
	HelloTimeout = 10 * time.Second // from the connection to Hello
	ReadyTimeout = 30 * time.Second // from Identify to READY; from Resume, or the last event that it sent again, to RESUMED
)

// Host is what a machine may ask of its surroundings. The machine calls it within Step and
// never waits for it: what comes of a call is a later input. No method may call Step.
type Host interface {
	// Connect dials the session's resume URL, or, when url is empty, the gateway's own, as
	// discovery gave it last. Its outcome is a Connected or a Lost input with the same conn.
	Connect(conn uint64, url events.Secret)
	// Write sends one payload. If it fails, a Lost input follows. An Identify uses up the permit.
	Write(conn uint64, op events.Opcode, payload []byte)
	// Close ends the connection, with a close frame unless code is CloseNone. Nothing that
	// comes from it later is an input.
	Close(conn uint64, code events.CloseCode)
	// Enqueue asks for a permit to Identify. Its outcome is a Granted or a Refused input with
	// the same conn. A permit that is granted after the connection ended goes back unused.
	Enqueue(conn uint64)
	// Dequeue withdraws what Enqueue asked for.
	Dequeue(conn uint64)
	// Wake wants a Tick at the given time, in place of the one wanted before. Zero: none.
	Wake(at time.Time)
	// Deliver hands over an event, READY and RESUMED included, in order.
	Deliver(raw events.Raw, meta events.Meta)
	// Latency tells how long a heartbeat's ACK took.
	Latency(d time.Duration)
	// Changed tells of every move from one state to another.
	Changed(Change)
	// Odd tells of something that the gateway should not have sent; the session goes on.
	Odd(error)
}

// Change is one move of a machine.
type Change struct {
	At       time.Time
	From, To State
	Conn     uint64 // the connection number: one for each dial
	Session  uint64 // see events.Meta
	// Lost: this move gave up a session; what the gateway sent since its last delivered event
	// will not come again.
	Lost  bool
	Cause error         // why the move was made; nil when it is the expected next step
	Retry time.Time     // To is Backoff: when it connects again
	Beat  time.Duration // To is Ready: the heartbeat interval
}

// InputKind is the kind of an Input.
type InputKind int

// The kinds of input.
const (
	Start     InputKind = iota // begin, or do not wait any longer in Backoff
	Connected                  // the dial has succeeded
	Frame                      // Data is one whole payload
	Lost                       // the dial or the connection has failed with Err
	Granted                    // the permit to Identify is here
	Refused                    // there is no permit until At, because of Err
	Tick                       // the time of Host.Wake has come
	Stalled                    // frames are not read for now, by our own choice; until Flowing or the connection's end
	Flowing                    // they are read again
	Restart                    // give up the connection, keep the session
	Stop                       // end for good, keeping the session unless Code ends it
	Waiting                    // the dial begins at At, not yet: other shards have their turn before
)

// Input is something that happened.
type Input struct {
	Kind InputKind
	Conn uint64    // the connection it belongs to; 0: to the session, whatever the connection
	Data []byte    // Frame
	Err  error     // Lost, Refused, Restart
	At   time.Time // Frame: when it was read. Refused: when to ask again. Waiting: when the dial begins.
	// Lost: zero, or before when the server asked not to be dialled again.
	Code events.CloseCode // Stop
}

// Machine is one shard's session, over any number of connections. Make it with NewMachine.
type Machine struct {
	cfg    Config
	host   Host
	cursor *Cursor
	now    time.Time

	state    State
	conn     uint64    // number of the last connection
	open     bool      // conn has not ended
	deadline time.Time // of the phase, or the end of Backoff; zero: none
	beat     heartbeat
	peeker   events.Peeker // of the connection
	ladder   ladder
	err      error // why the machine is Closed
}

// NewMachine returns a machine in the state Idle. The error says what in cfg cannot work.
func NewMachine(cfg Config, host Host) (*Machine, error) {
	if !cfg.Shard.Valid() {
		return nil, fmt.Errorf("session: shard %v: the index must be below the total", cfg.Shard)
	}
	cfg.Identify.Shard = cfg.Shard //seam:intents-as-asked
	if _, err := identifyPayload(cfg.Identify); err != nil {
		return nil, err
	}
	if cfg.Cursor == nil {
		cfg.Cursor = new(Cursor)
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	return &Machine{cfg: cfg, host: host, cursor: cfg.Cursor, conn: cfg.Conn}, nil
}

// Stall tells the machine, from within Host.Deliver, that frames will not be read for a while;
// a Flowing input ends it.
func (m *Machine) Stall(now time.Time) { m.beat.stall(now, true) }

// Format prints where the machine stands, and no secret, whatever the verb.
func (m *Machine) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "{shard %v %v conn %d}", m.cfg.Shard, m.state, m.conn)
}

// State is where the machine stands.
func (m *Machine) State() State { return m.state }

// Conn is the number of the latest connection.
func (m *Machine) Conn() uint64 { return m.conn }

// Err is why the machine is Closed: nil after Stop.
func (m *Machine) Err() error { return m.err }

// Step takes one input at the time now, which never goes back. An input that belongs to a
// connection which has ended changes nothing.
func (m *Machine) Step(now time.Time, in Input) {
	m.now = now
	if in.Conn != 0 && (in.Conn != m.conn || !m.open) { //seam:old-connection-ignored
		return
	}
	switch in.Kind {
	case Stop:
		m.stop(in)
	case Restart:
		if m.open {
			m.reconnect(in.Err, closeToResume)
		}
	case Stalled, Flowing:
		m.beat.stall(now, in.Kind == Stalled)
		if m.state == Resuming && in.Kind == Flowing {
			m.deadline = now.Add(ReadyTimeout) //seam:resumed-deadline-after-a-pause
		}
	case Lost:
		m.lost(in)
	default:
		steps[m.state](m, in)
	}
	m.host.Wake(m.wake())
}

// steps has one function for each state. Stop, Restart, Lost, Stalled and Flowing mean the same
// in all states and are handled before.
var steps = [...]func(*Machine, Input){
	Idle:          (*Machine).stepIdle,
	Connecting:    (*Machine).stepConnecting,
	AwaitingHello: (*Machine).stepAwaitingHello,
	Queued:        (*Machine).stepQueued,
	Identifying:   (*Machine).stepIdentifying,
	Resuming:      (*Machine).stepResuming,
	Ready:         (*Machine).stepReady,
	Backoff:       (*Machine).stepBackoff,
	Closed:        (*Machine).stepClosed,
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
	m.host.Changed(change)
}

// wake is the earliest time at which something is due.
func (m *Machine) wake() time.Time {
	at := m.deadline
	if m.state == Resuming && m.beat.stalled {
		at = time.Time{} // the replay waits for us
	}
	if m.open {
		at = earliest(at, m.beat.due())
	}
	return at
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

func identifyPayload(identify events.Identify) ([]byte, error) {
	request, err := identify.Request()
	if err != nil {
		return nil, err
	}
	return request.Payload()
}
