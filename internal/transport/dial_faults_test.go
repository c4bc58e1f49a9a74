package transport_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
)

// TestWrongCertificateIsRefused: nothing is sent to a server that cannot prove who it is.
//
// Failures: F13.
func TestWrongCertificateIsRefused(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	server.Config.ErrorLog = nil
	server.StartTLS()
	defer server.Close()
	addr := server.Listener.Addr().String()
	_, err := transport.Dial(t.Context(), "wss://"+addr+"/secret", transport.Config{Hosts: []string{addr}})
	var failed *transport.DialError
	if !errors.As(err, &failed) || strings.Contains(err.Error(), "secret") || asked.Load() != 0 {
		t.Errorf("Dial: %v; the server was asked %d times", err, asked.Load())
	}
}

// TestDialOfAURLThatIsRefusedConnectsToNothing: not even to look.
//
// Failures: F148.
func TestDialOfAURLThatIsRefusedConnectsToNothing(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "wss://", "wss://a\x00b", "http://localhost", "ws://gateway.discord.gg", "wss://evil.example", "wss://me@gateway.discord.gg", "wss://gateway.discord.gg:22",
	} {
		dials := 0
		c, err := transport.Dial(t.Context(), bad, transport.Config{NetDial: func(context.Context, string, string) (net.Conn, error) {
			dials++
			return nil, io.EOF
		}})
		var refused *transport.URLError
		if c != nil || !errors.As(err, &refused) || dials != 0 {
			t.Errorf("%q: %v, %d dials", bad, err, dials)
		}
	}
}

// TestProxyAnswerWithoutAReasonIsAnError: the process survives an answer that the library panics on. The
// dial is made by a process of its own, since the proxy is read from the environment once.
//
// Failures: F15.
func TestProxyAnswerWithoutAReasonIsAnError(t *testing.T) {
	if os.Getenv("SIGNALBOX_TEST_DIAL") != "" {
		_, err := transport.Dial(t.Context(), "wss://gateway.discord.gg", transport.Config{})
		var failed *transport.DialError
		if !errors.As(err, &failed) {
			t.Errorf("Dial: %v", err)
		}
		return
	}
	t.Parallel()
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	var asked atomic.Int64
	go func() {
		for {
			c, err := proxy.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				asked.Add(1)
				_, _ = c.Write([]byte("HTTP/1.1 407\r\nContent-Length: 0\r\n\r\n"))
			}
			_ = c.Close()
		}
	}()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxyAnswerWithoutAReasonIsAnError$")
	child.Env = append(os.Environ(), "SIGNALBOX_TEST_DIAL=1", "HTTPS_PROXY=http://"+proxy.Addr().String(), "NO_PROXY=")
	if out, err := child.CombinedOutput(); err != nil || asked.Load() != 1 {
		t.Errorf("%v; the proxy was asked %d times\n%s", err, asked.Load(), out)
	}
}

// handshake answers one upgrade on the other end of a pipe, and swallows the rest.
func handshake(server net.Conn) {
	reader := bufio.NewReader(server)
	request, err := http.ReadRequest(reader)
	if err != nil {
		return
	}
	_, _ = io.WriteString(server, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
		acceptKey(request.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
	_, _ = io.Copy(io.Discard, reader)
}

// hooked is a connection of which each read is told of when it is done, and that knows whether it was closed.
type hooked struct {
	net.Conn
	read   func(p []byte)
	closed atomic.Bool
}

func (h *hooked) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	h.read(p[:n])
	return n, err
}

func (h *hooked) Close() error {
	h.closed.Store(true)
	return h.Conn.Close()
}

// TestDialThatIsCancelledAsItSucceedsLeavesNothingOpen: the upgrade is read whole, and in the same moment nobody wants it any more.
func TestDialThatIsCancelledAsItSucceedsLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		client, server := net.Pipe()
		go handshake(server)
		socket := &hooked{Conn: client, read: func(p []byte) {
			if strings.HasSuffix(string(p), "\r\n\r\n") {
				cancel()
			}
		}}
		c, err := transport.Dial(ctx, "ws://localhost", transport.Config{NetDial: func(context.Context, string, string) (net.Conn, error) { return socket, nil }})
		synctest.Wait()
		if c != nil || !errors.Is(err, context.Canceled) || !socket.closed.Load() {
			t.Errorf("%v, %v; closed: %v", c, err, socket.closed.Load())
		}
	})
}

// TestCancelledContextDoesNotEndWhatWasDialled: it is the dial's.
func TestCancelledContextDoesNotEndWhatWasDialled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		client, server := net.Pipe()
		go handshake(server)
		socket := &hooked{Conn: client, read: func([]byte) {}}
		c, err := transport.Dial(ctx, "ws://localhost", transport.Config{NetDial: func(context.Context, string, string) (net.Conn, error) { return socket, nil }})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		time.Sleep(time.Minute)
		if err := c.Write([]byte("{}")); err != nil || socket.closed.Load() {
			t.Errorf("a write after it: %v; closed: %v", err, socket.closed.Load())
		}
		c.Close(events.CloseNone, "")
	})
}

// TestSocketThatIsClosedDuringItsDialIsADialError, at each step of the upgrade, by either side.
func TestSocketThatIsClosedDuringItsDialIsADialError(t *testing.T) {
	t.Parallel()
	const answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	for name, serve := range map[string]func(client, server net.Conn){
		"before anything was read": func(_, server net.Conn) { _ = server.Close() },
		"after the request": func(_, server net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(server))
			_ = server.Close()
		},
		"within the answer": func(_, server net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(server))
			_, _ = io.WriteString(server, answer)
			_ = server.Close()
		},
		"by us": func(client, server net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(server))
			_ = client.Close()
		},
		"the answer has a wrong key": func(_, server net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(server))
			_, _ = io.WriteString(server, answer+"Sec-WebSocket-Accept: x\r\n\r\n")
			_ = server.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				go serve(client, server)
				c, err := transport.Dial(t.Context(), "ws://localhost/secret", transport.Config{NetDial: func(context.Context, string, string) (net.Conn, error) { return client, nil }})
				var failed *transport.DialError
				if c != nil || !errors.As(err, &failed) || failed.Timeout() || errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "secret") {
					t.Errorf("%v, %v", c, err)
				}
				if _, err := client.Write([]byte("x")); err == nil {
					t.Error("the socket is still open")
				}
			})
		})
	}
}

// timeout is an error of the net package's kind.
type timeout struct{}

func (timeout) Error() string { return "10.1.2.3 took too long" }
func (timeout) Timeout() bool { return true }

// TestDialErrorsSayInWhichWayAndNotWhere: the address may be secret, and what a caller decides by is there.
func TestDialErrorsSayInWhichWayAndNotWhere(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	for _, test := range []struct {
		err     error
		reason  string
		timeout bool
	}{
		{context.Canceled, "cancelled", false}, {fmt.Errorf("10.1.2.3: %w", context.Canceled), "cancelled", false},
		{context.DeadlineExceeded, "timed out", true}, {timeout{}, "timed out", true}, {os.ErrDeadlineExceeded, "timed out", true},
		{&net.DNSError{Err: "no such host", Name: "10.1.2.3"}, "the host's name cannot be resolved", false},
		{&net.OpError{Op: "dial", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3)}, Err: refused}, "dial: refused", false},
		{&net.OpError{Op: "read", Err: timeout{}}, "timed out", true},
		{io.EOF, "the connection ended during the handshake", false}, {io.ErrUnexpectedEOF, "the connection ended during the handshake", false},
		{errors.New("10.1.2.3 said no"), "… said no", false}, {errors.New("[2001:db8::1]:443 and fe80::2%eth0 said no"), "… and … said no", false},
		{errors.New("no way to gateway.discord.gg:443 by socks5://me:secret@proxy"), "no way to … by …", false},
		{fmt.Errorf("the pool\n is empty"), "the pool is empty", false}, {errors.New(strings.Repeat("x", 1000)), strings.Repeat("x", 200) + "…", false},
		{&net.OpError{Op: "socks connect", Err: errors.New("unknown error host unreachable")}, "socks connect: unknown error host unreachable", false},
	} {
		_, err := transport.Dial(t.Context(), "wss://gateway.discord.gg", transport.Config{
			NetDial: func(context.Context, string, string) (net.Conn, error) { return nil, test.err },
		})
		var failed *transport.DialError
		if !errors.As(err, &failed) || err.Error() != "transport: dial: "+test.reason || failed.Timeout() != test.timeout || !errors.Is(err, test.err) {
			t.Errorf("%v: %v, timeout %v", test.err, err, failed.Timeout())
		}
	}
}

// TestRetryAfterIsWhatCanBeWaited: seconds, and not more than a day.
func TestRetryAfterIsWhatCanBeWaited(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"": 0, "0": 0, "-5": 0, "1": time.Second, "86400": 24 * time.Hour, "86401": 24 * time.Hour, "9223372036854775807": 24 * time.Hour,
		"99999999999999999999": 0, "1.5": 0, "Fri, 31 Dec 1999 23:59:59 GMT": 0,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		_, err := transport.Dial(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http"), transport.Config{})
		server.Close()
		var failed *transport.DialError
		if !errors.As(err, &failed) || failed.Status != 503 || failed.RetryAfter != want {
			t.Errorf("%q: %v, %v", header, err, failed)
		}
	}
}
