package gatewaytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// player shows a client one recorded connection after it has connected.
type player struct {
	*playback
	c       *conn
	arrived chan struct{} // of capacity 1: something was received

	// The rest is guarded by the playback's lock.
	tape     *tape // nil: the recording has no more
	next     int   // step
	base     time.Time
	known    bool // the shard is, by an Identify or a Resume
	beats    int  // heartbeats received
	received map[events.Opcode]int
	passed   map[events.Opcode]int // writes of the tape that are behind
	asks     int                   // requests with a nonce that were received
	nonces   map[string]string     // the recording's, and the client's
}

// serve shows a connection what is next.
func (p *playback) serve(c *conn, t *tape) {
	pl := &player{playback: p, c: c, tape: t, base: time.Now(), arrived: make(chan struct{}, 1),
		received: make(map[events.Opcode]int), passed: make(map[events.Opcode]int), nonces: make(map[string]string)}
	if t == nil {
		c.post(outgoing{payload: p.hello})
	}
	p.srv.mu.Lock()
	if !p.srv.closed {
		p.srv.running.Go(pl.play)
	}
	p.srv.mu.Unlock()
	defer c.gone()
	defer c.cut()
	for {
		_, data, err := c.ws.ReadMessage()
		if err != nil {
			c.failed(err)
			return
		}
		pl.receive(data)
	}
}

// receive takes what the client has sent.
func (pl *player) receive(data []byte) {
	var envelope struct {
		Op *events.Opcode  `json:"op"`
		D  json.RawMessage `json:"d"`
	}
	s, now := pl.srv, time.Now()
	err := json.Unmarshal(data, &envelope)
	s.mu.Lock()
	s.stats.Frames++
	switch {
	case pl.c.closing:
		s.mu.Unlock()
		return
	case len(data) > maxSize, err != nil, envelope.Op == nil:
		s.punish(pl.c, events.CloseDecodeError, "payload", "%d bytes: too many, or no JSON object with an op", len(data))
		s.mu.Unlock()
		return
	}
	op := *envelope.Op
	s.note(pl.c, Entry{Kind: Received, Op: op, Data: envelope.D})
	s.mu.Unlock()
	if op == events.OpIdentify || op == events.OpResume {
		pl.know(op, envelope.D)
	}
	s.mu.Lock()
	handled := s.intercepted(Frame{At: now, Shard: pl.c.shard, Conn: pl.c.number, Op: op, Data: envelope.D})
	s.mu.Unlock()
	if handled {
		return
	}
	pl.mu.Lock()
	defer pl.mu.Unlock()
	switch op {
	case events.OpHeartbeat:
		pl.acknowledge()
		return
	case events.OpRequestGuildMembers:
		pl.ask(envelope.D)
	}
	pl.received[op]++
	select {
	case pl.arrived <- struct{}{}:
	default:
	}
}

var ack = []byte(`{"t":null,"s":null,"op":11,"d":null}`)

// acknowledge answers a heartbeat as it was answered.
func (pl *player) acknowledge() {
	pl.srv.mu.Lock()
	pl.srv.stats.Heartbeats++
	pl.srv.mu.Unlock()
	after, n := time.Duration(0), pl.beats
	if pl.beats++; pl.tape != nil && len(pl.tape.beats) > 0 {
		after = pl.tape.beats[min(n, len(pl.tape.beats)-1)]
	}
	if after == 0 {
		pl.c.post(outgoing{payload: ack})
	} else if after > 0 {
		time.AfterFunc(after, func() { pl.c.post(outgoing{payload: ack}) })
	}
}

// know learns which shard the client is, and takes another connection of the recording if it is not the one that was thought.
func (pl *player) know(op events.Opcode, d []byte) {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	var who struct {
		Shard   *[2]int `json:"shard"`
		Session string  `json:"session_id"`
	}
	shard, known := events.ShardID{Total: 1}, json.Unmarshal(d, &who) == nil
	if op == events.OpIdentify && who.Shard != nil {
		shard = events.ShardID{Index: who.Shard[0], Total: who.Shard[1]}
	} else if op == events.OpResume {
		shard, known = pl.sessions[who.Session]
	}
	pl.srv.mu.Lock()
	pl.c.shard, pl.c.began = shard, true
	if op == events.OpIdentify {
		pl.srv.stats.Identifies++
	} else {
		pl.srv.stats.Resumes++
	}
	pl.srv.mu.Unlock()
	if known && !pl.known && (pl.tape == nil || pl.tape.shard != shard) {
		old := pl.tape
		if pl.tape = pl.nextOf(&shard); pl.tape != nil {
			pl.next, pl.tape.shown = 0, 0
			for i, step := range pl.tape.steps { // the Hello was shown
				if step.kind == stepWrite {
					pl.next, pl.tape.shown = i, i
					break
				}
			}
		}
		if old != nil {
			old.taken, old.shown = false, 0
		}
	}
	pl.known = known
}

// ask takes the nonce of a request: the answers that are shown have it in the place of the recording's.
func (pl *player) ask(d []byte) {
	if pl.tape == nil {
		return
	}
	n := 0
	for _, step := range pl.tape.steps {
		if step.kind != stepWrite || step.op != events.OpRequestGuildMembers {
			continue
		}
		if n++; n <= pl.asks {
			continue
		}
		var was struct {
			D struct{ Nonce string } `json:"d"`
		}
		var is struct{ Nonce string }
		if json.Unmarshal(step.data, &was) == nil && json.Unmarshal(d, &is) == nil && was.D.Nonce != "" && is.Nonce != "" {
			pl.nonces[was.D.Nonce] = is.Nonce
		}
		break
	}
	pl.asks++
}

// patience is how long a send event is waited for that the client does not send when it did.
const patience = 5 * time.Second

// play shows what is on the tape, until the connection has ended.
func (pl *player) play() {
	for {
		step, wait, ready := pl.look()
		if !ready {
			if !pl.await(wait) {
				return
			}
			continue
		}
		switch step.kind {
		case stepRead:
			pl.c.post(outgoing{payload: step.data})
		case stepLost:
			if step.code == events.CloseNone {
				pl.c.post(outgoing{cut: true}) // behind what was shown
				return
			}
			pl.srv.mu.Lock()
			pl.c.leave()
			pl.c.closing = true
			pl.srv.note(pl.c, Entry{Kind: Closing, Code: step.code})
			pl.srv.mu.Unlock()
			pl.c.post(outgoing{close: step.code, reason: step.text})
		}
	}
}

// await waits for something to be received, for as long as it is told; negative: for ever. It reports whether the connection is there still.
func (pl *player) await(wait time.Duration) bool {
	var late <-chan time.Time
	if wait >= 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-pl.c.ended:
		return false
	case <-pl.arrived:
	case <-late:
	}
	return true
}

// look takes the next step, if it is ready, or says for how long it is not; negative: until something is received.
func (pl *player) look() (step tapeStep, wait time.Duration, ready bool) {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	if pl.tape == nil || pl.next == len(pl.tape.steps) {
		return step, -1, false
	}
	step = pl.tape.steps[pl.next]
	now, due := time.Now(), pl.base.Add(step.at)
	begins := step.op == events.OpIdentify || step.op == events.OpResume
	switch {
	case step.kind == stepClosed: // that is the client's turn
		pl.took()
		return step, -1, false
	case step.kind != stepWrite:
		if wait = due.Sub(now); wait > 0 {
			return step, wait, false
		}
		step.data = pl.now(step.data)
		pl.took()
		return step, 0, true
	case pl.received[step.op] > pl.passed[step.op]:
		if begins || now.After(due) {
			pl.base = now.Add(-step.at) // what follows is an answer, and comes as long after it
		}
	case begins:
		return step, -1, false
	default:
		if wait = due.Add(patience).Sub(now); wait > 0 {
			return step, wait, false
		}
	}
	pl.passed[step.op]++
	pl.took()
	return step, 0, true
}

func (pl *player) took() {
	pl.next++
	pl.tape.shown++
}

// now is a payload as it has to be now: with the client's nonces, and the server's URL for a Resume.
func (pl *player) now(data []byte) []byte {
	for was, is := range pl.nonces {
		data = bytes.ReplaceAll(data, fmt.Appendf(nil, `"nonce":%q`, was), fmt.Appendf(nil, `"nonce":%q`, is))
	}
	var ready struct {
		T string `json:"t"`
		D struct {
			Session string `json:"session_id"`
			URL     string `json:"resume_gateway_url"`
		} `json:"d"`
	}
	if !bytes.Contains(data, []byte(`"READY"`)) || json.Unmarshal(data, &ready) != nil || ready.T != "READY" {
		return data
	}
	pl.sessions[ready.D.Session] = pl.tape.shard
	was, is := encode(ready.D.URL), encode(pl.c.resume)
	return bytes.Replace(data, was, is, 1)
}
