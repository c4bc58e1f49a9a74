package gatewaytest

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// wire is a server's end of a connection that can be frozen, and cut after a number of bytes.
// One goroutine at a time reads it, and one writes.
type wire struct {
	net.Conn
	left   atomic.Int64 // bytes until the cut; negative: none is planned
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	thaw chan struct{} // not nil: frozen until it is closed
}

func newWire(c net.Conn) *wire {
	w := &wire{Conn: c, closed: make(chan struct{})}
	w.left.Store(-1)
	return w
}

func (w *wire) frozen() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.thaw != nil
}

func (w *wire) freeze(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case on && w.thaw == nil:
		w.thaw = make(chan struct{})
	case !on && w.thaw != nil:
		close(w.thaw)
		w.thaw = nil
	}
}

// wait waits while the wire is frozen, and reports whether it did.
func (w *wire) wait() (waited bool, err error) {
	w.mu.Lock()
	thaw := w.thaw
	w.mu.Unlock()
	if thaw == nil {
		return false, nil
	}
	select {
	case <-thaw:
		return true, nil
	case <-w.closed:
		return true, net.ErrClosed
	}
}

// Read implements net.Conn. What had arrived when the wire froze is held back as well.
func (w *wire) Read(p []byte) (int, error) {
	if _, err := w.wait(); err != nil {
		return 0, err
	}
	n, err := w.Conn.Read(p)
	if n > 0 {
		if _, err := w.wait(); err != nil {
			return 0, err
		}
	}
	return n, err
}

// Write implements net.Conn.
func (w *wire) Write(p []byte) (int, error) {
	waited, err := w.wait()
	if err != nil {
		return 0, err
	}
	if waited { // the deadline of this write may have passed
		if err := w.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
			return 0, err
		}
	}
	left := w.left.Load()
	if left < 0 {
		return w.Conn.Write(p)
	}
	if int64(len(p)) < left {
		w.left.Add(-int64(len(p)))
		return w.Conn.Write(p)
	}
	n, err := w.Conn.Write(p[:left])
	return n, errors.Join(io.ErrClosedPipe, err, w.Close())
}

// Close implements net.Conn.
func (w *wire) Close() error {
	w.once.Do(func() { close(w.closed) })
	return w.Conn.Close()
}
