package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
	"github.com/signalbox-go/signalbox/session"
)

// breaking is a connection of which each read and write that fails does so with err. What ends in last comes together with it.
type breaking struct {
	net.Conn
	err  error
	last []byte
}

func (b *breaking) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if err != nil || b.last != nil && bytes.HasSuffix(p[:n], b.last) {
		return n, b.err
	}
	return n, nil
}

func (b *breaking) Write(p []byte) (int, error) {
	n, err := b.Conn.Write(p)
	if err != nil {
		return n, b.err
	}
	return n, nil
}

// TestLostConnectionsGiveWhatCameAndShowNoAddress: the messages that came whole are read, even if the end came with the last bytes of
// them. Then each read and write tells the cause, but not the address, and not of a close frame, since there was none.
func TestLostConnectionsGiveWhatCameAndShowNoAddress(t *testing.T) {
	t.Parallel()
	frame := func(size int) []byte {
		return append(header(true, websocket.TextMessage, size), strings.Repeat("x", size-1)+"!"...)
	}
	half := func(size int) []byte { return frame(size)[:size/2] }
	for _, cause := range []error{
		io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, os.ErrDeadlineExceeded, timeout{}, errors.New("10.1.2.3 said no"),
		&net.OpError{Op: "read", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3)}, Err: syscall.ECONNRESET},
		&net.OpError{Op: "read", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3)}, Err: os.ErrDeadlineExceeded},
		&net.OpError{Op: "read", Err: &net.OpError{Op: "socks", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3)}, Err: syscall.ECONNRESET}},
		fmt.Errorf("10.1.2.3: %w", &net.OpError{Op: "write", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3)}, Err: syscall.EPIPE}),
	} {
		for _, sent := range []struct {
			bytes []byte
			whole int
		}{
			{nil, 0}, {frame(5)[:1], 0}, {half(100), 0}, {half(2000), 0}, {half(100_000), 0}, {frame(100), 1}, {frame(502), 1}, {frame(20_000), 1},
			{append(frame(100), frame(100)...), 2}, {append(frame(1000), frame(40_000)...), 2}, {append(frame(1000), half(40_000)...), 1},
		} {
			for _, last := range [][]byte{nil, []byte("!")} {
				synctest.Test(t, func(t *testing.T) {
					client, server := net.Pipe()
					go func() {
						defer server.Close()
						if request, err := http.ReadRequest(bufio.NewReader(server)); err == nil {
							_, _ = io.WriteString(server, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
								acceptKey(request.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
							_, _ = server.Write(sent.bytes)
						}
					}()
					socket := &breaking{Conn: client, err: cause}
					c := dial(t, "ws://localhost", transport.Config{Compression: events.CompressionNone, NetDial: func(context.Context, string, string) (net.Conn, error) { return socket, nil }})
					socket.last = last
					read := 0
					_, err := c.Read()
					for ; err == nil; _, err = c.Read() {
						read++
					}
					for what, err := range map[string]error{"Read": err, "Write": c.Write([]byte("{}"))} {
						var closed *session.CloseError
						if err == nil || errors.As(err, &closed) || !strings.HasPrefix(err.Error(), "transport: connection lost") || strings.Contains(err.Error(), "10.1.2.3") {
							t.Errorf("%v after %d bytes: %s: %v", cause, len(sent.bytes), what, err)
						}
					}
					if read != sent.whole {
						t.Errorf("%v after %d bytes: %d messages were read, want %d", cause, len(sent.bytes), read, sent.whole)
					}
					t.Logf("%v after %d bytes: %v", cause, len(sent.bytes), err)
				})
			}
		}
	}
}
