package transport_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
)

// failing is a connection whose reads fail once it is broken.
type failing struct {
	net.Conn
	broken chan struct{}
}

func (f failing) Read(p []byte) (int, error) {
	select {
	case <-f.broken:
		return 0, errors.New("the tunnel by 10.1.2.3:99 is gone")
	default:
		return f.Conn.Read(p)
	}
}

// TestLossesSayInWhichWay: of a connection that ends without a close code, and without an address.
func TestLossesSayInWhichWay(t *testing.T) {
	t.Parallel()
	for want, end := range map[string]func(ws *websocket.Conn){
		"it ended without a close frame": func(ws *websocket.Conn) { _ = ws.NetConn().Close() },
		"it was closed without a code": func(ws *websocket.Conn) {
			_ = ws.WriteControl(websocket.CloseMessage, nil, time.Now().Add(time.Second))
		},
	} {
		url := peer(t, func(ws *websocket.Conn, _ *http.Request) { end(ws) })
		_, err := dial(t, url, transport.Config{Compression: events.CompressionNone}).Read()
		if err == nil || err.Error() != "transport: connection lost: "+want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	broken := make(chan struct{})
	url := peer(t, func(ws *websocket.Conn, _ *http.Request) { _, _, _ = ws.ReadMessage() })
	c := dial(t, url, transport.Config{Compression: events.CompressionNone, NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return failing{conn, broken}, err
	}})
	close(broken)
	if _, err := c.Read(); err == nil || !strings.HasSuffix(err.Error(), "connection lost: the tunnel by … is gone") {
		t.Errorf("a connection of the user's that fails: %v", err)
	}
}
