package transport_test

import (
	"bytes"
	"compress/zlib"
	"crypto/tls"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is a server whose connection is given to f.
func peer(t *testing.T, f func(ws *websocket.Conn, r *http.Request)) string {
	t.Helper()
	server := httptest.NewServer(upgrade(f))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

// tlsPeer is a peer behind TLS, with what its client needs.
func tlsPeer(t *testing.T, f func(ws *websocket.Conn, r *http.Request)) (string, transport.Config) {
	t.Helper()
	server := httptest.NewUnstartedServer(upgrade(f))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of those who do not trust it
	server.StartTLS()
	t.Cleanup(server.Close)
	trusted := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return "ws" + strings.TrimPrefix(server.URL, "http"), transport.Config{
		TLS: &tls.Config{RootCAs: trusted}, Hosts: []string{server.Listener.Addr().String()},
	}
}

func upgrade(f func(ws *websocket.Conn, r *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrader := websocket.Upgrader{}
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		f(ws, r)
	})
}

func dial(t *testing.T, url string, cfg transport.Config) *transport.Conn {
	t.Helper()
	c, err := transport.Dial(t.Context(), url, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(events.CloseNone, "") })
	return c
}

// encoder compresses as the gateway does.
type encoder func(payload string) []byte

func encoders() map[events.Compression]encoder {
	var zbuf, sbuf, pbuf bytes.Buffer
	z, p := zlib.NewWriter(&zbuf), zlib.NewWriter(&pbuf)
	s, _ := zstd.NewWriter(&sbuf, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithWindowSize(256<<10))
	return map[events.Compression]encoder{
		events.CompressionZlib: func(p string) []byte {
			zbuf.Reset()
			_, _ = z.Write([]byte(p))
			_ = z.Flush()
			return bytes.Clone(zbuf.Bytes())
		},
		events.CompressionZstd: func(p string) []byte {
			sbuf.Reset()
			_, _ = s.Write([]byte(p))
			_ = s.Flush()
			return bytes.Clone(sbuf.Bytes())
		},
		events.CompressionPayload: func(payload string) []byte {
			pbuf.Reset()
			p.Reset(&pbuf)
			_, _ = p.Write([]byte(payload))
			_ = p.Close()
			return bytes.Clone(pbuf.Bytes())
		},
	}
}

// object is a JSON object of exactly n bytes.
func object(n int, random *rand.Rand) string {
	const shell = `{"op":0,"d":""}`
	text := make([]byte, n-len(shell))
	for i := range text {
		text[i] = `abc {}[]:,0123`[random.IntN(14)]
	}
	return `{"op":0,"d":"` + string(text) + `"}`
}
