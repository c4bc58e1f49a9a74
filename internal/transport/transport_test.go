package transport_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
	"github.com/signalbox-go/signalbox/session"
)

// Failures: F79, F116, F151, F152.
func TestReadErrors(t *testing.T) {
	t.Parallel()
	bomb := func(kind events.Compression) func(*websocket.Conn, *http.Request) {
		return func(ws *websocket.Conn, _ *http.Request) {
			_ = ws.WriteMessage(websocket.BinaryMessage, encoders()[kind](`{"d":"`+strings.Repeat("0", 8<<20)+`"}`))
			_, _, _ = ws.ReadMessage()
		}
	}
	flip := func(kind events.Compression) func(*websocket.Conn, *http.Request) {
		return func(ws *websocket.Conn, _ *http.Request) {
			frame := encoders()[kind](`{"op":0,"d":"` + strings.Repeat("abcdefgh", 50) + `"}`)
			copy(frame[2:], "garbage!")
			_ = ws.WriteMessage(websocket.BinaryMessage, frame)
			_, _, _ = ws.ReadMessage()
		}
	}
	for _, test := range []struct {
		name  string
		cfg   transport.Config
		serve func(*websocket.Conn, *http.Request)
		check func(error) bool
	}{
		{"close frame", transport.Config{Compression: events.CompressionNone}, func(ws *websocket.Conn, _ *http.Request) {
			_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4004, "no\n\x1b[31m"), time.Now().Add(time.Second))
		}, func(err error) bool {
			var closed *session.CloseError
			return errors.As(err, &closed) && closed.Code == 4004 && closed.Reason == "no[31m"
		}},
		{"no close frame", transport.Config{Compression: events.CompressionNone}, func(ws *websocket.Conn, _ *http.Request) {}, func(err error) bool {
			var closed *session.CloseError
			return !errors.As(err, &closed) && !strings.Contains(err.Error(), "127.0.0.1")
		}},
		{"frame over the limit", transport.Config{Compression: events.CompressionNone, MaxFrame: 1000}, func(ws *websocket.Conn, _ *http.Request) {
			_ = ws.WriteMessage(websocket.TextMessage, bytes.Repeat([]byte("x"), 2000))
		}, func(err error) bool { return errors.Is(err, transport.ErrMessageTooLarge) }},
		{"zlib bomb", transport.Config{Compression: events.CompressionZlib, MaxMessage: 1 << 20}, bomb(events.CompressionZlib),
			func(err error) bool { return errors.Is(err, transport.ErrMessageTooLarge) }},
		{"zstd bomb", transport.Config{Compression: events.CompressionZstd, MaxMessage: 1 << 20}, bomb(events.CompressionZstd),
			func(err error) bool { return errors.Is(err, transport.ErrMessageTooLarge) }},
		{"payload bomb", transport.Config{Compression: events.CompressionPayload, MaxMessage: 1 << 20}, bomb(events.CompressionPayload),
			func(err error) bool { return errors.Is(err, transport.ErrMessageTooLarge) }},
		{"zlib broken", transport.Config{Compression: events.CompressionZlib}, flip(events.CompressionZlib), func(err error) bool { return err != nil }},
		{"zstd broken", transport.Config{Compression: events.CompressionZstd}, flip(events.CompressionZstd), func(err error) bool { return err != nil }},
		{"zlib without a header", transport.Config{Compression: events.CompressionZlib}, func(ws *websocket.Conn, _ *http.Request) {
			_ = ws.WriteMessage(websocket.BinaryMessage, []byte("no zlib at all\x00\x00\xff\xff"))
			_ = ws.WriteMessage(websocket.BinaryMessage, encoders()[events.CompressionZlib](`{"op":11}`))
			_, _, _ = ws.ReadMessage()
		}, func(err error) bool { return err != nil }},
		{"zlib without an object", transport.Config{Compression: events.CompressionZlib}, func(ws *websocket.Conn, _ *http.Request) {
			_ = ws.WriteMessage(websocket.BinaryMessage, encoders()[events.CompressionZlib](`"text"`))
			_, _, _ = ws.ReadMessage()
		}, func(err error) bool { return err != nil }},
		{"zstd cut off", transport.Config{Compression: events.CompressionZstd}, func(ws *websocket.Conn, _ *http.Request) {
			_ = ws.WriteMessage(websocket.BinaryMessage, encoders()[events.CompressionZstd](`{"op":0,`))
			_, _, _ = ws.ReadMessage()
		}, func(err error) bool { return err != nil }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, peer(t, test.serve), test.cfg)
			got, err := c.Read()
			if err == nil || got != nil || !test.check(err) {
				t.Fatalf("Read: %d bytes, %v", len(got), err)
			}
			for range 2000 { // the library panics after a thousand reads of a failed connection
				if _, again := c.Read(); again != err {
					t.Fatalf("Read again: %v", again)
				}
			}
		})
	}
}

func TestDialErrors(t *testing.T) {
	t.Parallel()
	refuse := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(refuse.Close)
	_, err := transport.Dial(t.Context(), "ws"+strings.TrimPrefix(refuse.URL, "http")+"/secret-path", transport.Config{})
	var failed *transport.DialError
	if !errors.As(err, &failed) || failed.Status != 429 || failed.RetryAfter != 30*time.Second || strings.Contains(err.Error(), "secret") {
		t.Errorf("refused: %v", err)
	}
	// A server that accepts and says nothing is left when the context ends.
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err = transport.Dial(ctx, "ws://"+silent.Addr().String(), transport.Config{}); !errors.As(err, &failed) || !failed.Timeout() && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silent: %v", err)
	}
	nowhere := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.DNSError{Err: "no such host", Name: "gateway-secret.discord.gg", IsNotFound: true}
	}
	if _, err = transport.Dial(t.Context(), "wss://gateway-secret.discord.gg", transport.Config{NetDial: nowhere}); !errors.As(err, &failed) || strings.Contains(err.Error(), "secret") {
		t.Errorf("no such host: %v", err)
	}
	panics := func(context.Context, string, string) (net.Conn, error) { panic("odd proxy") }
	if _, err = transport.Dial(t.Context(), "ws://127.0.0.1:1", transport.Config{NetDial: panics}); !errors.As(err, &failed) {
		t.Errorf("a dial that panics: %v", err)
	}
}

// TestDialEndsWithItsContext: a server that takes the connection and then says nothing cannot hold
// a dial that nobody wants any more.
//
// Failures: F12, F25.
func TestDialEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ours, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }() // until ours is closed
		time.AfterFunc(time.Second, cancel)
		begin := time.Now()
		_, err := transport.Dial(ctx, "ws://127.0.0.1", transport.Config{
			NetDial: func(context.Context, string, string) (net.Conn, error) { return ours, nil },
		})
		if took := time.Since(begin); !errors.Is(err, context.Canceled) || took != time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}
