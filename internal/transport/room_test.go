package transport_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
)

// TestPayloadsThatAreKeptStayAsTheyWere: whatever is read later, and whatever is appended to a payload.
func TestPayloadsThatAreKeptStayAsTheyWere(t *testing.T) {
	t.Parallel()
	kinds := encoders()
	kinds[events.CompressionNone] = func(p string) []byte { return []byte(p) }
	for kind, encode := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(7, 7))
			var want []string
			for i := range 2000 {
				size := 15 + random.IntN(3000)
				if i%100 == 50 {
					size = 15 + random.IntN(400_000)
				}
				want = append(want, object(size, random))
			}
			url := peer(t, func(ws *websocket.Conn, _ *http.Request) {
				message := websocket.BinaryMessage
				if kind == events.CompressionNone {
					message = websocket.TextMessage
				}
				for _, payload := range want {
					if ws.WriteMessage(message, encode(payload)) != nil {
						return
					}
				}
				_, _, _ = ws.ReadMessage()
			})
			c := dial(t, url, transport.Config{Compression: kind})
			var kept [][]byte
			for range want {
				payload, err := c.Read()
				if err != nil {
					t.Fatal(err)
				}
				payload = append(payload, "overwritten"...)[:len(payload)] // it must not reach the next
				kept = append(kept, payload)
			}
			for i, payload := range kept { // nor what is there already
				kept[i] = append(payload, "overwritten"...)[:len(payload)]
			}
			for i, payload := range kept {
				if string(payload) != want[i] {
					t.Fatalf("payload %d of %d bytes has changed", i, len(want[i]))
				}
			}
		})
	}
}

// asked is a connection that knows how much the latest read asked for.
type asked struct {
	net.Conn
	size atomic.Int64
}

func (a *asked) Read(p []byte) (int, error) {
	a.size.Store(int64(len(p)))
	return a.Conn.Read(p)
}

// TestConnectionThatWaitsHoldsLittleMemory: what it would read into is small, whatever came before. There may be thousands.
func TestConnectionThatWaitsHoldsLittleMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		go handshake(server)
		socket := &asked{Conn: client}
		c := dial(t, "ws://localhost", transport.Config{Compression: events.CompressionNone, NetDial: func(context.Context, string, string) (net.Conn, error) { return socket, nil }})
		read := 0
		go func() {
			for ; ; read++ {
				if _, err := c.Read(); err != nil {
					return
				}
			}
		}()
		for i, size := range []int{100, 101, 1000, 100, 10_000, 20_000, 100_000, 100} {
			if _, err := server.Write(append(header(true, websocket.TextMessage, size), strings.Repeat("x", size)...)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if waits := socket.size.Load(); read != i+1 || waits > 512 {
				t.Errorf("after a message of %d bytes, the %dth of %d that were read, it waits for %d bytes", size, i+1, read, waits)
			}
		}
	})
}

// TestSmallPayloadBehindALargeOneTakesLittleMemory: READY is large, and what follows it mostly is not. It reads what
// the whole process has allocated, so nothing runs beside it.
func TestSmallPayloadBehindALargeOneTakesLittleMemory(t *testing.T) {
	encode, random := encoders()[events.CompressionZstd], rand.New(rand.NewPCG(3, 3))
	inflate := transport.NewInflater(events.CompressionZstd, 1<<20)
	const rounds = 100
	var took []uint64
	for range rounds {
		large, small := encode(object(20_000, random)), encode(object(60, random))
		if _, err := inflate(large); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := inflate(small); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		took = append(took, after.TotalAlloc-before.TotalAlloc)
	}
	slices.Sort(took) // what is left of tests before may allocate beside some of them
	if took := took[rounds/2]; took > 2048 {
		t.Errorf("%d bytes for a payload of 60", took)
	}
}

// TestLargePayloadsOfManyConnectionsTakeWhatTheyNeed: thousands of connections read a READY each at one moment. None has that of another. It reads
// what the whole process has allocated, so nothing runs beside it.
func TestLargePayloadsOfManyConnectionsTakeWhatTheyNeed(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it empties pools
	encode, random := encoders()[events.CompressionPayload], rand.New(rand.NewPCG(4, 4))
	const connections, size = 100, 5300
	var want, got []string
	var kept [][]byte
	var took []uint64
	for range connections {
		inflate := transport.NewInflater(events.CompressionPayload, 1<<20)
		ready := object(size, random)
		hello, frame := encode(object(100, random)), encode(ready)
		if _, err := inflate(hello); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		payload, err := inflate(frame)
		if err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		want, kept, took = append(want, ready), append(kept, payload), append(took, after.TotalAlloc-before.TotalAlloc)
	}
	for _, payload := range kept {
		got = append(got, string(payload))
		_ = append(payload, "overwritten"...) // it must not reach the next
	}
	if !slices.Equal(got, want) {
		t.Error("a payload is not what it was")
	}
	slices.Sort(took) // what is left of tests before may allocate beside some of them
	if took := took[connections/2]; took > size+size/5 && !raced {
		t.Errorf("%d bytes for a payload of %d", took, size)
	}
}

// TestIdleIsToldBeforeEachWait: all that has come was given away by then.
func TestIdleIsToldBeforeEachWait(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	url := peer(t, func(ws *websocket.Conn, _ *http.Request) {
		for range 20 {
			for i := range 5 {
				if ws.WriteMessage(websocket.TextMessage, []byte(fmt.Sprintf(`{"op":%d,"d":"%s"}`, i, strings.Repeat("x", i*700)))) != nil {
					return
				}
			}
			<-goOn
		}
	})
	t.Cleanup(func() { close(goOn) })
	read := 0
	told := 0 // rounds of which all was read when Idle was called
	c := dial(t, url, transport.Config{Compression: events.CompressionNone, Idle: func() {
		if read > 0 && read%5 == 0 && read/5 > told {
			told = read / 5
			goOn <- struct{}{}
		}
	}})
	for read < 100 {
		if _, err := c.Read(); err != nil {
			t.Fatal(err)
		}
		if c.At().IsZero() {
			t.Fatal("At is not known")
		}
		read++
	}
	if told != 19 {
		t.Errorf("Idle was told of %d rounds, want 19", told)
	}
}
