// Command floor measures what receiving gateway events costs before any
// library does anything with them: gorilla/websocket reads and klauspost
// inflation. The variants add a minimal amount of decoding:
//
//	default   read and inflate only
//	envelope  also find t, s and op, and the extent of d
//	handoff   as envelope, then copy the payload and pass it over a channel to
//	          one consumer goroutine per shard
//	actor     as envelope, then copy the payload and send it to one protoactor
//	          actor per shard (default mailbox)
//	stdjson   also unmarshal the envelope with encoding/json (d as RawMessage)
//
// With -handler message, each MESSAGE_CREATE is unmarshalled by encoding/json
// into a struct of its usual fields.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/internal/lab/bench/kit"
)

func main() {
	kit.Main("floor", func(r *kit.Run) kit.Client {
		return &client{r: r, shards: make([]*shard, r.Shards)}
	})
}

type client struct {
	r      *kit.Run
	shards []*shard
}

type event struct {
	kind string
	data []byte
}

var system *actor.ActorSystem

type shard struct {
	r      *kit.Run
	id     int
	conn   *websocket.Conn
	wmu    sync.Mutex
	events chan *event
	pid    *actor.PID

	frame []byte // the last message as received, reused
	out   []byte // the last message inflated, reused
	pos   int    // read position in frame
	inf   io.Reader
	next  error // error of a read made while inflating
	early bool  // the inflater has already read the next message,
	carry int   // and out ends with this many bytes of it
}

func (c *client) Open(ctx context.Context) error {
	errs := make(chan error, len(c.shards))
	for i := range c.shards {
		s := &shard{r: c.r, id: i}
		switch c.r.Variant {
		case "handoff":
			s.events = make(chan *event, 256)
			go func() {
				for range s.events {
					c.r.Event(i)
				}
			}()
		case "actor":
			if system == nil {
				system = actor.NewActorSystem()
			}
			s.pid = system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
				if _, ok := ctx.Message().(*event); ok {
					c.r.Event(i)
				}
			}))
		}
		c.shards[i] = s
		go func() { errs <- s.open(ctx) }()
	}
	var err error
	for range c.shards {
		err = errors.Join(err, <-errs)
	}
	return err
}

var dialer = websocket.Dialer{WriteBufferPool: &sync.Pool{}}

func (s *shard) open(ctx context.Context) error {
	u := s.r.URL() + "/?v=10&encoding=json"
	if s.r.Compress == "zlib-stream" || s.r.Compress == "zstd-stream" {
		u += "&compress=" + s.r.Compress
	}
	var err error
	if s.conn, _, err = dialer.DialContext(ctx, u, nil); err != nil {
		return err
	}
	hello, err := s.read()
	if err != nil {
		return err
	}
	var h struct {
		D struct {
			Interval int64 `json:"heartbeat_interval"`
		} `json:"d"`
	}
	if err := json.Unmarshal(hello, &h); err != nil {
		return err
	}
	identify := fmt.Sprintf(`{"op":2,"d":{"token":"t","intents":0,"compress":%v,"shard":[%d,%d],"properties":{"os":"linux","browser":"floor","device":"floor"}}}`, s.r.Compress == "payload", s.id, s.r.Shards)
	if err := s.write([]byte(identify)); err != nil {
		return err
	}
	if _, err := s.read(); err != nil {
		return err
	}
	s.r.Ready()
	interval := time.Duration(h.D.Interval) * time.Millisecond
	go s.loop(interval)
	return nil
}

func (s *shard) write(b []byte) error {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	return s.conn.WriteMessage(websocket.TextMessage, b)
}

func (s *shard) loop(interval time.Duration) {
	var beat func()
	beat = func() {
		if s.write([]byte(`{"op":1,"d":1}`)) == nil {
			time.AfterFunc(interval, beat)
		}
	}
	time.AfterFunc(time.Duration(rand.Int64N(int64(interval))), beat) // as the protocol asks for
	for {
		b, err := s.read()
		if err != nil {
			s.r.Error(err)
			return
		}
		s.handle(b)
	}
}

func (s *shard) handle(b []byte) {
	if s.r.Scenario == "request" {
		if i := bytes.Index(b, []byte(`"nonce":"`)); i >= 0 {
			n := b[i+9:]
			s.r.Chunk(string(n[:bytes.IndexByte(n, '"')]))
		}
		return
	}
	switch {
	case s.r.Message():
		t, d, op := envelope(b)
		if op == 0 && string(t) == "MESSAGE_CREATE" {
			var m message
			if err := json.Unmarshal(d, &m); err != nil {
				s.r.Error(err)
			}
			s.r.Event(s.id)
		}
	case s.r.Variant == "envelope":
		t, d, op := envelope(b)
		if op == 0 && len(t) > 0 && len(d) > 0 {
			s.r.Event(s.id)
		}
	case s.r.Variant == "handoff", s.r.Variant == "actor":
		t, d, op := envelope(b)
		if op != 0 {
			return
		}
		e := &event{kind: string(t), data: append([]byte(nil), d...)}
		if s.events != nil {
			s.events <- e
		} else {
			system.Root.Send(s.pid, e)
		}
	case s.r.Variant == "stdjson":
		var p struct {
			Op int             `json:"op"`
			S  int64           `json:"s"`
			T  string          `json:"t"`
			D  json.RawMessage `json:"d"`
		}
		if err := json.Unmarshal(b, &p); err != nil {
			s.r.Error(err)
		}
		if p.Op == 0 {
			s.r.Event(s.id)
		}
	default:
		// A heartbeat ack must not count as an event; acks are short.
		if len(b) > 40 {
			s.r.Event(s.id)
		}
	}
}

func (c *client) RequestMembers(shard int, guildID uint64, nonce string) error {
	return c.shards[shard].write(fmt.Appendf(nil, `{"op":8,"d":{"guild_id":"%d","query":"","limit":1,"nonce":"%s"}}`, guildID, nonce))
}
