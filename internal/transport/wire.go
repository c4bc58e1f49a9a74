package transport

import (
	"bytes"
	"net"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/internal/foreign"
)

// wire is the connection below TLS and WebSocket. They read from it when what they have is used up.
// Since thousands of connections are mostly silent, the WebSocket library's buffer is small; one that
// was filled has more behind it, and that is read by the page. Under TLS, which reads by the record into
// a buffer of its own, there are no pages.
type wire struct {
	net.Conn
	idle func()
	at   time.Time // of the latest read from the network
	more bool      // it filled all the room there was
	page *page     // read, and not used up
	rest []byte    // of the page
	err  error     // that came with it
	// asks, until the dial is over, keeps what is written until the next read; nil: nothing is kept.
	asks *bytes.Buffer
}

// requests are the buffers of dials.
var requests = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// asked ends the dial.
func (w *wire) asked() {
	if w.asks != nil {
		w.asks.Reset()
		requests.Put(w.asks)
		w.asks = nil
	}
}

// WriteByte implements io.ByteWriter. By that net/http knows that it need not make a buffer for the request, of 4 KiB, which would be
// garbage at once: where thousands of shards begin together, memory that is never given back.
func (w *wire) WriteByte(c byte) error {
	_, err := w.Write([]byte{c})
	return err
}

// WriteString implements io.StringWriter, for net/http as well.
func (w *wire) WriteString(s string) (int, error) {
	if w.asks != nil {
		return w.asks.WriteString(s)
	}
	return w.Write([]byte(s))
}

// Read implements net.Conn.
func (w *wire) Read(p []byte) (int, error) {
	if w.asks != nil && w.asks.Len() > 0 {
		_, err := w.write(w.asks.Bytes())
		w.asks.Reset()
		if err != nil {
			return 0, err
		}
	}
	if w.page == nil {
		if w.err != nil {
			return 0, w.err
		}
		if w.idle != nil {
			w.idle()
		}
		if !w.more || len(p) >= pageSize {
			n, err := w.read(p)
			// The rest of a message is no sign of more, if that was all that was asked for.
			w.at, w.more = time.Now(), n == readBuffer && len(p) == readBuffer
			return n, err
		}
		w.page = pages.Get().(*page)
		n, err := w.read(w.page[:])
		w.at, w.more = time.Now(), n == pageSize
		w.rest, w.err = w.page[:n], err
	}
	n := copy(p, w.rest)
	if w.rest = w.rest[n:]; len(w.rest) == 0 {
		pages.Put(w.page)
		w.page, w.rest = nil, nil
	}
	if n == 0 && w.page == nil {
		return 0, w.err
	}
	return n, nil
}

// The connection is NetDial's, and so may be the user's code. What it panics with is an error of the connection; a goroutine
// that it ends (runtime.Goexit) is seen by who owns that.

func (w *wire) read(p []byte) (n int, err error) {
	defer foreign.Catch("Read of NetDial's connection", &err)
	return w.Conn.Read(p)
}

func (w *wire) write(p []byte) (n int, err error) {
	defer foreign.Catch("Write of NetDial's connection", &err)
	return w.Conn.Write(p)
}

// Write implements net.Conn.
func (w *wire) Write(p []byte) (int, error) {
	if w.asks != nil {
		return w.asks.Write(p)
	}
	return w.write(p)
}

// Close implements net.Conn.
func (w *wire) Close() (err error) {
	defer foreign.Catch("Close of NetDial's connection", &err)
	return w.Conn.Close()
}

// SetDeadline implements net.Conn.
func (w *wire) SetDeadline(t time.Time) (err error) {
	defer foreign.Catch("SetDeadline of NetDial's connection", &err)
	return w.Conn.SetDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (w *wire) SetReadDeadline(t time.Time) (err error) {
	defer foreign.Catch("SetReadDeadline of NetDial's connection", &err)
	return w.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (w *wire) SetWriteDeadline(t time.Time) (err error) {
	defer foreign.Catch("SetWriteDeadline of NetDial's connection", &err)
	return w.Conn.SetWriteDeadline(t)
}
