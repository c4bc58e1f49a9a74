package control

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// hub tells readers what happens. A reader that is slow misses something, and nothing waits for it.
type hub struct {
	mu      sync.Mutex
	readers map[*reader]bool
}

// reader is one GET /events.
type reader struct {
	queue  chan message
	missed int // since the latest that was queued; guarded by the hub
}

type message struct {
	name   string
	data   []byte
	missed int // that came before it
}

const (
	keptMessages = 1024             // for a reader that is slow
	aliveEvery   = 15 * time.Second // so that proxies keep the connection, and a lost one is noticed
	readWithin   = time.Minute      // or the reader is taken for lost
)

// happening is what is told of an entry.
type happening struct {
	At      time.Time        `json:"at"`
	Shard   *events.ShardID  `json:"shard,omitempty"`
	Conn    int              `json:"conn,omitempty"`
	Session int              `json:"session,omitempty"`
	Change  string           `json:"change,omitempty"` // of a shard
	Code    events.CloseCode `json:"code,omitempty"`
	Text    string           `json:"text,omitempty"`
}

// told are the names under which entries are told. The others are too many, and GET /shards has them.
var told = map[gatewaytest.EntryKind]string{
	gatewaytest.Violated: "violation", gatewaytest.Noted: "note",
	gatewaytest.Began: "shard", gatewaytest.Resumed: "shard", gatewaytest.Closing: "shard", gatewaytest.Closed: "shard", gatewaytest.Gone: "shard",
}

// entry is called with the server's lock held.
func (h *hub) entry(e gatewaytest.Entry) {
	name, is := told[e.Kind]
	if !is {
		return
	}
	what := happening{At: e.At, Conn: e.Conn, Session: e.Session, Code: e.Code, Text: e.Text}
	if e.Shard.Valid() {
		what.Shard = &e.Shard
	}
	if name == "shard" {
		what.Change = string(e.Kind)
	}
	h.publish(name, what)
}

func (h *hub) publish(name string, v any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.readers) == 0 {
		return
	}
	data := encode(v)
	for r := range h.readers {
		select {
		case r.queue <- message{name, data, r.missed}:
			r.missed = 0
		default:
			r.missed++
		}
	}
}

func (h *hub) join() *reader {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.readers == nil {
		h.readers = make(map[*reader]bool)
	}
	r := &reader{queue: make(chan message, keptMessages)}
	h.readers[r] = true
	return r
}

func (h *hub) leave(r *reader) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.readers, r)
}

// missing is how many messages came after the queue was full, once the reader has read all that it had room for.
func (h *hub) missing(r *reader) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(r.queue) == 0 {
		n, r.missed = r.missed, 0
	}
	return n
}

// events serves GET /events, as server-sent events, until the client goes or the server is closed.
//
// Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
func (c *Control) events(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	out := http.NewResponseController(w)
	// A write to a reader that does not read ends when the server does, too.
	stop := context.AfterFunc(ctx, func() { _ = out.SetWriteDeadline(time.Now()) })
	defer stop()
	go func() {
		defer cancel()
		select {
		case <-c.server.Done():
		case <-ctx.Done():
		}
	}()
	reader := c.hub.join()
	defer c.hub.leave(reader)
	w.Header().Set("Content-Type", "text/event-stream")
	alive := time.NewTicker(aliveEvery)
	defer alive.Stop()
	text := ": this tells violations, notes, changes of shards, and orders, from now on\n\n"
	for {
		_ = out.SetWriteDeadline(time.Now().Add(readWithin)) // what cannot has no slow connection either
		if ctx.Err() != nil {
			return
		}
		if _, err := io.WriteString(w, text); err != nil || out.Flush() != nil {
			return
		}
		select {
		case m := <-reader.queue:
			text = missed(m.missed) + fmt.Sprintf("event: %s\ndata: %s\n\n", m.name, m.data) + missed(c.hub.missing(reader))
		case <-alive.C:
			text = ":\n\n"
		case <-ctx.Done():
			return
		}
	}
}

// missed tells how many messages a slow reader was not told of.
func missed(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("event: missed\ndata: {\"count\":%d}\n\n", n)
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("control: what is ours cannot be encoded: %v", err))
	}
	return data
}
