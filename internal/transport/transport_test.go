package transport_test

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
	"github.com/signalbox-go/signalbox/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Failures: F148.
func TestCheckURL(t *testing.T) {
	t.Parallel()
	cfg := transport.Config{Hosts: []string{"proxy.example", "10.1.2.3:8080"}}
	for _, good := range []string{
		"wss://gateway.discord.gg", "wss://gateway-us-east1-b.discord.gg/", "wss://gateway.discord.gg:443/?v=10", "ws://127.0.0.1:8080",
		"ws://localhost", "ws://[::1]:80/x", "wss://proxy.example:8443", "ws://proxy.example", "ws://a.proxy.example", "ws://10.1.2.3:8080", "WSS://GATEWAY.DISCORD.GG",
	} {
		if _, err := transport.CheckURL(good, cfg); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "wss://", "gateway.discord.gg", "http://gateway.discord.gg", "https://gateway.discord.gg", "ws://gateway.discord.gg",
		"wss://evil.example", "wss://discord.gg.evil.example", "wss://evildiscord.gg", "wss://gateway.discord.gg@evil.example",
		"wss://user:pass@gateway.discord.gg", "wss://169.254.169.254", "wss://10.1.2.3", "wss://gateway.discоrd.gg", "wss://gateway.discord.gg:22",
		"wss:gateway.discord.gg", "ws://10.1.2.3:9", "wss://127.0.0.1.evil.example", "ws://localhost.evil.example", "wss://gateway.discord.gg\x00",
	} {
		_, err := transport.CheckURL(bad, cfg)
		var refused *transport.URLError
		if !errors.As(err, &refused) {
			t.Errorf("%q: %v, want a URLError", bad, err)
		} else if strings.Contains(err.Error(), "evil") || strings.Contains(err.Error(), "pass") {
			t.Errorf("the error shows the URL: %v", err)
		}
	}
}

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
	server := httptest.NewTLSServer(upgrade(f))
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

// TestMessagesComeWhole sends thousands of messages of all sizes, with those among them whose
// end falls together with the end of the inflater's window.
// Failures: F78, F80.
func TestMessagesComeWhole(t *testing.T) {
	t.Parallel()
	for kind := range encoders() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, 1))
			var sent []string
			total := 0
			for i := range 4000 {
				n := 20 + random.IntN(1500)
				switch i % 40 {
				case 1:
					if n = 32768 - total%32768; n < 20 {
						n += 32768
					}
				case 2:
					n = 32768
				case 3:
					n = 1 + random.IntN(300_000) + 20
				}
				total += n
				sent = append(sent, object(n, random))
			}
			send := func(sent []string) func(*websocket.Conn, *http.Request) {
				return func(ws *websocket.Conn, _ *http.Request) {
					encode, random := encoders()[kind], rand.New(rand.NewPCG(2, 2))
					for _, payload := range sent {
						frame := encode(payload)
						for kind == events.CompressionZlib && len(frame) > 700 && random.IntN(2) == 0 {
							_ = ws.WriteMessage(websocket.BinaryMessage, frame[:600])
							frame = frame[600:]
						}
						_ = ws.WriteMessage(websocket.BinaryMessage, frame)
					}
				}
			}
			check := func(c *transport.Conn, sent []string) {
				t.Helper()
				for i, want := range sent {
					got, err := c.Read()
					if err != nil || string(got) != want {
						t.Fatalf("message %d of %d bytes: got %d bytes, %v", i, len(want), len(got), err)
					}
				}
			}
			check(dial(t, peer(t, send(sent)), transport.Config{Compression: kind}), sent)
			// TLS reads by the record.
			url, cfg := tlsPeer(t, send(sent[:1000]))
			cfg.Compression = kind
			check(dial(t, url, cfg), sent[:1000])
		})
	}
}

// TestConnectionAfterConnection: what a connection leaves to the next is no part of what that one reads, whether the peer
// closes it, is lost within a message, or sends what cannot be read.
//
// Failures: F79.
func TestConnectionAfterConnection(t *testing.T) {
	t.Parallel()
	var decoders transport.Decoders
	for kind := range encoders() {
		for part := range 2 { // at the same time, so that they take over from each other
			t.Run(fmt.Sprint(kind, part), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(uint64(part), 3))
				for n := range 12 {
					var sent []string
					for range random.IntN(12) {
						sent = append(sent, object(20+random.IntN(1+random.IntN(50_000)), random))
					}
					url := peer(t, func(ws *websocket.Conn, _ *http.Request) {
						encode := encoders()[kind]
						for _, payload := range sent {
							_ = ws.WriteMessage(websocket.BinaryMessage, encode(payload))
						}
						last := encode(`{"op":0,"d":"` + strings.Repeat("lost", 100) + `"}`)
						switch n % 3 {
						case 0:
							_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4000, ""), time.Now().Add(time.Second))
						case 1: // a frame longer than what comes
							_, _ = ws.NetConn().Write(append([]byte{0x82, 126, 0xff, 0xff}, last[:10]...))
						case 2:
							last[len(last)/2] ^= 0xff
							_ = ws.WriteMessage(websocket.BinaryMessage, append(last, "and no more of it"...))
						}
					})
					c := dial(t, url, transport.Config{Compression: kind, Decoders: &decoders})
					for i, want := range sent {
						if got, err := c.Read(); err != nil || string(got) != want {
							t.Fatalf("connection %d, message %d of %d bytes: got %d bytes, %v", n, i, len(want), len(got), err)
						}
					}
					for range 5 {
						if _, err := c.Read(); err != nil {
							break
						}
					}
					c.Close(events.CloseNone, "")
				}
			})
		}
	}
}

// TestDecodersAreHandedOn: twenty connections one after the other take the memory of few.
func TestDecodersAreHandedOn(t *testing.T) {
	if raced {
		t.Skip("with the race detector, pools lose things on purpose")
	}
	for kind, least := range map[events.Compression]uint64{events.CompressionZlib: 30 << 10, events.CompressionZstd: 500 << 10} {
		hello := encoders()[kind](`{"op":10,"d":{"heartbeat_interval":41250}}`)
		var decoders transport.Decoders
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 20 {
			if err := transport.Connection(kind, &decoders, hello); err != nil {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 10*least {
			t.Errorf("%s: %d KiB for 20 connections, one of which needs %d", kind, took>>10, least>>10)
		}
	}
}

// TestZlibSplitAtEveryByte cuts a message into two frames at every place.
// Failures: F78.
func TestZlibSplitAtEveryByte(t *testing.T) {
	t.Parallel()
	encode := encoders()[events.CompressionZlib]
	random := rand.New(rand.NewPCG(1, 1))
	var sent []string
	for range 150 {
		sent = append(sent, object(200, random))
	}
	url := peer(t, func(ws *websocket.Conn, r *http.Request) {
		for cut, payload := range sent {
			frame := encode(payload)
			cut = min(cut, len(frame))
			_ = ws.WriteMessage(websocket.BinaryMessage, frame[:cut])
			_ = ws.WriteMessage(websocket.BinaryMessage, frame[cut:])
		}
	})
	c := dial(t, url, transport.Config{Compression: events.CompressionZlib})
	for cut, want := range sent {
		got, err := c.Read()
		if err != nil || string(got) != want {
			t.Fatalf("cut after byte %d: %s, %v", cut, got, err)
		}
	}
}

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

func TestQueryAndCloseFrame(t *testing.T) {
	t.Parallel()
	query, closed := make(chan string, 1), make(chan error, 1)
	url := peer(t, func(ws *websocket.Conn, r *http.Request) {
		query <- r.URL.RawQuery
		_, _, err := ws.ReadMessage()
		closed <- err
	})
	c := dial(t, url+"/?v=6&keep=1&compress=x", transport.Config{})
	if q := <-query; q != "compress=zstd-stream&encoding=json&keep=1&v=10" {
		t.Errorf("query: %s", q)
	}
	c.Close(events.CloseUnknownError, "")
	if err := <-closed; !websocket.IsCloseError(err, 4000) {
		t.Errorf("the peer saw %v", err)
	}
}

// Failures: F113, F115.
func TestCloseWithWritesAndReads(t *testing.T) {
	t.Parallel()
	url := peer(t, func(ws *websocket.Conn, r *http.Request) {
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				return
			}
		}
	})
	c := dial(t, url, transport.Config{})
	var all sync.WaitGroup
	all.Go(func() { _, _ = c.Read() })
	all.Go(func() {
		for c.Write([]byte(`{"op":1,"d":null}`)) == nil {
		}
	})
	for range 4 {
		all.Go(func() { c.Close(events.CloseUnknownError, "") })
	}
	all.Wait() // Close ends both
	if err := c.Write([]byte("{}")); err == nil {
		t.Error("a write after Close succeeded")
	}
}

// deaf is a connection whose deadlines for writes have no effect, as if each were taken back by a write that
// ended just then.
type deaf struct{ net.Conn }

func (deaf) SetWriteDeadline(time.Time) error { return nil }

// TestCloseIsBounded: a peer that takes nothing any more does not hold Close.
//
// Failures: F113.
func TestCloseIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go func() {
			if request, err := http.ReadRequest(bufio.NewReader(theirs)); err == nil {
				_, _ = io.WriteString(theirs, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
					acceptKey(request.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
			}
		}()
		c := dial(t, "ws://localhost", transport.Config{NetDial: func(context.Context, string, string) (net.Conn, error) { return deaf{ours}, nil }})
		begin := time.Now()
		c.Close(events.CloseUnknownError, "")
		if took := time.Since(begin); took > time.Second {
			t.Errorf("Close took %v", took)
		}
		if _, err := c.Read(); err == nil {
			t.Error("something was read after Close")
		}
	})
}

func FuzzInflate(f *testing.F) {
	for kind, encode := range encoders() {
		f.Add(string(kind), encode(`{"op":11}`))
	}
	f.Fuzz(func(t *testing.T, kind string, frame []byte) {
		payload, err := transport.Inflate(events.Compression(kind), 1<<20, frame)
		if err == nil && len(payload) > 1<<20 {
			t.Errorf("%d bytes", len(payload))
		}
	})
}

func BenchmarkRead(b *testing.B) {
	for _, kind := range []events.Compression{events.CompressionZlib, events.CompressionZstd} {
		b.Run(string(kind), func(b *testing.B) {
			encode := encoders()[kind]
			random := rand.New(rand.NewPCG(1, 1))
			payload := object(900, random)
			inflate := transport.NewInflater(kind, 1<<20)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				frame := encode(payload)
				b.StartTimer()
				if _, err := inflate(frame); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkConnection is what the first messages of a connection cost when there were others before.
func BenchmarkConnection(b *testing.B) {
	for _, kind := range []events.Compression{events.CompressionZlib, events.CompressionZstd} {
		b.Run(string(kind), func(b *testing.B) {
			encode := encoders()[kind]
			hello := encode(`{"op":10,"d":{"heartbeat_interval":41250}}`)
			b.ReportAllocs()
			var decoders transport.Decoders
			for b.Loop() {
				if err := transport.Connection(kind, &decoders, hello); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func ExampleCheckURL() {
	_, err := transport.CheckURL("wss://gateway.discord.gg@evil.example", transport.Config{})
	fmt.Println(err)
	// Output: transport: gateway URL refused: it has user information
}
