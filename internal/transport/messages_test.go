package transport_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
)

// TestMessagesComeWhole sends thousands of messages of all sizes, with those among them whose
// end falls together with the end of the inflater's window.
// Failures: F78, F80.
func TestMessagesComeWhole(t *testing.T) {
	t.Parallel()
	messages := 4000
	if raced { // which makes a run ten times as long
		messages = 800
	}
	for kind := range encoders() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, 1))
			var sent []string
			total := 0
			for i := range messages {
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
			url, cfg := tlsPeer(t, send(sent[:messages/4]))
			cfg.Compression = kind
			check(dial(t, url, cfg), sent[:messages/4])
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
