package recorder

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/internal/tap"
	"github.com/signalbox-go/signalbox/internal/transport"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// ErrSlow is what a Recording ends in when its writer was too slow: 16 MiB waited for it. What was written before is whole.
var ErrSlow = errors.New("recorder: the recording has ended: its writer is too slow")

const mostWaiting = 16 << 20 // bytes

// Recording writes down all that goes over the connections of one Manager, with its contents, for gatewaytest.WithRecording to play back.
//
// Everything that users have written is in it: messages, names, presences. Treat it as you treat their data, and do not leave it running. The bot's token, the tokens of
// interactions, webhooks and voice servers, sessions' ids and resume URLs are not in it: each is replaced by a name, the same one everywhere.
//
// Make it with NewRecording, before the Manager, so that it has the beginning of each session: one that began before cannot be played back. Safe for concurrent use.
type Recording struct {
	w       io.Writer
	began   time.Time
	secrets atomic.Pointer[tap.Secrets]
	cleaner cleaner
	over    chan struct{} // closed when the writer's goroutine has ended

	mu      sync.Mutex
	queue   []item
	waiting int // bytes of it
	closed  bool
	err     error
	signal  chan struct{} // of capacity 1
}

// item is one thing that is to be written down.
type item struct {
	at     time.Time
	key    actors.Key
	conn   uint64
	kind   string
	op     events.Opcode
	data   []byte
	code   events.CloseCode
	cause  error
	change session.Change
}

// NewRecording begins a recording, as JSON lines. w is written to on a goroutine that ends with Close. If w fails, or panics, the recording ends.
func NewRecording(w io.Writer) *Recording {
	r := &Recording{w: w, began: time.Now(), over: make(chan struct{}), signal: make(chan struct{}, 1)}
	go r.run()
	return r
}

// Hooks are what the Recording hears by: pass them to shardmanager.WithHooks. A Recording and a Recorder may listen to one Manager.
func (r *Recording) Hooks() []shardmanager.Hook { return []shardmanager.Hook{recordingHook{r}} }

// Err is why the recording has ended by itself: ErrSlow, or an error of its writer; nil: it has not.
func (r *Recording) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Close ends the recording, and waits until all of it is written. The error is that of Err.
func (r *Recording) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.wake()
	<-r.over
	return r.Err()
}

func (r *Recording) wake() {
	select {
	case r.signal <- struct{}{}:
	default:
	}
}

// add has an item written.
func (r *Recording) add(i item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.err != nil {
		return
	}
	const itself = 200 // bytes
	if r.waiting += len(i.data) + itself; r.waiting > mostWaiting {
		r.err = ErrSlow
	} else {
		r.queue = append(r.queue, i)
	}
	r.wake()
}

// take is what waits, and whether more may come.
func (r *Recording) take() (all []item, goesOn bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all, r.queue, r.waiting = r.queue, nil, 0
	return all, !r.closed && r.err == nil
}

// fail ends the recording.
func (r *Recording) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

// run writes until the end.
func (r *Recording) run() {
	defer close(r.over)
	err := foreign.Call("NewRecording's writer", func() error { return r.write(r.head()) })
	for goesOn := err == nil; goesOn; {
		<-r.signal
		var all []item
		all, goesOn = r.take()
		err = foreign.Call("NewRecording's writer", func() error { return r.write(r.linesOf(all)) })
		goesOn = goesOn && err == nil
	}
	if err != nil {
		r.fail(err)
	}
}

func (r *Recording) write(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	_, err := r.w.Write(data)
	return err
}

// recordingHook is what the Manager calls, inline: nothing here waits, or calls an error.
type recordingHook struct{ r *Recording }

var _ tap.Tap = recordingHook{}

func (h recordingHook) Begin(secrets tap.Secrets) { h.r.secrets.Store(&secrets) }

func (h recordingHook) Open(key actors.Key, number uint64) tap.Conn {
	return &recordedConn{r: h.r, key: key, number: number}
}

func (h recordingHook) OnDial(d actors.DialBegun) {
	h.r.add(item{at: d.At, key: d.Key, conn: d.Conn, kind: "dial"})
}

func (h recordingHook) OnConnected(c actors.Connected) {
	h.r.add(item{at: time.Now(), key: c.Key, conn: c.Conn, kind: "connected"})
}

func (h recordingHook) OnState(c actors.StateChanged) {
	h.r.add(item{at: c.At, key: c.Key, conn: c.Conn, kind: "move", change: c.Change, cause: c.Cause})
}

// recordedConn hears of one connection, until its end.
type recordedConn struct {
	r      *Recording
	key    actors.Key
	number uint64
	over   atomic.Bool
}

func (c *recordedConn) add(i item) {
	i.key, i.conn = c.key, c.number
	c.r.add(i)
}

func (c *recordedConn) Read(at time.Time, payload []byte) {
	if !c.over.Load() {
		c.add(item{at: at, kind: "read", data: append([]byte(nil), payload...)})
	}
}

func (c *recordedConn) Write(op events.Opcode, payload []byte) {
	if !c.over.Load() {
		c.add(item{at: time.Now(), kind: "write", op: op, data: append([]byte(nil), payload...)})
	}
}

func (c *recordedConn) Lost(err error) {
	if !c.over.Swap(true) {
		c.add(item{at: time.Now(), kind: "lost", cause: err})
	}
}

func (c *recordedConn) Closed(code events.CloseCode) {
	if !c.over.Swap(true) {
		c.add(item{at: time.Now(), kind: "closed", code: code})
	}
}

// refusal is how a server has refused a dial, and when it is to be dialled again.
func refusal(err error) (status int, again time.Duration) {
	if refused, is := err.(*transport.DialError); is {
		return refused.Status, refused.RetryAfter
	}
	return 0, 0
}
