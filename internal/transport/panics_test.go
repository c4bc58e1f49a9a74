package transport_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/internal/transport"
)

// buggy is a connection of which one method panics.
type buggy struct {
	net.Conn
	method atomic.Value
}

func (b *buggy) may(method string) {
	if b.method.Load() == method {
		panic("a bug in " + method)
	}
}

func (b *buggy) Read(p []byte) (int, error)    { b.may("Read"); return b.Conn.Read(p) }
func (b *buggy) Write(p []byte) (int, error)   { b.may("Write"); return b.Conn.Write(p) }
func (b *buggy) SetDeadline(t time.Time) error { b.may("SetDeadline"); return b.Conn.SetDeadline(t) }
func (b *buggy) SetReadDeadline(t time.Time) error {
	b.may("SetReadDeadline")
	return b.Conn.SetReadDeadline(t)
}
func (b *buggy) SetWriteDeadline(t time.Time) error {
	b.may("SetWriteDeadline")
	return b.Conn.SetWriteDeadline(t)
}
func (b *buggy) Close() error { defer b.may("Close"); return b.Conn.Close() }

// TestConnectionWhoseMethodPanicsFailsThatCall, in the dial and after it: the error names the method, and nobody else's goroutine ends.
func TestConnectionWhoseMethodPanicsFailsThatCall(t *testing.T) {
	t.Parallel()
	for method, fails := range map[string]string{
		"Read": "a dial, a read", "Write": "a dial, a write", "SetDeadline": "a dial", "SetReadDeadline": "", "SetWriteDeadline": "", "Close": "",
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				try := func(begin string) (*buggy, *transport.Conn, error) {
					client, server := net.Pipe()
					t.Cleanup(func() { _ = client.Close() })
					go handshake(server)
					socket := &buggy{Conn: client}
					socket.method.Store(begin)
					c, err := transport.Dial(t.Context(), "ws://localhost", transport.Config{Compression: events.CompressionNone, NetDial: func(context.Context, string, string) (net.Conn, error) { return socket, nil }})
					return socket, c, err
				}
				check := func(what string, err error) {
					t.Helper()
					var panicked *foreign.PanicError
					named := errors.As(err, &panicked) && panicked.What == method+" of NetDial's connection"
					if want := strings.Contains(fails, what); want != named || !want && err != nil {
						t.Errorf("%s: %v", what, err)
					}
				}
				_, c, err := try(method)
				check("a dial", err)
				if c != nil {
					c.Close(events.CloseNone, "")
				}
				socket, c, err := try("")
				if err != nil {
					t.Fatal(err)
				}
				socket.method.Store(method)
				check("a write", c.Write([]byte("{}")))
				if method == "Read" {
					_, err := c.Read()
					check("a read", err)
				}
				c.Close(events.CloseUnknownError, "")
				synctest.Wait()
			})
		})
	}
}
