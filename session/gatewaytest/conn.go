package gatewaytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
)

// conn is one connection of a client: a goroutine that reads it, and one that writes what is
// queued, so that no script ever waits.
type conn struct {
	srv     *Server
	ws      *websocket.Conn
	wire    *wire
	number  int
	deflate deflater // of the writer
	resume  string   // the URL that its READY tells

	qmu    sync.Mutex
	queue  []outgoing
	signal chan struct{} // something is in the queue
	ended  chan struct{}
	once   sync.Once

	// The rest is guarded by the server's lock.
	resumes   bool // it came to ResumeURL
	streamed  bool // the transport is compressed
	version   int  // of the API
	noted     map[string]bool
	shard     events.ShardID
	session   *sess
	live      bool // READY or RESUMED was sent, and the session is still this connection's
	began     bool // Identify or Resume was read, and not refused
	orphan    bool // the session was taken away: what the client sends in ignorance is no offence
	closing   bool // a close frame is on its way: what the client still sends does not count
	times     []time.Time
	presences []time.Time
	greeted   time.Time // when Hello was sent
	beatDue   time.Time // when the next periodic heartbeat is due; zero: the first
	asked     int       // heartbeats that the server has asked for
	claimed   int64     // the highest sequence of a heartbeat before there was a session
	watchdog  *time.Timer
	excused   time.Time // until then nothing is judged by its time, after a freeze
	muted     bool
}

// outgoing is a payload, or the end.
type outgoing struct {
	payload  []byte
	close    events.CloseCode
	reason   string // of close
	compress bool   // payload compression from here on
	cut      bool   // the end, without a close frame
}

const (
	writeWait = time.Minute     // for a client that reads nothing
	closeWait = 2 * time.Second // for a client to answer a close frame
)

func newConn(s *Server, ws *websocket.Conn, compression events.Compression) *conn {
	c := &conn{srv: s, ws: ws, wire: wireOf(ws.NetConn()), signal: make(chan struct{}, 1), ended: make(chan struct{})}
	c.streamed = compression == events.CompressionZlib || compression == events.CompressionZstd
	if c.streamed {
		c.deflate.kind = compression
	}
	c.deflate.split = s.set.split
	ws.SetReadLimit(1 << 20)
	return c
}

// hello begins the protocol.
//
// Source: events/gateway#hello-event
func (c *conn) hello() {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	c.greet()
	c.payload(events.OpHello, map[string]int64{"heartbeat_interval": c.srv.set.interval.Milliseconds()})
}

// greet notes that Hello is being sent: from now on heartbeats are expected.
func (c *conn) greet() {
	c.greeted = time.Now()
	if c.watchdog == nil {
		c.watchdog = time.AfterFunc(c.srv.patience(), c.overdue)
	}
}

// payload sends one that is not a dispatch.
func (c *conn) payload(op events.Opcode, d any) {
	c.srv.note(c, Entry{Kind: Sent, Op: op, Data: encode(d)})
	c.post(outgoing{payload: encode(map[string]any{"op": op, "d": d, "s": nil, "t": nil})})
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("gatewaytest: what a script sends cannot be encoded: %v", err))
	}
	return data
}

func (c *conn) post(o outgoing) {
	c.qmu.Lock()
	c.queue = append(c.queue, o)
	c.qmu.Unlock()
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

// write sends what is queued, until the connection ends.
func (c *conn) write() {
	defer c.deflate.close()
	defer c.cut()
	for {
		c.qmu.Lock()
		batch := c.queue
		c.queue = nil
		c.qmu.Unlock()
		for _, o := range batch {
			if !c.put(o) {
				return
			}
		}
		if len(batch) > 0 {
			continue
		}
		select {
		case <-c.signal:
		case <-c.ended:
			return
		}
	}
}

func (c *conn) put(o outgoing) bool {
	if o.compress {
		c.deflate.kind = events.CompressionPayload
		return true
	}
	if o.cut {
		return false
	}
	_ = c.ws.SetWriteDeadline(time.Now().Add(writeWait))
	if o.close != events.CloseNone {
		frame := websocket.FormatCloseMessage(int(o.close), o.reason)
		if c.ws.WriteControl(websocket.CloseMessage, frame, time.Now().Add(closeWait)) == nil {
			// If the connection were cut now, the client could lose the close frame with it.
			timer := time.NewTimer(closeWait)
			defer timer.Stop()
			select {
			case <-c.ended:
			case <-timer.C:
			}
		}
		return false
	}
	messages, err := c.deflate.encode(o.payload)
	if err != nil {
		panic(fmt.Sprintf("gatewaytest: compressing: %v", err)) // into memory: it cannot fail
	}
	for _, m := range messages {
		if c.ws.WriteMessage(m.kind, m.data) != nil {
			return false
		}
	}
	return true
}

// cut ends the connection without a close frame.
func (c *conn) cut() {
	c.once.Do(func() {
		close(c.ended)
		_ = c.wire.Close() // it may have ended already
	})
}

// closeWith ends the connection with a code, after what was queued before. Its session goes on
// for a while, as after any other end. The detail stands behind Discord's reason.
func (c *conn) closeWith(code events.CloseCode, detail string) {
	c.leave()
	c.closing = true
	c.srv.note(c, Entry{Kind: Closing, Code: code})
	c.post(outgoing{close: code, reason: reason(code, detail)})
}

// leave parts the connection from its session.
func (c *conn) leave() {
	if c.session != nil && c.session.conn == c {
		c.session.conn = nil
		c.session.lostAt = time.Now()
	}
	c.session, c.live, c.orphan = nil, false, c.orphan || c.live
}

func (c *conn) freeze(on bool) {
	if c.wire.freeze(on); !on {
		// What was sent meanwhile is read all at once, through no fault of the client's.
		c.excused = time.Now().Add(time.Minute)
		c.times, c.presences, c.beatDue = nil, nil, time.Time{}
	}
}

// read takes what the client sends, until the connection ends.
func (c *conn) read() {
	defer c.gone()
	defer c.cut()
	for {
		kind, data, err := c.ws.ReadMessage()
		if err != nil {
			c.failed(err)
			return
		}
		c.srv.frame(c, kind == websocket.TextMessage, data)
	}
}

// failed judges how the connection ended: a client that closes with 1000 or 1001 ends its session.
//
// Source: events/gateway#initiating-a-disconnect
func (c *conn) failed(err error) {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	var closed *websocket.CloseError
	if c.closing || !errors.As(err, &closed) {
		return // it has answered a close frame, or was lost without one
	}
	c.srv.note(c, Entry{Kind: Closed, Code: events.CloseCode(closed.Code)})
	if closed.Code == websocket.CloseNormalClosure || closed.Code == websocket.CloseGoingAway {
		c.srv.stats.Ended++
		if c.session != nil {
			c.srv.revoke(c.session)
		}
	}
}

// gone lets go of the connection. Its session goes on for a while.
func (c *conn) gone() {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	delete(c.srv.conns, c)
	c.srv.note(c, Entry{Kind: Gone})
	c.leave()
	if c.watchdog != nil {
		c.watchdog.Stop()
	}
}
