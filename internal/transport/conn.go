// Package transport carries the gateway's payloads over a WebSocket connection: it dials,
// inflates what is read, and writes. It knows nothing of what the payloads mean. It is the
// only package that knows the WebSocket library.
package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// Config says how to connect. The zero value is ready.
type Config struct {
	Compression  events.Compression                                                // empty: zstd-stream
	Decoders     *Decoders                                                         // shared by connections that follow each other; nil: they are not
	NetDial      func(ctx context.Context, network, addr string) (net.Conn, error) // nil: the net package's, through Proxy
	Proxy        func(*http.Request) (*url.URL, error)                             // nil: http.ProxyFromEnvironment
	Hosts        []string                                                          // allowed besides Discord's; see CheckURL
	TLS          *tls.Config                                                       // nil: the zero value, and so the system's roots
	MaxFrame     int64                                                             // bytes on the wire of one message; 0: 32 MiB
	MaxMessage   int64                                                             // bytes of one message when inflated; 0: 64 MiB
	WriteTimeout time.Duration                                                     // 0: 5 s
	// Idle is called by Read, on its goroutine, whenever all that came is used up, before it
	// waits for more. nil: it is not.
	Idle func()
}

func (cfg *Config) compression() events.Compression {
	if cfg.Compression == "" {
		return events.CompressionZstd
	}
	return cfg.Compression
}

const (
	dialTimeout  = 10 * time.Second
	writeTimeout = 5 * time.Second
	closeTimeout = time.Second
	maxFrame     = 32 << 20
	maxMessage   = 64 << 20
	readBuffer   = 512 // the WebSocket library's; see wire
)

// UserAgent is what Discord requires of its clients.
//
// Source: reference#user-agent
const UserAgent = "DiscordBot (https://github.com/signalbox-go/signalbox, 0.1)"

// Conn is one connection. One goroutine reads, one writes; Close is for any.
type Conn struct {
	ws           *websocket.Conn
	wire         *wire
	inflate      inflater
	room         room
	writeTimeout time.Duration
	maxMessage   int64
	came         int   // bytes of the messages in which the latest payload came
	failed       error // of Read, for good
	closeOnce    sync.Once
}

func newConn(ws *websocket.Conn, w *wire, cfg *Config) *Conn {
	c := &Conn{
		ws: ws, wire: w, writeTimeout: orDefault(cfg.WriteTimeout, writeTimeout),
		maxMessage: orDefault(cfg.MaxMessage, maxMessage),
	}
	decoders := cfg.Decoders
	if decoders == nil {
		decoders = new(Decoders)
	}
	c.inflate = newInflater(cfg.compression(), c.maxMessage, decoders)
	idle := cfg.Idle // nothing else of cfg is kept
	w.idle = func() {
		c.room.wait()
		if idle != nil {
			idle()
		}
	}
	ws.SetReadLimit(orDefault(cfg.MaxFrame, maxFrame))
	// The library would echo the peer's code, and 1000 or 1001 from us ends the session.
	ws.SetCloseHandler(func(int, string) error { return nil })
	return c
}

// writeBuffers are shared by all connections: each needs one only while it writes.
var writeBuffers sync.Pool

func orDefault[T int64 | time.Duration](value, or T) T {
	if value == 0 {
		return or
	}
	return value
}

// Read returns the next payload, inflated. The slice is the caller's, but its room may be shared:
// whoever keeps one payload keeps up to 32 KiB of others. A close frame gives a
// *session.CloseError. After the first error every call returns it.
func (c *Conn) Read() ([]byte, error) {
	if c.failed != nil {
		return nil, c.failed
	}
	c.came = 0
	for {
		payload, err := c.message()
		if err != nil {
			return nil, c.fail(err)
		}
		if payload != nil {
			return payload, nil
		}
	}
}

// At is when the latest bytes came. It is for the goroutine that reads.
func (c *Conn) At() time.Time { return c.wire.at }

// Came is how many bytes the latest payload was as it came: compressed, without the headers of WebSocket, and without TLS. It is for the goroutine that reads.
func (c *Conn) Came() int { return c.came }

// message reads one message. A nil payload without an error: there is more to come.
func (c *Conn) message() ([]byte, error) {
	kind, reader, err := c.ws.NextReader()
	if err != nil {
		return nil, err
	}
	if kind != websocket.BinaryMessage && c.inflate.text() {
		payload, err := c.room.fill(reader)
		c.came += len(payload)
		return payload, err
	}
	var frame pagedFrame
	defer frame.free()
	if err := frame.read(reader); err != nil {
		return nil, err
	}
	c.came += frame.size
	return c.inflate.message(frame.whole(), &c.room)
}

func (c *Conn) fail(err error) error {
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure && closed.Code != websocket.CloseNoStatusReceived:
		err = &session.CloseError{Code: events.CloseCode(closed.Code), Reason: printable(closed.Text)}
	case errors.Is(err, websocket.ErrReadLimit):
		err = fmt.Errorf("%w: over the limit on the wire", ErrMessageTooLarge)
	case !errors.Is(err, ErrMessageTooLarge) && !errors.Is(err, errInflate):
		err = &readError{err}
	}
	if !errors.Is(err, ErrMessageTooLarge) && !errors.Is(err, errInflate) { // a decoder that has failed is not used again
		c.inflate.end()
	}
	c.failed = err
	return err
}

// Write sends one payload as a text frame, within the write timeout.
func (c *Conn) Write(payload []byte) error {
	if err := c.ws.SetWriteDeadline(time.Now().Add(c.writeTimeout)); err != nil {
		return &readError{err}
	}
	if err := c.ws.WriteMessage(websocket.TextMessage, payload); err != nil {
		return &readError{err}
	}
	_ = c.wire.SetWriteDeadline(time.Time{}) // or its timer would wake the process for nothing; the next write sets it anew
	return nil
}

// Close ends the connection: with a close frame, unless code is CloseNone, and without waiting
// for an answer. It takes a second at the most, and ends a Read that is under way. Only the
// first call counts.
func (c *Conn) Close(code events.CloseCode, reason string) {
	c.closeOnce.Do(func() {
		// A write that ends just now takes back the deadline set here, and TLS has one of its own for its farewell.
		defer time.AfterFunc(closeTimeout, func() { _ = c.wire.Close() }).Stop()
		if code != events.CloseNone {
			// A failure changes nothing: the connection ends here either way.
			_ = c.ws.WriteControl(websocket.CloseMessage,
				websocket.FormatCloseMessage(int(code), reason), time.Now().Add(closeTimeout))
		}
		_ = c.ws.Close()
	})
}
