package actors

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/internal/tap"
	"github.com/signalbox-go/signalbox/internal/transport"
	"github.com/signalbox-go/signalbox/session"
)

// CreditLimit is how many frames of one shard may be under way between its reader and its actor.
// The reader stops when they are used up, and so, in the end, does the gateway.
const CreditLimit = batches * batchLimit

const (
	batches    = 2  // under way
	batchLimit = 32 // frames in one
)

// batch is what came at one moment. Reader → shard.
type batch struct {
	*link
	at     time.Time
	frames [][]byte
	wire   int // bytes of the frames as they came
}

// batchPool keeps the memory of batches; what is in it holds no frames. A new one has room for few: thousands of shards that begin
// at one moment have one each, of a single frame.
var batchPool = sync.Pool{New: func() any { return &batch{frames: make([][]byte, 0, 2)} }}

// done gives the batch's memory back.
func (b *batch) done() {
	clear(b.frames)
	b.link, b.frames, b.wire = nil, b.frames[:0], 0
	batchPool.Put(b)
}

// link is one connection of a shard, from the dial to the end, with the one goroutine that
// dials, and then the one that reads. It tells the shard's actor what happens, in order.
type link struct {
	conn     uint64
	system   *actor.ActorSystem
	shard    *actor.PID
	dialer   *dialer
	key      Key
	dialled  int64         // when the dial began, in Unix nanoseconds
	took     time.Duration // that it took
	taps     []tap.Conn
	over     atomic.Bool   // it is not wanted any more: nothing more is told
	lent     atomic.Int32  // batches under way
	underWay atomic.Int64  // frames
	last     atomic.Int64  // when something was read, in Unix nanoseconds; 0: nothing was
	read     *batch        // what the reader has not handed over yet
	wake     chan struct{} // of capacity 1: over or lent has changed, for the one goroutine

	mu     sync.Mutex
	cancel context.CancelFunc // of the dial that is under way
	socket *transport.Conn
}

func newLink(key Key, conn uint64, system *actor.ActorSystem, shard *actor.PID, d *dialer) *link {
	return &link{
		key: key, conn: conn, system: system, shard: shard, dialer: d, taps: d.observers.open(key, conn),
		wake: make(chan struct{}, 1),
	}
}

// wakes has the one goroutine look again at what it waits for.
func (l *link) wakes() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

type dialKey struct{}

// Dial says what a dial is for.
type Dial struct {
	Key
	Conn uint64 // the number of the shard's connection, as in its status
}

// DialOf tells what a dial is for, inside of NetDial: to choose an address to dial from, for
// one. false: ctx is of no such dial.
func DialOf(ctx context.Context) (Dial, bool) {
	d, ok := ctx.Value(dialKey{}).(Dial)
	return d, ok
}

// run dials when its turn has come, and has another goroutine read: the stack that a dial takes would stay with it for as long as the
// connection lives.
func (l *link) run(turn time.Time, url events.Secret, cfg *transport.Config) {
	returned := false
	defer l.survive("NetDial's connection", &returned)
	if l.await(turn) {
		began := time.Now()
		l.dialled = began.UnixNano()
		socket, err := l.dial(url, cfg)
		switch {
		case err != nil:
			l.lose(err)
		case !l.attach(socket):
			socket.Close(events.CloseNone, "")
		default:
			l.took = time.Since(began)
			l.tell(connected{l})
			l.dialer.links.Go(func() { l.readAll(socket) })
		}
	}
	returned = true
}

// survive, deferred, ends the connection alone: that is NetDial's, and may be the user's code, whatever it does to this goroutine.
func (l *link) survive(what string, returned *bool) {
	if reason := recover(); !*returned {
		l.lose(foreign.Panicked(what, reason))
		l.close(events.CloseNone)
	}
}

// readAll reads until the connection ends, or is not wanted any more. What is on the stack while it waits for a frame is small: each shard
// has such a stack for as long as it lives.
func (l *link) readAll(socket *transport.Conn) {
	returned := false
	defer l.survive("the reader of NetDial's connection", &returned)
	for !l.over.Load() {
		data, err := socket.Read()
		if err != nil {
			l.hand()
			l.lose(err)
			socket.Close(events.CloseNone, "")
			break
		}
		for _, t := range l.taps {
			t.Read(socket.At(), data)
		}
		if l.read == nil {
			l.read = batchPool.Get().(*batch)
			l.read.link, l.read.at = l, socket.At()
		}
		l.read.wire += socket.Came()
		if len(l.read.frames) == cap(l.read.frames) {
			l.read.frames = slices.Grow(l.read.frames, batchLimit-len(l.read.frames))
		}
		if l.read.frames = append(l.read.frames, data); len(l.read.frames) == batchLimit {
			l.hand()
		}
	}
	returned = true
}

// dial connects, unless the link is closed before.
func (l *link) dial(url events.Secret, cfg *transport.Config) (*transport.Conn, error) {
	ctx := context.WithValue(context.Background(), dialKey{}, Dial{l.key, l.conn})
	ctx, cancel := context.WithTimeout(ctx, session.DialTimeout) //seam:link-dial-deadline
	defer cancel()
	l.dials(cancel)
	defer l.dials(nil)
	with := *cfg
	with.Idle = l.hand
	return transport.Dial(ctx, url.Reveal(), with)
}

// dials notes what ends the dial that is under way; nil: there is none.
func (l *link) dials(cancel context.CancelFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cancel = cancel; cancel != nil && l.over.Load() {
		cancel()
	}
}

// hand gives the actor what was read, as soon as there is credit.
func (l *link) hand() {
	b := l.read
	if b == nil {
		return
	}
	l.read = nil
	l.last.Store(b.at.UnixNano())
	for l.stalled() && !l.over.Load() {
		<-l.wake
	}
	if l.over.Load() {
		return
	}
	l.lent.Add(1)
	if len(l.dialer.observers.frames) > 0 {
		l.observe(b)
	}
	l.underWay.Add(int64(len(b.frames)))
	l.tell(b)
}

// stalled reports whether the reader has to wait for the actor: all that may be under way is, in however few frames.
func (l *link) stalled() bool { return l.lent.Load() >= batches }

// observe tells what was read. The batch is the actor's afterwards.
func (l *link) observe(b *batch) {
	read := FramesRead{Key: l.key, Conn: l.conn, At: b.at, Frames: len(b.frames), Wire: b.wire}
	for _, frame := range b.frames {
		read.Bytes += len(frame)
	}
	tell(l.dialer.observers.frames, ObserverFrames.OnFrames, read)
}

// await reports whether the connection is still wanted when its turn has come.
func (l *link) await(turn time.Time) bool {
	wait := time.Until(turn)
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for !l.over.Load() {
		select {
		case <-timer.C:
			return true
		case <-l.wake:
		}
	}
	return false
}

func (l *link) tell(message any) {
	if !l.over.Load() {
		l.system.Root.Send(l.shard, message)
	}
}

// lose tells that the dial or the connection has failed.
func (l *link) lose(err error) {
	if !l.over.Load() {
		for _, t := range l.taps {
			t.Lost(err)
		}
	}
	l.tell(lost{l, err})
}

// attach takes the socket, unless the link was closed while it was dialled.
func (l *link) attach(socket *transport.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.socket = socket
	return !l.over.Load()
}

// write sends one payload. One goroutine at a time.
func (l *link) write(op events.Opcode, payload []byte) error {
	l.mu.Lock()
	socket := l.socket
	l.mu.Unlock()
	if socket == nil || l.over.Load() {
		return fmt.Errorf("actors: write on a closed connection")
	}
	for _, t := range l.taps { // before its answer can come
		t.Write(op, payload)
	}
	return socket.Write(payload)
}

// close ends the connection; what it still had to tell is not told. It does not wait. Safe for
// any goroutine, any number of times.
func (l *link) close(code events.CloseCode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over.Load() {
		return
	}
	l.over.Store(true) //seam:closed-link-silent
	l.wakes()
	for _, t := range l.taps {
		t.Closed(code)
	}
	if l.cancel != nil {
		l.cancel()
	}
	if socket := l.socket; socket != nil {
		l.dialer.links.Go(func() { socket.Close(code, "") }) //seam:closed-link-closes-socket
	}
}

// repay gives back the credit of one batch.
func (l *link) repay(frames int) {
	l.underWay.Add(-int64(frames))
	l.lent.Add(-1)
	l.wakes()
}
