package sim

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// Witness is who has seen something.
type Witness string

// The witnesses. The first three judge; the others say what was done to the bot.
const (
	Gateway Witness = "gateway" // what arrived there, and what it did
	Handler Witness = "handler" // events that handlers were called with
	Caller  Witness = "caller"  // send events asked for, and their outcomes
	Network Witness = "network" // dials, and the ends of connections
	Process Witness = "process" // a Manager's life, and the changes that it tells
	Fault   Witness = "fault"   // what was injected

	Operator Witness = "operator" // changes of the plan that were asked for, and what Status said
)

// Record is one thing that a witness has seen.
type Record struct {
	At      time.Duration // since the run began
	Witness Witness
	What    string
	Process int // number of the Manager
	Shard   int // -1: none
	Total   int // of the session at the gateway
	Link    int // the shard's connection, by the number of its dial in this process
	Session int // the gateway's number of the session
	Op      events.Opcode
	Type    events.Type
	Seq     int64
	Code    events.CloseCode
	Guild   events.Snowflake
	Fact    string // identity of what happened in the world; "": nothing did
	Who     string // the handler
	Call    int    // of a caller
	Sum     uint32 // of an event's data
	For     time.Duration
	Text    string
}

// String is one line.
func (r Record) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%14.9f %-7s %-10s p%d s%d/%d", r.At.Seconds(), r.Witness, r.What, r.Process, r.Shard, r.Link)
	for _, part := range []struct {
		name string
		set  bool
		v    any
	}{
		{"session", r.Session != 0, r.Session}, {"op", r.Op != 0 || r.What == "received", int(r.Op)}, {"type", r.Type != "", r.Type},
		{"seq", r.Seq != 0, r.Seq}, {"fact", r.Fact != "", fmt.Sprintf("%.40q", r.Fact)}, {"who", r.Who != "", r.Who}, {"code", r.Code != 0, int(r.Code)}, {"call", r.Call != 0, r.Call},
		{"for", r.For != 0, r.For}, {"text", r.Text != "", fmt.Sprintf("%.200q", r.Text)},
	} {
		if part.set {
			fmt.Fprintf(&b, " %s=%v", part.name, part.v)
		}
	}
	return b.String()
}

// Trace is all that was seen, in order of time.
type Trace []Record

// sort puts records of one instant into an order that does not depend on who was faster to
// write: each shard's records of one witness keep theirs.
func (t Trace) sort() {
	link := func(r Record) int {
		if r.Witness == Process {
			return 0 // who is told of a shard's moves is told in order, whatever the connection
		}
		return r.Link
	}
	slices.SortStableFunc(t, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Witness, b.Witness), cmp.Compare(a.Process, b.Process), cmp.Compare(a.Shard, b.Shard),
			cmp.Compare(link(a), link(b)), cmp.Compare(a.Call, b.Call), cmp.Compare(a.Who, b.Who))
	})
}

// Hash tells traces apart.
func (t Trace) Hash() uint64 {
	h := fnv.New64a()
	for _, r := range t {
		fmt.Fprintln(h, r) // without sums: nonces and sessions' ids are random
	}
	return h.Sum64()
}
