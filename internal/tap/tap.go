// Package tap is how recorders of this library listen to connections: they are called on the goroutines that read and write, so that nothing is missed and nothing is
// out of order. Since Secrets can be named nowhere else, no code of the user's is ever called there.
package tap

import (
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// Secrets are what must not be shown of a shard, as it is now: the token, a session's id and its URL. It asks no actor, and is not to be called by a Tap's or Conn's methods.
type Secrets func(events.ShardKey) []string

// Tap hears of connections. It is one of the actors' observers as well, and is then called where it happens, and not on a lane. Its methods and those of a Conn are
// called by many goroutines. They must not wait, and must not call code that is not ours, such as an error's.
type Tap interface {
	// Begin is called once for each supervisor, before all else.
	Begin(Secrets)
	// Open is called when a dial of a shard begins.
	Open(key events.ShardKey, conn uint64) Conn
}

// Counter is a hook that counts events. It is called with each that goes to handlers, on the goroutine of its shard, and must not wait.
type Counter interface{ Count(Counted) }

// Counted is what a Counter is told of an event.
type Counted struct {
	Type     events.Type
	Replayed bool
}

// Conn hears of one connection.
type Conn interface {
	// Read is called with each payload that came. It must not be kept.
	Read(at time.Time, payload []byte)
	// Write is called with each payload, before it is written. It must not be kept.
	Write(op events.Opcode, payload []byte)
	// Lost is called when the dial or the connection has failed. It may be called again.
	Lost(err error)
	// Closed is called when the connection is not wanted any more. What came from it later is not told.
	Closed(code events.CloseCode)
}
