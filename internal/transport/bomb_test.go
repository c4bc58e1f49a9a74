package transport_test

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/klauspost/compress/zstd"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
)

// pipe dials a server on the other end of a net.Pipe, which speaks WebSocket by hand: so it can
// send what no library would.
func pipe(t *testing.T, cfg transport.Config, serve func(net.Conn)) *transport.Conn {
	t.Helper()
	client, server := net.Pipe()
	var served sync.WaitGroup
	served.Go(func() {
		defer server.Close()
		request, err := http.ReadRequest(bufio.NewReader(server))
		if err != nil {
			return
		}
		_, _ = io.WriteString(server, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
			acceptKey(request.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
		served.Go(func() { _, _ = io.Copy(io.Discard, server) }) // so that the client's writes do not wait
		serve(server)
	})
	cfg.NetDial = func(context.Context, string, string) (net.Conn, error) { return client, nil }
	c, err := transport.Dial(t.Context(), "ws://localhost", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close(events.CloseNone, "")
		served.Wait()
	})
	return c
}

func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// header is that of a frame which a server sends.
func header(final bool, kind, size int) []byte {
	first := byte(kind)
	if final {
		first |= 0x80
	}
	return binary.BigEndian.AppendUint64([]byte{first, 127}, uint64(size))
}

// zeros is a JSON object of n bytes and a few, nearly all of them zeros in a string.
func zeros(w io.Writer, n int) {
	_, _ = io.WriteString(w, `{"op":0,"d":"`)
	chunk := bytes.Repeat([]byte("0"), 1<<20)
	for range n >> 20 {
		_, _ = w.Write(chunk)
	}
	_, _ = io.WriteString(w, `"}`)
}

// peak runs f and returns by how much the heap grew meanwhile at the most.
func peak(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(5)) // so that the heap is what is held, and little more
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	before := stats.HeapAlloc
	var most atomic.Uint64
	stop := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			most.Store(max(most.Load(), now.HeapAlloc))
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Microsecond):
			}
		}
	})
	f()
	close(stop)
	watcher.Wait()
	return max(most.Load(), before) - before
}

// raced is whether the race detector is on.
var raced bool

// TestBombsStayWithinTheLimit inflates bombs of about 1 to 1,000, and frames without an end. Not
// parallel: it measures the heap.
//
// Failures: F151, F152.
func TestBombsStayWithinTheLimit(t *testing.T) {
	if raced {
		t.Skip("the race detector would be measured as well")
	}
	const limit, spare = 64 << 20, 32 << 20 // the limit is the default
	var z, s bytes.Buffer
	zw := zlib.NewWriter(&z)
	zeros(zw, 80<<20)
	_ = zw.Flush()
	sw, _ := zstd.NewWriter(&s, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(8<<20))
	zeros(sw, 80<<20)
	_ = sw.Close()
	whole := func(kind int, payload []byte) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = c.Write(append(header(true, kind, len(payload)), payload...))
		}
	}
	endless := func(kind int, fill byte) func(net.Conn) {
		return func(c net.Conn) {
			part := append(header(false, kind, 1<<20), bytes.Repeat([]byte{fill}, 1<<20)...)
			for {
				if _, err := c.Write(part); err != nil {
					return
				}
				part[0] = 0 // a continuation
			}
		}
	}
	messages := func(c net.Conn) { // none of which ends where the stream is flushed
		part := append(header(true, websocket.BinaryMessage, 1<<20), bytes.Repeat([]byte{1}, 1<<20)...)
		for {
			if _, err := c.Write(part); err != nil {
				return
			}
		}
	}
	// A zstd frame whose header asks for a window of 2 GB: the magic, no single segment, exponent 21.
	giant := append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3}, bytes.Repeat([]byte{0}, 100)...)
	for _, test := range []struct {
		name  string
		kind  events.Compression
		serve func(net.Conn)
		large bool // the error is ErrMessageTooLarge
	}{
		{"zlib-stream", events.CompressionZlib, whole(websocket.BinaryMessage, z.Bytes()), true},
		{"zstd-stream", events.CompressionZstd, whole(websocket.BinaryMessage, s.Bytes()), true},
		{"payload", events.CompressionPayload, whole(websocket.BinaryMessage, z.Bytes()), true},
		{"zstd window", events.CompressionZstd, whole(websocket.BinaryMessage, giant), false},
		{"endless text", events.CompressionNone, endless(websocket.TextMessage, ' '), true},
		{"endless zlib", events.CompressionZlib, endless(websocket.BinaryMessage, 1), true},
		{"endless zstd", events.CompressionZstd, endless(websocket.BinaryMessage, 1), true},
		{"messages without a flush", events.CompressionZlib, messages, true},
		{"a length of 2^62", events.CompressionNone, func(c net.Conn) { _, _ = c.Write(header(true, websocket.TextMessage, 1<<62)) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := pipe(t, transport.Config{Compression: test.kind}, test.serve)
			var got []byte
			var err error
			grew := peak(func() { got, err = c.Read() })
			if err == nil || got != nil || errors.Is(err, transport.ErrMessageTooLarge) != test.large {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if grew > limit+spare {
				t.Errorf("the heap grew by %d MiB", grew>>20)
			}
			t.Logf("%v; the heap grew by %d MiB", err, grew>>20)
		})
	}
}

// TestCompressionIsNotOffered: permessage-deflate is not asked for, and a server that uses it
// all the same is left.
//
// Failures: F161.
func TestCompressionIsNotOffered(t *testing.T) {
	t.Parallel()
	offered := make(chan string, 1)
	url := peer(t, func(_ *websocket.Conn, r *http.Request) { offered <- r.Header.Get("Sec-WebSocket-Extensions") })
	dial(t, url, transport.Config{})
	if got := <-offered; got != "" {
		t.Errorf("offered: %q", got)
	}
	c := pipe(t, transport.Config{Compression: events.CompressionNone}, func(c net.Conn) {
		_, _ = c.Write([]byte{0x80 | 0x40 | websocket.TextMessage, 2, '{', '}'}) // RSV1: compressed
	})
	if got, err := c.Read(); err == nil {
		t.Errorf("a compressed frame was read: %q", got)
	}
}

// TestRedirectedUpgradeIsNotFollowed: the one dial is that of the URL that was checked.
//
// Failures: F150.
func TestRedirectedUpgradeIsNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 307, 308} {
		dials := 0
		client, server := net.Pipe()
		var served sync.WaitGroup
		served.Go(func() {
			defer server.Close()
			if _, err := http.ReadRequest(bufio.NewReader(server)); err == nil {
				_, _ = io.WriteString(server, fmt.Sprintf("HTTP/1.1 %d Elsewhere\r\nLocation: ws://evil.example/\r\nContent-Length: 0\r\n\r\n", status))
			}
		})
		_, err := transport.Dial(t.Context(), "ws://localhost", transport.Config{NetDial: func(context.Context, string, string) (net.Conn, error) {
			dials++
			return client, nil
		}})
		served.Wait()
		var failed *transport.DialError
		if !errors.As(err, &failed) || failed.Status != status || dials != 1 {
			t.Errorf("status %d: %d dials, %v", status, dials, err)
		}
	}
}
