// Package handover is how one process takes over the shards of another on the same machine, one by one: where the two meet, and what they say.
// What releasing and adopting a shard is, it leaves to those who do it.
package handover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

const (
	version   = 1
	sayTime   = 5 * time.Second  // for the other side to read what is said
	adoptTime = 30 * time.Second // from when a shard is given out until it runs there: who takes longer is taken for dead
	waitTime  = 2 * time.Minute  // for an answer: handlers may have to end first
	giveTime  = 90 * time.Second // for a shard to be released: handlers that take longer do not keep the other process until it waits no more
)

// ErrGone: the other process has died, has ended, or does not answer any more.
var ErrGone = errors.New("handover: the other process is gone")

// RefusedError is what the other process cannot do, in its words.
type RefusedError struct{ Problem string }

// Error is the problem.
func (e *RefusedError) Error() string { return "handover: the other process: " + e.Problem }

// Offer is what a process runs that may be taken over.
type Offer struct {
	Total  int
	Shards []int
	Bot    events.Snowflake // 0: not known
	// Resharding: their number changes, and nothing is given until it has.
	Resharding bool `json:",omitzero"`
}

// kind is what a message says.
type kind string

const (
	offers  kind = "offer"   // giver: what there is
	take    kind = "take"    // taker: it wants the shard
	given   kind = "given"   // giver: the shard's snapshot
	runs    kind = "runs"    // taker: the shard runs there
	all     kind = "all"     // taker: all that were offered run there; giver: so be it
	refuses kind = "refusal" // either: why it does not go on
)

// message is one line of what the two say.
type message struct {
	Kind     kind
	Version  int               `json:",omitzero"`
	Offer    *Offer            `json:",omitzero"`
	Shard    int               `json:",omitzero"`
	Snapshot *session.Snapshot `json:",omitzero"`
	Problem  string            `json:",omitzero"`
}

// wire carries messages. One goroutine reads.
type wire struct {
	conn net.Conn
	in   *json.Decoder

	saying sync.Mutex
	out    *json.Encoder

	hearing sync.Mutex // another one: who says something may wait for the other to be heard
	deaf    bool       // nothing more is heard
}

func newWire(conn net.Conn) *wire {
	return &wire{conn: conn, in: json.NewDecoder(conn), out: json.NewEncoder(conn)}
}

func (w *wire) say(m message) error {
	w.saying.Lock()
	defer w.saying.Unlock()
	_ = w.conn.SetWriteDeadline(time.Now().Add(sayTime))
	if err := w.out.Encode(m); err != nil {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return nil
}

// hear waits for the next message. A refusal is an error.
func (w *wire) hear(within time.Duration) (message, error) {
	w.hearing.Lock()
	if !w.deaf {
		_ = w.conn.SetReadDeadline(time.Now().Add(within))
	}
	w.hearing.Unlock()
	var m message
	if err := w.in.Decode(&m); err != nil {
		return m, fmt.Errorf("%w: %w", ErrGone, err)
	}
	if m.Kind == refuses {
		return m, &RefusedError{m.Problem}
	}
	return m, nil
}

// Refuse tells the other process why it cannot go on, and ends the connection.
func Refuse(conn net.Conn, problem error) {
	_ = newWire(conn).say(message{Kind: refuses, Problem: problem.Error()})
	_ = conn.Close()
}

// turnDeaf ends a wait for a message, and any later one.
func (w *wire) turnDeaf() {
	w.hearing.Lock()
	defer w.hearing.Unlock()
	w.deaf = true
	_ = w.conn.SetReadDeadline(time.Unix(1, 0))
}

// leave ends the connection when ctx ends.
func (w *wire) leave(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = w.conn.Close() })
}
