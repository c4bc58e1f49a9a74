package transport_test

import (
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
)

// TestCameIsWhatWasOnTheWire: of each payload what the peer has sent of it, in as many messages as it took.
func TestCameIsWhatWasOnTheWire(t *testing.T) {
	t.Parallel()
	all := encoders()
	all[events.CompressionNone] = func(p string) []byte { return []byte(p) }
	for kind, encode := range all {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, 1))
			var frames [][]byte
			for _, n := range []int{30, 900, 50_000, 300_000, 40} {
				frames = append(frames, encode(object(n, random)))
			}
			c := dial(t, peer(t, func(ws *websocket.Conn, _ *http.Request) {
				for _, frame := range frames {
					of := websocket.BinaryMessage
					if kind == events.CompressionNone {
						of = websocket.TextMessage
					}
					for kind == events.CompressionZlib && len(frame) > 600 {
						_ = ws.WriteMessage(of, frame[:600])
						frame = frame[600:]
					}
					_ = ws.WriteMessage(of, frame)
				}
			}), transport.Config{Compression: kind})
			for i, frame := range frames {
				payload, err := c.Read()
				if err != nil || c.Came() != len(frame) {
					t.Errorf("payload %d of %d bytes came in %d bytes, want %d; %v", i, len(payload), c.Came(), len(frame), err)
				}
			}
		})
	}
}
