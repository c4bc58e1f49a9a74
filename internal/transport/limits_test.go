package transport_test

import (
	"bytes"
	"compress/zlib"
	"errors"
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
)

// TestLimitsAreExact: a message of as many bytes as are allowed is read, and one of one byte more is too large; inflated, on the
// wire, and without a flush.
//
// Failures: F151, F152.
func TestLimitsAreExact(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 3))
	check := func(name string, limit int, got []byte, want string, fits bool, err error) {
		t.Helper()
		switch {
		case fits && (err != nil || string(got) != want):
			t.Errorf("%s, limit %d: %d bytes, %v", name, limit, len(got), err)
		case !fits && !errors.Is(err, transport.ErrMessageTooLarge):
			t.Errorf("%s, limit %d: %d bytes, %v, want it to be too large", name, limit, len(got), err)
		}
	}
	for _, size := range []int{500, 512, 4 << 10, 100_000, 512 << 10} {
		payload := object(size, random)
		for kind, encode := range encoders() {
			frame := encode(payload)
			for _, limit := range []int{size - 1, size, size + 1} {
				got, err := transport.Inflate(kind, int64(limit), frame)
				check(string(kind), limit, got, payload, limit >= size, err)
			}
		}
		url := peer(t, func(ws *websocket.Conn, _ *http.Request) {
			_ = ws.WriteMessage(websocket.TextMessage, []byte(payload))
			_, _, _ = ws.ReadMessage()
		})
		for _, limit := range []int{size - 1, size, size + 1} {
			c := dial(t, url, transport.Config{Compression: events.CompressionNone, MaxFrame: int64(limit)})
			got, err := c.Read()
			check("on the wire", limit, got, payload, limit >= size, err)
		}
		var buffer bytes.Buffer
		stored, _ := zlib.NewWriterLevel(&buffer, zlib.NoCompression)
		_, _ = stored.Write([]byte(payload))
		_ = stored.Flush()
		frame := buffer.Bytes()
		got, err := transport.Inflate(events.CompressionZlib, int64(size), frame) // which is larger than what it holds
		check("flushed, and not compressed", size, got, payload, true, err)
		for _, limit := range []int{2*len(frame) - 1, 2 * len(frame), 2*len(frame) + 1} { // half of it may wait for its flush
			inflate := transport.NewInflater(events.CompressionZlib, int64(limit))
			for _, part := range [][]byte{frame[:100], frame[100 : len(frame)-2]} {
				if got, err := inflate(part); got != nil || err != nil {
					t.Fatalf("a part of a message: %q, %v", got, err)
				}
			}
			got, err := inflate(frame[len(frame)-2:])
			check("without a flush", limit, got, payload, limit >= 2*len(frame), err)
		}
	}
}

// TestOneObjectAndNothingElse: white space may surround it. It begins each of these, so that its end is looked for in the JSON.
func TestOneObjectAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, kind := range []events.Compression{events.CompressionZlib, events.CompressionZstd} {
		for payload, want := range map[string]bool{
			` {}`: true, "\n\r\t {\"a\":1}\n\r\t ": true, ` {"a":[{},[]],"b":{"c":{}}} `: true,
			` {"a":"}{","b":"\"}","c":"\\"}`: true, ` {"}":"[","{":"]"}`: true, ` {"a":"\\\"}]"} `: true,

			` "}"`: false, ` [{}]` + "\n": false, ` 1{}`: false, ` }{}`: false, ` ]{}`: false, ` "a"{}`: false, ` `: false,
			` {}{}`: false, ` {} {"a":1} `: false, ` {}[] `: false, ` {}}`: false, ` {}1 `: false, ` {}"" `: false, ` {}] `: false,
			` {"a":"} `: false, ` {"a":"\"}`: false, ` {"a":{}`: false, ` {"a":[}`: false,
		} {
			got, err := transport.Inflate(kind, 1<<20, encoders()[kind](payload))
			if (err == nil) != want || want != (string(got) == payload) || !want && got != nil {
				t.Errorf("%s: %q gives %q, %v", kind, payload, got, err)
			}
		}
	}
}
