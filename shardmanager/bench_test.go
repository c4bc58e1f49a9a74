package shardmanager_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// player is a connection to a gateway that costs next to nothing, so that what is measured is
// ours: it says Hello and READY, answers every payload with a heartbeat's ACK, and plays events.
type player struct {
	mu     sync.Mutex
	more   *sync.Cond
	out    []byte // for the client to read
	state  int
	seq    int64
	left   int // events to play
	closed bool
}

func newPlayer() *player {
	p := &player{}
	p.more = sync.NewCond(&p.mu)
	return p
}

func (p *player) frame(text string) {
	p.out = append(p.out, 0x81)
	if len(text) < 126 {
		p.out = append(p.out, byte(len(text)))
	} else {
		p.out = binary.BigEndian.AppendUint16(append(p.out, 126), uint16(len(text)))
	}
	p.out = append(p.out, text...)
}

// play has n events read.
func (p *player) play(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = n
	p.more.Broadcast()
}

var event = `,"d":{"id":"1","channel_id":"2","content":"` + strings.Repeat("some text ", 60) + `","author":{"id":"7","username":"somebody"},"timestamp":"2026-11-01T00:00:00Z"}}`

func (p *player) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.out) == 0 && p.left == 0 && !p.closed {
		p.more.Wait()
	}
	if p.closed {
		return 0, io.EOF
	}
	for p.left > 0 && len(p.out) < 16<<10 {
		p.left--
		p.seq++
		head := `{"t":"MESSAGE_CREATE","op":0,"s":` + strconv.FormatInt(p.seq, 10)
		p.out = append(p.out, 0x81, 126)
		p.out = binary.BigEndian.AppendUint16(p.out, uint16(len(head)+len(event)))
		p.out = append(append(p.out, head...), event...)
	}
	n := copy(b, p.out)
	p.out = p.out[:copy(p.out, p.out[n:])]
	return n, nil
}

func (p *player) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.state == 1 && !isIdentify(b): // a heartbeat may come first
		p.frame(`{"op":11}`)
		p.state--
	case p.state == 0:
		_, rest, _ := bytes.Cut(b, []byte("Sec-WebSocket-Key: "))
		key, _, _ := bytes.Cut(rest, []byte("\r\n"))
		sum := sha1.Sum(append(key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
		p.out = append(p.out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
			base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n"...)
		p.frame(`{"op":10,"d":{"heartbeat_interval":600000}}`)
	case p.state == 1:
		p.seq = 1
		p.frame(`{"op":0,"t":"READY","s":1,"d":{"session_id":"x","resume_gateway_url":"ws://127.0.0.1","user":{"id":"7"}}}`)
	default:
		p.frame(`{"op":11}`)
	}
	p.state++
	p.more.Broadcast()
	return len(b), nil
}

// isIdentify reports whether a frame is an Identify.
func isIdentify(frame []byte) bool {
	at := 2
	if frame[1]&0x7f == 126 {
		at = 4
	}
	mask, text := frame[at:at+4], bytes.Clone(frame[at+4:])
	for i := range text {
		text[i] ^= mask[i%4]
	}
	return bytes.Contains(text, []byte(`"op":2,`))
}

func (p *player) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.more.Broadcast()
	return nil
}

func (p *player) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (p *player) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (p *player) SetDeadline(time.Time) error      { return nil }
func (p *player) SetReadDeadline(time.Time) error  { return nil }
func (p *player) SetWriteDeadline(time.Time) error { return nil }

type discovery struct{}

func (discovery) RoundTrip(*http.Request) (*http.Response, error) {
	const answer = `{"url":"ws://127.0.0.1","shards":1,"session_start_limit":{"total":1000,"remaining":1000,"reset_after":0,"max_concurrency":1}}`
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer))}, nil
}

// played is a manager of one shard whose gateway is a player.
func played(b *testing.B, opts ...shardmanager.Option) (*shardmanager.Manager, *player) {
	b.Helper()
	p := newPlayer()
	m, err := shardmanager.New("token", append([]shardmanager.Option{shardmanager.WithCompression(events.CompressionNone), shardmanager.WithRateLimiter(&countingLimiter{}),
		shardmanager.WithAPIURL("http://127.0.0.1"), shardmanager.WithHTTPClient(&http.Client{Transport: discovery{}}),
		shardmanager.WithNetDial(func(context.Context, string, string) (net.Conn, error) { return p, nil })}, opts...)...)
	if err != nil {
		b.Fatal(err)
	}
	if err := m.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := m.WaitReady(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = m.Close(context.Background()) })
	return m, p
}

// BenchmarkSend is the way of a send: caller → supervisor → shard → socket → answer → caller.
func BenchmarkSend(b *testing.B) {
	m, _ := played(b)
	b.Run("one after another", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := (events.Heartbeat{}).SendEvent(b.Context(), m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("64 at once", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := (events.Heartbeat{}).SendEvent(context.Background(), m); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// BenchmarkDispatch is the way of an event: socket → reader → shard → handler. Its payload has
// about 750 bytes.
func BenchmarkDispatch(b *testing.B) {
	for _, typed := range []bool{false, true} {
		name := "raw"
		if typed {
			name = "typed"
		}
		b.Run(name, func(b *testing.B) {
			m, p := played(b)
			var n int
			done := make(chan struct{})
			count := func() {
				if n++; n == b.N {
					close(done)
				}
			}
			if typed {
				shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) { count() })
			} else {
				shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) { count() }, shardmanager.WithTypes(events.TypeMessageCreate))
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(event)))
			b.ResetTimer()
			p.play(b.N)
			select {
			case <-done:
			case <-time.After(time.Minute):
				b.Fatal(os.ErrDeadlineExceeded)
			}
		})
	}
}
