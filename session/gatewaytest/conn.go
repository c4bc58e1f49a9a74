package gatewaytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
)

// conn is one connection of a client. Its fields below mu are guarded by the server's lock;
// what it sends goes through a queue and a goroutine, so that no script ever waits.
type conn struct {
	srv      *Server
	ws       *websocket.Conn
	number   int
	streamed bool // the transport is compressed
	deflate  deflater

	qmu    sync.Mutex
	queue  []outgoing
	signal chan struct{} // something is in the queue
	thaw   chan struct{} // not nil: frozen until it is closed
	ended  chan struct{}
	once   sync.Once

	shard   events.ShardID
	session *sess
	live    bool // READY or RESUMED was sent
	began   bool // Identify or Resume was read
	times   []time.Time
	greeted time.Time
	beatDue time.Time // when the next periodic heartbeat is due; zero: the first
	muted   bool
}

// outgoing is a payload, or the end.
type outgoing struct {
	payload  []byte
	close    events.CloseCode
	compress bool // payload compression from here on
}

func newConn(s *Server, ws *websocket.Conn, compression events.Compression) *conn {
	c := &conn{srv: s, ws: ws, signal: make(chan struct{}, 1), ended: make(chan struct{})}
	c.streamed = compression != ""
	c.deflate = deflater{kind: compression, split: s.set.split}
	ws.SetReadLimit(1 << 20)
	ws.SetCloseHandler(func(int, string) error { return nil })
	return c
}

func (c *conn) hello() {
	c.srv.mu.Lock()
	c.greeted = time.Now()
	c.srv.mu.Unlock()
	c.payload(events.OpHello, map[string]int64{"heartbeat_interval": c.srv.set.interval.Milliseconds()})
}

// payload sends one that is not a dispatch.
func (c *conn) payload(op events.Opcode, d any) {
	data, err := json.Marshal(map[string]any{"op": op, "d": d, "s": nil, "t": nil})
	if err != nil {
		panic(fmt.Sprintf("gatewaytest: %v cannot be encoded: %v", op, err))
	}
	c.post(outgoing{payload: data})
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
		batch, thaw := c.queue, c.thaw
		if thaw == nil {
			c.queue = nil
		}
		c.qmu.Unlock()
		if thaw != nil {
			select {
			case <-thaw:
			case <-c.ended:
				return
			}
			continue
		}
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
	if o.close != events.CloseNone {
		frame := websocket.FormatCloseMessage(int(o.close), o.close.String())
		_ = c.ws.WriteControl(websocket.CloseMessage, frame, time.Now().Add(time.Second))
		return false
	}
	messages, err := c.deflate.encode(o.payload)
	if err != nil {
		return false
	}
	for _, m := range messages {
		_ = c.ws.SetWriteDeadline(time.Now().Add(time.Minute))
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
		_ = c.ws.NetConn().Close()
	})
}

// closeWith ends the connection with a code, after what was queued before.
func (c *conn) closeWith(code events.CloseCode) { c.post(outgoing{close: code}) }

func (c *conn) freeze(on bool) {
	c.qmu.Lock()
	defer c.qmu.Unlock()
	switch {
	case on && c.thaw == nil:
		c.thaw = make(chan struct{})
	case !on && c.thaw != nil:
		close(c.thaw)
		c.thaw = nil
	}
}

// read takes what the client sends, until the connection ends.
func (c *conn) read() {
	defer c.gone()
	defer c.cut()
	patience := c.srv.set.interval*3/2 + 20*time.Second
	_ = c.ws.SetReadDeadline(time.Now().Add(patience))
	for {
		kind, data, err := c.ws.ReadMessage()
		c.qmu.Lock()
		thaw := c.thaw
		c.qmu.Unlock()
		if thaw != nil {
			select {
			case <-thaw:
			case <-c.ended:
			}
		}
		if err != nil {
			c.failed(err, thaw != nil)
			return
		}
		if c.srv.frame(c, kind == websocket.TextMessage, data) == events.OpHeartbeat {
			_ = c.ws.SetReadDeadline(time.Now().Add(patience))
		}
	}
}

// failed judges how the connection ended.
func (c *conn) failed(err error, frozen bool) {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	var closed *websocket.CloseError
	if errors.As(err, &closed) {
		if code := events.CloseCode(closed.Code); code.EndsSession() {
			c.srv.stats.Ended++
			if c.session != nil && c.session.conn == c {
				c.session.revoked = true
			}
		}
		return
	}
	var late net.Error // the library hides os.ErrDeadlineExceeded
	if errors.As(err, &late) && late.Timeout() && !frozen && !c.muted {
		c.srv.violate(c, "heartbeat", "none came for longer than an interval and a half")
	}
}

// gone lets go of the connection. Its session goes on for a while.
func (c *conn) gone() {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	delete(c.srv.conns, c)
	if c.session != nil && c.session.conn == c {
		c.session.conn = nil
		c.session.lostAt = time.Now()
	}
}
