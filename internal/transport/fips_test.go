package transport_test

import (
	"crypto/fips140"
	"crypto/tls"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/internal/transport"
)

const envGateways = "TRANSPORT_GATEWAYS"

// TestDialWhereFIPSIsEnforced: a process with GODEBUG=fips140=only connects, though the handshake of WebSocket has a SHA-1 in it.
func TestDialWhereFIPSIsEnforced(t *testing.T) {
	if urls := os.Getenv(envGateways); urls != "" {
		for _, url := range strings.Fields(urls) {
			c := dial(t, url, transport.Config{Compression: "none", TLS: &tls.Config{InsecureSkipVerify: true}})
			if data, err := c.Read(); string(data) != `{"op":10}` || !fips140.Enforced() {
				t.Errorf("%q, %v; enforced: %v", data, err, fips140.Enforced())
			}
		}
		return
	}
	greet := func(ws *websocket.Conn, _ *http.Request) {
		_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"op":10}`))
		_, _, _ = ws.ReadMessage()
	}
	secured, _ := tlsPeer(t, greet)
	t.Setenv("GODEBUG", "fips140=only")
	t.Setenv(envGateways, peer(t, greet)+" "+secured)
	if out, err := exec.Command(os.Args[0], "-test.run=^TestDialWhereFIPSIsEnforced$").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
