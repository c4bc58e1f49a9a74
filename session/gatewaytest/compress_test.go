package gatewaytest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// source is the messages of a connection as one stream.
type source struct {
	ws     *websocket.Conn
	rest   []byte
	frames int
}

func (s *source) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		kind, data, err := s.ws.ReadMessage()
		if err != nil {
			return 0, err
		}
		if kind != websocket.BinaryMessage {
			return 0, fmt.Errorf("a message of kind %d", kind)
		}
		s.rest = data
		s.frames++
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func TestCompression(t *testing.T) {
	for _, network := range []string{"port", "bubble"} {
		for _, kind := range []string{"zlib-stream", "zstd-stream", "payload"} {
			t.Run(network+"/"+kind, func(t *testing.T) {
				run := func(t *testing.T, g *gatewaytest.Server) { compressed(t, g, kind) }
				if network == "bubble" {
					virtual(t, run, gatewaytest.WithSplitFrames(50))
					return
				}
				t.Parallel()
				run(t, gatewaytest.NewServer(t))
			})
		}
	}
}

func compressed(t *testing.T, g *gatewaytest.Server, kind string) {
	text := strings.Repeat("signalbox ", 20_000)
	check := func(decode func(any) error) {
		t.Helper()
		for range 2 {
			g.Shard(0).Dispatch("BIG", text)
		}
		for n := range 2 {
			var p payload
			if err := decode(&p); err != nil {
				t.Fatal(err)
			}
			if want, _ := json.Marshal(text); p.T != "BIG" || p.S != int64(n+2) || !bytes.Equal(p.D, want) {
				t.Errorf("message %d: %s %d, %d bytes", n, p.T, p.S, len(p.D))
			}
		}
		g.RequireNoViolations(t)
	}
	if kind == "payload" {
		c := greeted(t, g, strings.Replace(identifyWith(0, 0, 1), `"d":{`, `"d":{"compress":true,`, 1))
		read := func(v any) error {
			kind, data, err := c.ws.ReadMessage()
			if err != nil || kind != websocket.BinaryMessage {
				return fmt.Errorf("kind %d: %w", kind, err)
			}
			whole, err := zlib.NewReader(bytes.NewReader(data))
			if err != nil {
				return err
			}
			plain, err := io.ReadAll(whole)
			if err != nil {
				return err
			}
			return json.Unmarshal(plain, v)
		}
		var p payload
		if err := read(&p); err != nil || p.T != "READY" {
			t.Fatalf("%+v, %v", p, err)
		}
		check(read)
		return
	}
	c := dial(t, g, "/?v=10&encoding=json&compress="+kind)
	from := &source{ws: c.ws}
	var inflated io.Reader
	var err error
	if kind == "zlib-stream" {
		inflated, err = zlib.NewReader(from)
	} else {
		var decoder *zstd.Decoder
		if decoder, err = zstd.NewReader(from, zstd.WithDecoderConcurrency(1)); err == nil {
			defer decoder.Close()
			inflated = decoder
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(inflated)
	var p payload
	if err := decoder.Decode(&p); err != nil || p.Op != 10 {
		t.Fatalf("%+v, %v", p, err)
	}
	c.send(identifyWith(0, 0, 1))
	if err := decoder.Decode(&p); err != nil || p.T != "READY" {
		t.Fatalf("%+v, %v", p, err)
	}
	before := from.frames
	check(decoder.Decode)
	if _, port := c.ws.NetConn().(*net.TCPConn); (from.frames-before > 2) != (!port && kind == "zlib-stream") {
		t.Errorf("two messages came in %d frames", from.frames-before)
	}
}

func TestFleets(t *testing.T) {
	fleet := func(shards int) func(*testing.T, *gatewaytest.Server) {
		return func(t *testing.T, g *gatewaytest.Server) {
			clients := make([]*client, shards)
			for i := range clients {
				clients[i], _ = ready(t, g, i, shards)
			}
			for i := range clients {
				g.Shard(i).Dispatch("X", i)
			}
			for i, c := range clients {
				for p, code := c.next(); p.T != "X"; p, code = c.next() {
					if code != 0 {
						t.Fatalf("shard %d: close code %d", i, code)
					}
				}
			}
			if s := g.Stats(); s.Live != shards || s.Identifies != shards {
				t.Errorf("%+v", s)
			}
			g.RequireNoViolations(t)
		}
	}
	opts := func(shards int) []gatewaytest.Option {
		return []gatewaytest.Option{gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(shards), gatewaytest.WithGuildsPerShard(1)}
	}
	t.Run("1000 in a bubble", func(t *testing.T) { virtual(t, fleet(1000), opts(1000)...) })
	t.Run("200 on a port", func(t *testing.T) {
		t.Parallel()
		fleet(200)(t, gatewaytest.NewServer(t, opts(200)...))
	})
}
