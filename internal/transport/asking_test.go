package transport_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/internal/transport"
)

// writes keeps what is written.
type writes struct {
	net.Conn
	all []string
}

func (w *writes) Write(p []byte) (int, error) {
	w.all = append(w.all, string(p))
	return w.Conn.Write(p)
}

// TestRequestForTheUpgradeIsOneWrite: it waits until the answer is read. What is written after the dial does not.
func TestRequestForTheUpgradeIsOneWrite(t *testing.T) {
	t.Parallel()
	gateway := peer(t, func(ws *websocket.Conn, _ *http.Request) { _, _, _ = ws.ReadMessage() })
	var wire *writes
	c := dial(t, gateway, transport.Config{NetDial: func(_ context.Context, network, addr string) (net.Conn, error) {
		conn, err := net.Dial(network, addr)
		wire = &writes{Conn: conn}
		return wire, err
	}})
	if len(wire.all) != 1 || !strings.HasPrefix(wire.all[0], "GET /?compress=zstd-stream&encoding=json&v=10 HTTP/1.1\r\n") || !strings.HasSuffix(wire.all[0], "\r\n\r\n") {
		t.Errorf("asked by %q", wire.all)
	}
	if err := c.Write([]byte(`{"op":1}`)); err != nil || len(wire.all) != 2 {
		t.Errorf("%v; written: %q", err, wire.all)
	}
}

// TestProxyThatNobodyCanSpeakToIsNotDialled: the error says what it is that is unknown.
func TestProxyThatNobodyCanSpeakToIsNotDialled(t *testing.T) {
	t.Parallel()
	_, err := transport.Dial(t.Context(), "wss://gateway.discord.gg", transport.Config{Proxy: func(*http.Request) (*url.URL, error) {
		return url.Parse("gopher://127.0.0.1:1")
	}})
	if err == nil || err.Error() != "transport: dial: proxy: unknown scheme: gopher" {
		t.Error(err)
	}
}

// TestProxyWithoutAPortIsAtItsUsualOne, as for net/http, which asks the REST API through the same one.
func TestProxyWithoutAPortIsAtItsUsualOne(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:1080")
	if err == nil { // else it is somebody else's who answers
		t.Cleanup(func() { _ = listener.Close() })
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Read(make([]byte, 512))
				_, _ = io.WriteString(conn, "\x05\xff")
				_ = conn.Close()
			}
		}()
	}
	for _, proxy := range []string{"socks5://127.0.0.1", "socks5h://me:s3cret@127.0.0.1"} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err := transport.Dial(ctx, "wss://gateway.discord.gg", transport.Config{Proxy: through(t, proxy)})
		cancel()
		if err == nil || strings.Contains(err.Error(), "missing port") || listener != nil && !strings.Contains(err.Error(), "requires authentication") {
			t.Errorf("%s: %v", proxy, err)
		}
	}
}
