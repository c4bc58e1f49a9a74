package session

import "slices"

// State is where a shard's session stands.
type State int

// The states. A shard begins Idle and ends Closed.
const (
	Idle          State = iota // not started
	Connecting                 // dialling
	AwaitingHello              // connected; the gateway has not said Hello yet
	Queued                     // heartbeating; waiting for a permit to Identify
	Identifying                // Identify is written, READY has not come
	Resuming                   // Resume is written, missed events are coming, RESUMED has not
	Ready                      // live: events come, send events go; to Ready again when the gateway begins another session
	Backoff                    // not connected; waiting to connect again; to Backoff again when the session is given up meanwhile
	Closed                     // ended, for good
)

var stateNames = [...]string{
	"Idle", "Connecting", "AwaitingHello", "Queued", "Identifying", "Resuming", "Ready", "Backoff", "Closed",
}

// String is the state's name.
func (s State) String() string { return stateNames[s] }

// States are all states, in order.
func States() []State {
	all := make([]State, len(stateNames))
	for i := range all {
		all[i] = State(i)
	}
	return all
}

// moves are the legal moves: become panics on any other, and the documentation's drawing of
// the machine is made from this table.
var moves = map[State][]State{
	Idle:          {Connecting, Closed},
	Connecting:    {AwaitingHello, Backoff, Closed},
	AwaitingHello: {Queued, Resuming, Backoff, Closed},
	Queued:        {Identifying, Backoff, Closed},
	Identifying:   {Ready, Backoff, Closed},
	Resuming:      {Ready, Backoff, Closed},
	Ready:         {Ready, Backoff, Closed},
	Backoff:       {Connecting, Backoff, Closed},
	Closed:        {},
}

// Next are the states that may follow s.
func (s State) Next() []State { return slices.Clone(moves[s]) }
