package gatewaytest

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// WithRecording makes a server that shows what a recording has, as package shardmanager/recorder writes it: each connection that a bot makes is shown the same payloads,
// after the same times, and ends as it did: with the same close code, or without one. It is to be read once, by NewServer or Start. So a fault that was seen once becomes a test.
//
// The bot's own times decide where it has the word. What was an answer to an Identify, a Resume or a send event comes after it, as long after it as it was; a heartbeat is
// acknowledged if it was, after the same time; and a nonce is the bot's. A dial that failed fails again. Which connection is which shard's is known by its Identify or
// Resume; before that, connections are taken in the order in which they were. So a bot with the same settings, and the same seed (shardmanager.WithSeed), has the same
// history. It begins with an Identify: a session that is resumed but did not begin in the recording cannot be played back.
//
// Discovery recommends the recording's number of shards. Nothing else happens in the guilds, a Script has no session to give orders to, and only payloads too large, or no
// JSON, are violations. Beyond the recording the server says Hello and acknowledges heartbeats, and no more: see [Server.Unplayed].
func WithRecording(r io.Reader) Option { return func(s *settings) { s.recording = r } }

// recorded is one line of a recording.
type recorded struct {
	Kind       string `json:"kind"`
	Version    int    `json:"version"` // of the first line
	At         int64  `json:"at"`      // nanoseconds since it began
	Shard      int    `json:"shard"`
	Total      int    `json:"total"`
	Generation uint64 `json:"generation"`
	Conn       uint64 `json:"conn"`
	Op         int    `json:"op"`
	Data       string `json:"data"`
	Base64     []byte `json:"base64"`
	Code       int    `json:"code"`
	Text       string `json:"text"`
	Status     int    `json:"status"`
	RetryAfter int64  `json:"retry_after"`
}

// tapeStep is one thing that happens on a recorded connection.
type tapeStep struct {
	kind stepKind
	at   time.Duration // since the connection
	op   events.Opcode // stepWrite
	data []byte        // stepRead, stepWrite
	code events.CloseCode
	text string
}

type stepKind int

const (
	stepRead   stepKind = iota // the client reads a payload
	stepWrite                  // the client writes one that has to be there before what follows
	stepLost                   // the server ends it
	stepClosed                 // the client ends it
)

// tape is one recorded connection.
type tape struct {
	shard      events.ShardID
	generation uint64
	dialled    time.Duration // since the recording began
	connected  time.Duration // negative: the dial failed
	failed     time.Duration // since dialled
	status     int
	retryAfter time.Duration
	steps      []tapeStep
	beats      []time.Duration // how long after each heartbeat its ACK came; negative: it did not
	asked      []time.Duration // when a heartbeat was written that has no ACK yet
	over       bool
	taken      bool // it is being played, or was
	shown      int  // steps that were
}

// recording is all of them.
type recording struct {
	tapes []*tape // in the order in which they were dialled
	total int
	hello []byte // the first, for connections that it does not have
}

// readRecording reads a recording.
func readRecording(r io.Reader) (*recording, error) {
	type name struct {
		shard      events.ShardID
		generation uint64
		conn       uint64
	}
	rec, open := new(recording), make(map[name]*tape)
	decoder := json.NewDecoder(bufio.NewReader(r))
	for n := 0; ; n++ {
		var l recorded
		err := decoder.Decode(&l)
		switch {
		case errors.Is(err, io.EOF) && n > 0, errors.Is(err, io.ErrUnexpectedEOF) && n > 1: // it was cut off: what is whole is played
			if len(rec.tapes) == 0 {
				return nil, errors.New("it has no connection")
			}
			slices.SortStableFunc(rec.tapes, func(a, b *tape) int { return cmp.Compare(a.dialled, b.dialled) })
			return rec, nil
		case err != nil:
			return nil, fmt.Errorf("line %d is none of a recording: %w", n+1, err)
		case n == 0 && (l.Kind != "recording" || l.Version != 1):
			return nil, errors.New("it does not begin as a recording of version 1 does: take what recorder.NewRecording writes")
		case n == 0 || l.Kind == "move":
			continue
		}
		key, at := name{events.ShardID{Index: l.Shard, Total: l.Total}, l.Generation, l.Conn}, time.Duration(l.At)
		t := open[key]
		if t == nil {
			t = &tape{shard: key.shard, generation: l.Generation, dialled: at, connected: -1}
			open[key] = t
			rec.tapes = append(rec.tapes, t)
			rec.total = max(rec.total, l.Total)
		}
		t.take(&l, at)
		if rec.hello == nil && l.Kind == "read" {
			rec.hello = t.steps[0].data
		}
	}
}

// take takes a line of the connection.
func (t *tape) take(l *recorded, at time.Duration) {
	if t.over {
		return
	}
	if l.Kind != "dial" && l.Kind != "lost" && l.Kind != "closed" && t.connected < 0 {
		t.connected = at
	}
	step := tapeStep{at: max(at-t.connected, 0), data: l.Base64, code: events.CloseCode(l.Code), text: l.Text}
	if step.data == nil {
		step.data = []byte(l.Data)
	}
	switch l.Kind {
	case "dial":
		t.dialled = at
	case "read":
		if opOf(step.data) == events.OpHeartbeatACK {
			t.acknowledged(step.at)
			return
		}
		step.kind = stepRead
		t.steps = append(t.steps, step)
	case "write":
		if step.op = events.Opcode(l.Op); step.op == events.OpHeartbeat {
			t.asked, t.beats = append(t.asked, step.at), append(t.beats, -1)
			return
		}
		step.kind = stepWrite
		t.steps = append(t.steps, step)
	case "lost":
		t.over = true
		t.failed, t.status, t.retryAfter = at-t.dialled, l.Status, time.Duration(l.RetryAfter)
		step.kind = stepLost
		t.steps = append(t.steps, step)
	case "closed":
		t.over = true
		t.failed = at - t.dialled
		step.kind = stepClosed
		t.steps = append(t.steps, step)
	}
}

// acknowledged takes the ACK of the oldest heartbeat that has none.
func (t *tape) acknowledged(at time.Duration) {
	if len(t.asked) > 0 {
		t.beats[len(t.beats)-len(t.asked)] = at - t.asked[0]
		t.asked = t.asked[1:]
	}
}

// opOf is the op of a payload; negative: it has none.
func opOf(payload []byte) events.Opcode {
	var envelope struct {
		Op *events.Opcode `json:"op"`
	}
	if json.Unmarshal(payload, &envelope) != nil || envelope.Op == nil {
		return -1
	}
	return *envelope.Op
}
