package transport_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

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
