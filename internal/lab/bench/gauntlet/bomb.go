package main

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/klauspost/compress/zstd"
)

const bombSize = 256 << 20

// deflater is a stream that can be flushed: zlib's or zstd's.
type deflater interface {
	io.WriteCloser
	Flush() error
}

// pack compresses payloads as one connection's stream, and returns each one's bytes.
func pack(w deflater, out *bytes.Buffer, payloads ...io.Reader) ([][]byte, error) {
	var all [][]byte
	for _, p := range payloads {
		if _, err := io.Copy(w, p); err != nil {
			return nil, err
		}
		if err := w.Flush(); err != nil {
			return nil, err
		}
		all = append(all, bytes.Clone(out.Bytes()))
		out.Reset()
	}
	return all, nil
}

// zeros is bombSize times the digit 0.
func zeros() io.Reader { return io.LimitReader(digits{}, bombSize) }

type digits struct{}

// Read implements io.Reader.
func (digits) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

const (
	bombHello = `{"op":10,"d":{"heartbeat_interval":41250},"s":null,"t":null}`
	bombReady = `{"op":0,"t":"READY","s":1,"d":{"v":10,"user":{"id":"4242","username":"bot","discriminator":"0","bot":true},"guilds":[],` +
		`"session_id":"bomb","resume_gateway_url":"ws://127.0.0.1:1","application":{"id":"4242","flags":0}}}`
)

// messages are Hello, READY and the bomb, in the compression that a connection asks for.
func messages(compress string) (all [][]byte, err error) {
	var out bytes.Buffer
	parts := []io.Reader{strings.NewReader(bombHello), strings.NewReader(bombReady), io.MultiReader(
		strings.NewReader(`{"op":0,"t":"MESSAGE_CREATE","s":2,"d":{"id":"1","channel_id":"2","author":{"id":"3","username":"x"},"timestamp":"2026-01-01T00:00:00Z","content":"`),
		zeros(), strings.NewReader(`"}}`))}
	switch compress {
	case "zstd-stream":
		w, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
		if err != nil {
			return nil, err
		}
		return pack(w, &out, parts...)
	case "zlib-stream":
		return pack(zlib.NewWriter(&out), &out, parts...)
	}
	w := zlib.NewWriter(&out) // each payload on its own; only the bomb is worth it
	if _, err := io.Copy(w, parts[2]); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return [][]byte{[]byte(bombHello), []byte(bombReady), out.Bytes()}, nil
}

// bomb sends one small message that inflates to bombSize. The bomb is made before the memory is
// measured, and the server itself never holds it inflated.
func bomb(lib library) (outcome, error) {
	sets := make(map[string][][]byte)
	for _, compress := range []string{"", "zlib-stream", "zstd-stream"} {
		all, err := messages(compress)
		if err != nil {
			return outcome{}, err
		}
		sets[compress] = all
	}
	var delivered, sent, ended atomic.Bool
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	answer := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"url": strings.Replace(server.URL, "http", "ws", 1), "shards": 1, // the client may have gone
			"session_start_limit": map[string]int{"total": 1000, "remaining": 1000, "reset_after": 1000, "max_concurrency": 1}})
	}
	mux.HandleFunc("GET /api/v10/gateway", answer)
	mux.HandleFunc("GET /api/v10/gateway/bot", answer)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		compress := r.URL.Query().Get("compress")
		all := sets[compress]
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil || sent.Load() {
			return // it is told nothing on later connections
		}
		kind := websocket.BinaryMessage
		if compress == "" {
			kind = websocket.TextMessage
		}
		_ = ws.WriteMessage(kind, all[0]) // what fails here shows at the next read
		if _, _, err := ws.ReadMessage(); err != nil {
			return
		}
		_ = ws.WriteMessage(kind, all[1])
		time.Sleep(500 * time.Millisecond)
		sent.Store(true)
		_ = ws.WriteMessage(websocket.BinaryMessage, all[2])
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				ended.Store(true)
				return
			}
		}
	})
	bot, err := lib.new(setting{api: server.URL + "/api/v10", handler: func(content string) {
		delivered.Store(delivered.Load() || len(content) >= bombSize)
	}})
	if err != nil {
		return outcome{}, err
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	go func() { _ = bot.open(context.Background()) }() // what became of it is seen by the server
	if _, ok := until(10*time.Second, sent.Load); !ok {
		return judge(false, "it did not connect in 10 s"), nil
	}
	until(30*time.Second, func() bool { return delivered.Load() || ended.Load() })
	runtime.ReadMemStats(&after)
	grown := (after.Sys - before.Sys) >> 20 // what was taken from the system is counted for good
	fate := "neither refused nor delivered in 30 s"
	switch {
	case delivered.Load():
		fate = "delivered to the handler"
	case ended.Load():
		fate = "connection ended"
	}
	return judge(ended.Load() && !delivered.Load() && grown < bombSize>>20, "%s; memory taken from the system +%d MiB", fate, grown), nil
}
