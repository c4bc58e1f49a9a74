package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/signalbox-go/signalbox/internal/lab/bench/tape"
)

type conn struct {
	s     *server
	c     net.Conn
	br    *bufio.Reader
	mode  tape.Mode
	shard [2]int

	wmu     sync.Mutex
	first   bool
	ready   bool
	playing bool
	queued  [][]byte // answers held back until the tape has been played
	seq     int64
	id      string

	hello   time.Time
	lastHB  time.Time
	sends   []time.Time
	sendPos int
}

func (s *server) socket(w http.ResponseWriter, r *http.Request) {
	mode := tape.None
	switch m := tape.Mode(r.FormValue("compress")); m {
	case tape.Zlib, tape.Zstd:
		mode = m
	}
	nc, brw, _, err := ws.UpgradeHTTP(r, w)
	if err != nil {
		return
	}
	c := &conn{s: s, c: nc, br: brw.Reader, mode: mode, first: true}
	s.stats.Accepted.Add(1)
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	c.hello = time.Now()
	c.lastHB = c.hello
	c.send(fmt.Appendf(nil, `{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":%d,"_trace":["bench"]}}`, s.hb.Milliseconds()))
	_ = c.read() // it says how the connection ended, which does not matter
	nc.Close()
	c.wmu.Lock()
	id, seq := c.id, c.seq
	c.wmu.Unlock()
	s.mu.Lock()
	delete(s.conns, c)
	if se := s.sess[id]; se != nil {
		se.seq = max(se.seq, seq)
	}
	s.mu.Unlock()
	s.stats.Closed.Add(1)
}

func (c *conn) send(payload []byte) {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.sendLocked(payload)
}

func (c *conn) sendLocked(payload []byte) {
	f := c.mode.Message(payload, c.first)
	c.first = false
	if c.playing {
		c.queued = append(c.queued, f)
		return
	}
	c.c.Write(f)
}

func (c *conn) dispatch(t, data string) {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.dispatchLocked(t, data)
}

func (c *conn) dispatchLocked(t, data string) {
	c.seq++
	c.sendLocked(fmt.Appendf(nil, `{"t":"%s","s":%d,"op":0,"d":%s}`, t, c.seq, data))
}

func (c *conn) read() error {
	var buf []byte
	for {
		h, err := ws.ReadHeader(c.br)
		if err != nil {
			return err
		}
		if h.Length > 1<<20 {
			return io.ErrShortBuffer
		}
		if int(h.Length) > cap(buf) {
			buf = make([]byte, h.Length)
		}
		buf = buf[:h.Length]
		if _, err := io.ReadFull(c.br, buf); err != nil {
			return err
		}
		if h.Masked {
			ws.Cipher(buf, h.Mask, 0)
		}
		switch h.OpCode {
		case ws.OpClose:
			c.wmu.Lock()
			c.c.Write(ws.MustCompileFrame(ws.NewCloseFrame(buf)))
			c.wmu.Unlock()
			return io.EOF
		case ws.OpPing:
			c.wmu.Lock()
			c.c.Write(ws.MustCompileFrame(ws.NewPongFrame(buf)))
			c.wmu.Unlock()
		case ws.OpText, ws.OpBinary:
			if err := c.command(buf); err != nil {
				return err
			}
		}
	}
}

func (c *conn) close(code int, why string) error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.c.Write(ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusCode(code), why))))
	return io.EOF
}

func (c *conn) play(n int) {
	t0 := time.Now()
	e := c.s.encoded(c.mode)
	_, err := c.c.Write(e.Bytes[:e.Offsets[n]])
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.playing = false
	c.seq += int64(n)
	for _, f := range c.queued {
		c.c.Write(f)
	}
	c.queued = nil
	if err == nil {
		d := int64(time.Since(t0))
		for {
			old := c.s.stats.FloodNanos.Load()
			if d <= old || c.s.stats.FloodNanos.CompareAndSwap(old, d) {
				break
			}
		}
	}
}
