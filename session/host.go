package session

import (
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// Host is what a machine may ask of its surroundings. The machine calls it within Step and
// never waits for it: what comes of a call is a later input. No method may call Step.
type Host interface {
	// Connect dials the session's resume URL, or, when url is empty, the gateway's own, as
	// discovery gave it last. Its outcome is a Connected or a Lost input with the same conn.
	Connect(conn uint64, url events.Secret)
	// Write sends one payload. After an error, which says that it is not known whether the payload went
	// out, a Lost input follows. An Identify uses up the permit.
	Write(conn uint64, op events.Opcode, payload []byte) error
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
	// Deliver hands over an event, READY and RESUMED included, in order. meta.Seq is how far the session has come with it,
	// to be stored; 0 if that is not known, since raw.Seq is none or does not follow. It reports whether the
	// subscribers are behind: then a Flowing input follows when they have caught up, and silence until
	// then is our own doing.
	Deliver(raw events.Raw, meta events.Meta) (full bool)
	// Part offers a part of the answer to a Send as it comes, before the event is delivered. It reports whether
	// it took the part; otherwise the part is kept for the Outcome.
	Part(id uint64, raw events.Raw) (taken bool)
	// Ended tells how a Send ended: once for each Send input, within the same Step if nothing is to be waited for.
	Ended(Outcome)
	// Latency tells how long a heartbeat's ACK took, and how much later than it was due the latest periodic heartbeat was written.
	Latency(roundTrip, late time.Duration)
	// Changed tells of every move from one state to another, after the Sends that the move ends.
	Changed(Change)
	// Odd tells of something that the gateway should not have sent; the session goes on.
	Odd(error)
}

// Change is one move of a machine. A session that the gateway began by itself is a move from Resuming or Ready
// to Ready with Lost set.
type Change struct {
	At       time.Time
	From, To State
	Conn     uint64 // the connection number: one for each dial
	Session  uint64 // see events.Meta
	// Lost: this move gave up a session; what the gateway sent since its last delivered event
	// will not come again.
	Lost   bool
	Cause  error         // why the move was made; nil when it is the expected next step
	Retry  time.Time     // To is Backoff: when it connects again
	Failed int           // To is Backoff: attempts in a row that have gained nothing
	Beat   time.Duration // To is Ready: the heartbeat interval
}

// InputKind is the kind of an Input.
type InputKind int

// The kinds of input.
const (
	Start      InputKind = iota // begin, or do not wait any longer in Backoff
	Connected                   // the dial has succeeded
	Frame                       // Data is one whole payload
	Lost                        // the dial or the connection has failed with Err
	Granted                     // the permit to Identify is here
	Refused                     // there is no permit until At, because of Err
	Tick                        // the time of Host.Wake has come
	Flowing                     // the subscribers have caught up since Host.Deliver said that they are behind
	Restart                     // give up the connection, keep the session
	Stop                        // end for good, keeping the session unless Code ends it
	Waiting                     // the dial begins at At, not yet: other shards have their turn before
	Send                        // write Payload for Request, and wait for its answer; see Outcome
	Reachable                   // another shard has just become Ready, the first since At; an outage may be over
	Reidentify                  // give up the connection and the session: another one begins, for one Identify
)

var kindNames = [...]string{
	"Start", "Connected", "Frame", "Lost", "Granted", "Refused", "Tick", "Flowing", "Restart", "Stop", "Waiting", "Send", "Reachable",
	"Reidentify",
}

// String is the kind's name.
func (k InputKind) String() string { return kindNames[k] }

// Input is something that happened.
type Input struct {
	Kind InputKind
	Conn uint64    // the connection it belongs to; 0: to the session, whatever the connection. A Send needs one
	Data []byte    // Frame
	Err  error     // Lost, Refused, Restart, Stop, Reidentify
	At   time.Time // Frame: when it was read. Refused: when to ask again. Waiting: when the dial begins.
	// Lost: zero, or before when the server asked not to be dialled again. Reachable: when a shard last became Ready
	// before; zero: none had.
	Code events.CloseCode // Stop

	ID       uint64          // Send: names it in the Outcome; no two that are under way have the same
	Request  *events.Request // Send: what is asked for; nobody changes it until it has ended
	Payload  []byte          // Send: the request's payload; of a heartbeat the machine writes its own
	Deadline time.Time       // Send: of the answer; zero: none
}
