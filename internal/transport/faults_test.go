package transport_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
	"github.com/signalbox-go/signalbox/session"
)

// TestFlushWithinAMessageEndsNothing: the bytes of a flush may be among the data of a message, and what
// comes without a flush waits for it.
// Failures: F78.
func TestFlushWithinAMessageEndsNothing(t *testing.T) {
	t.Parallel()
	var buffer bytes.Buffer
	stored, err := zlib.NewWriterLevel(&buffer, zlib.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	inflate := transport.NewInflater(events.CompressionZlib, 1<<20)
	for i, payload := range []string{
		"{\"a\":\"\x00\x00\xff\xff\"}", "{\"a\":\"\x00\x00\xff\xff\x00\x00\xff\xff\",\"b\":\"\x00\x00\xff\xff\"}", `{"a":"after"}`,
	} {
		buffer.Reset()
		_, _ = stored.Write([]byte(payload))
		_ = stored.Flush()
		frame := bytes.Clone(buffer.Bytes())
		if bytes.Count(frame, []byte("\x00\x00\xff\xff")) < 2 && i < 2 {
			t.Fatalf("frame %d has no flush within", i)
		}
		withheld := frame[len(frame)-3:]
		got, err := inflate(frame[:len(frame)-3])
		if got != nil || err != nil {
			t.Fatalf("message %d without its flush: %q, %v", i, got, err)
		}
		if got, err = inflate(withheld); err != nil || string(got) != payload {
			t.Fatalf("message %d: %q, %v", i, got, err)
		}
	}
}

// TestFlippedBitIsAnErrorOrNothing flips every third bit of a message in turn: there is an error, or one whole object. A
// stream that is broken gives nothing more.
// Failures: F79.
func TestFlippedBitIsAnErrorOrNothing(t *testing.T) {
	t.Parallel()
	payload := `{"op":0,"t":"X","s":2,"d":"` + strings.Repeat("abc{}", 30) + `"}`
	for kind := range encoders() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			failed, altered := 0, 0
			length := len(encoders()[kind](payload))
			for bit := 0; bit < length*8; bit += 3 { // all bits of a byte in turn
				encode := encoders()[kind]
				frame := encode(payload)
				frame[bit/8] ^= 1 << (bit % 8)
				got, err := transport.NewInflater(kind, 1<<20)(frame)
				switch {
				case err != nil && got != nil:
					t.Fatalf("bit %d: an error and %q", bit, got)
				case err != nil:
					failed++
				case got != nil && string(got) != payload:
					altered++ // the formats have no checksum before the stream's end; TLS has
					if whole := bytes.TrimSpace(got); whole[0] != '{' || !strings.ContainsRune("}]", rune(whole[len(whole)-1])) {
						t.Fatalf("bit %d: a part of a message: %q", bit, got)
					}
				}
			}
			if failed == 0 {
				t.Errorf("of %d bits, none that was flipped was noticed", length*8)
			}
			t.Logf("%d bits: %d errors, %d altered", length*8, failed, altered)
		})
	}
}

// TestEachMessageIsThereAtOnce: the peer sends a message and waits until it was read.
// Failures: F80.
func TestEachMessageIsThereAtOnce(t *testing.T) {
	t.Parallel()
	for kind, encode := range encoders() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			url := peer(t, func(ws *websocket.Conn, _ *http.Request) {
				for i := range 200 {
					_ = ws.WriteMessage(websocket.BinaryMessage, encode(`{"op":0,"d":"`+strings.Repeat("z", i*50)+`"}`))
					if _, _, err := ws.ReadMessage(); err != nil {
						return
					}
				}
			})
			c := dial(t, url, transport.Config{Compression: kind})
			for i := range 200 {
				got, err := c.Read()
				if err != nil || !json.Valid(got) {
					t.Fatalf("message %d: %q, %v", i, got, err)
				}
				if err := c.Write([]byte(`{"op":1,"d":null}`)); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestCloseFramesAreToldAsTheyCame: every code that a close frame can carry is told, with its reason;
// a frame that the protocol does not allow is a lost connection, which keeps the session.
// Failures: F112.
func TestCloseFramesAreToldAsTheyCame(t *testing.T) {
	t.Parallel()
	frame := func(code int, reason string) []byte {
		return append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
	}
	long := strings.Repeat("r", 123)
	type row struct {
		code    int
		payload []byte
		told    events.CloseCode // none: a lost connection
		reason  string
	}
	rows := []row{
		{0, nil, 0, ""}, {0, []byte{0x0f}, 0, ""}, {4000, frame(4000, long), 4000, long}, {4009, frame(4009, "\xff\xfe"), 0, ""},
		{0, frame(0, ""), 0, ""}, {999, frame(999, ""), 0, ""}, {5000, frame(5000, ""), 0, ""}, {65535, frame(65535, ""), 0, ""},
		{4000, frame(4000, "\x1b[31m\n"), 4000, "[31m"},
	}
	reserved := map[int]bool{1004: true, 1005: true, 1006: true, 1014: true, 1015: true}
	for code := 1000; code <= 1015; code++ {
		told := events.CloseCode(code)
		if reserved[code] {
			told = 0
		}
		rows = append(rows, row{code, frame(code, ""), told, ""})
	}
	for code := 3000; code <= 4999; code++ {
		if code%97 == 0 || code >= 4000 && code < 4020 || code == 3000 || code == 4999 {
			rows = append(rows, row{code, frame(code, "why"), events.CloseCode(code), "why"})
		}
	}
	for _, each := range rows {
		url := peer(t, func(ws *websocket.Conn, _ *http.Request) {
			_ = ws.WriteControl(websocket.CloseMessage, each.payload, time.Now().Add(time.Second))
			_, _, _ = ws.ReadMessage()
		})
		_, err := dial(t, url, transport.Config{Compression: events.CompressionNone}).Read()
		var closed *session.CloseError
		if told := errors.As(err, &closed); err == nil || told != (each.told != 0) {
			t.Errorf("%d %q: %v", each.code, each.payload, err)
		} else if told && (closed.Code != each.told || closed.Reason != each.reason) {
			t.Errorf("%d %q: %v", each.code, each.payload, err)
		}
	}
}

// TestLateWritesAreErrors: on a connection that was closed here, or by the peer, each write is an error.
// Failures: F115.
func TestLateWritesAreErrors(t *testing.T) {
	t.Parallel()
	here := dial(t, peer(t, func(ws *websocket.Conn, _ *http.Request) { _, _, _ = ws.ReadMessage() }), transport.Config{})
	here.Close(events.CloseUnknownError, "")
	there := dial(t, peer(t, func(*websocket.Conn, *http.Request) {}), transport.Config{})
	if _, err := there.Read(); err == nil {
		t.Fatal("the peer has gone, and something was read")
	}
	for range 5000 {
		if here.Write([]byte(`{"op":1}`)) == nil {
			t.Fatal("a write after Close")
		}
		_ = there.Write([]byte(`{"op":1}`)) // the first may still find room in the socket's buffer
		here.Close(events.CloseNone, "")
	}
	if there.Write([]byte(`{"op":1}`)) == nil {
		t.Error("a write to nobody")
	}
}

// TestTextOnACompressedStreamIsNotRead: what did not come through the stream's decoder is none of its messages.
func TestTextOnACompressedStreamIsNotRead(t *testing.T) {
	t.Parallel()
	for _, kind := range []events.Compression{events.CompressionZlib, events.CompressionZstd} {
		c := dial(t, peer(t, func(ws *websocket.Conn, _ *http.Request) {
			_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"op":11,"d":null}`))
		}), transport.Config{Compression: kind})
		if got, err := c.Read(); err == nil {
			t.Errorf("%s: text was read: %s", kind, got)
		}
	}
}

// TestMoreThanOneMessageInAFrameIsAnError: the gateway sends one in each, and the rest would come too late.
func TestMoreThanOneMessageInAFrameIsAnError(t *testing.T) {
	t.Parallel()
	var buffer bytes.Buffer
	stored, err := zlib.NewWriterLevel(&buffer, zlib.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	for _, payload := range []string{`{"op":11}`, `{"d":"` + strings.Repeat("x", 8<<10) + `"}`} {
		_, _ = stored.Write([]byte(payload))
		_ = stored.Flush()
	}
	if got, err := transport.NewInflater(events.CompressionZlib, 1<<20)(buffer.Bytes()); err == nil {
		t.Errorf("%.20q was read", got)
	}
}

// TestCloseOfThePeerIsNotEchoed: 1000 or 1001 from this side would end the session.
func TestCloseOfThePeerIsNotEchoed(t *testing.T) {
	t.Parallel()
	for _, code := range []int{1000, 1001, 4000} {
		seen := make(chan error, 1)
		c := dial(t, peer(t, func(ws *websocket.Conn, _ *http.Request) {
			_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(time.Second))
			_, _, err := ws.ReadMessage()
			seen <- err
		}), transport.Config{Compression: events.CompressionNone})
		if _, err := c.Read(); err == nil {
			t.Fatal("a payload came")
		}
		c.Close(events.CloseNone, "")
		if err := <-seen; websocket.IsCloseError(err, 1000, 1001, 4000) {
			t.Errorf("after a close with %d the peer saw %v", code, err)
		}
	}
}
