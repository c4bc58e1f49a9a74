package recorder

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/session"
)

// Dump is what is to be written down: see WithDumps.
type Dump struct {
	At     time.Time
	Reason string       // such as "shard 3/16 has ended", or what Trigger was given
	Shards []actors.Key // of which something is told; none: of all

	r *Recorder
}

// WriteTo writes it to w, as JSON lines: see DumpTo. It is what the Recorder has when it is called.
func (d Dump) WriteTo(w io.Writer) (int64, error) {
	counted := &counter{w: w}
	err := d.r.write(counted, d)
	return counted.n, err
}

// counter counts what goes through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// DumpTo writes what is kept of some shards, or, if none is named, of all, as JSON lines: shard by shard, and then in the order in which it happened. Every line has a kind; the first is the
// dump itself. The error is that of w. Other goroutines are not held up, however slow w is.
func (r *Recorder) DumpTo(w io.Writer, shards ...actors.Key) error {
	return r.write(w, Dump{At: time.Now(), Reason: "asked for", Shards: shards})
}

// line is one line of a dump. What a kind does not have is left out.
type line struct {
	micros int64
	order  uint64

	At        string   `json:"at,omitempty"`
	Shard     string   `json:"shard,omitempty"` // "3/16", and "3/16#2" in generation 2
	Kind      string   `json:"kind"`
	Conn      uint64   `json:"conn,omitempty"`
	Op        *int64   `json:"op,omitempty"`
	Type      string   `json:"type,omitempty"`
	Size      int      `json:"size,omitempty"` // bytes, inflated
	Seq       int64    `json:"seq,omitempty"`
	From      string   `json:"from,omitempty"`
	To        string   `json:"to,omitempty"`
	Session   uint64   `json:"session,omitempty"` // a count, and not its id
	Lost      bool     `json:"lost,omitempty"`
	Failed    int      `json:"failed,omitempty"`
	Retry     string   `json:"retry,omitempty"`
	Stage     string   `json:"stage,omitempty"`
	Serial    uint64   `json:"serial,omitempty"`
	Outcome   string   `json:"outcome,omitempty"`
	Waited    float64  `json:"waited_ms,omitempty"`
	RoundTrip float64  `json:"round_trip_ms,omitempty"`
	Late      float64  `json:"late_ms,omitempty"`
	Took      float64  `json:"took_ms,omitempty"`
	Crashes   int      `json:"crashes,omitempty"`
	Code      int      `json:"code,omitempty"`
	Cause     string   `json:"cause,omitempty"`
	Reason    string   `json:"reason,omitempty"`
	Age       string   `json:"age,omitempty"`
	Shards    []string `json:"shards,omitempty"`
	LeftOut   int      `json:"left_out,omitempty"` // entries that were not too old, and for which there was no room
}

func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02T15:04:05.000000Z")
}

func millis(micros int64) float64 { return float64(micros) / 1000 }

const longestReason = 200

// write writes a dump.
func (r *Recorder) write(w io.Writer, d Dump) error {
	buffered := bufio.NewWriter(w)
	encoder := json.NewEncoder(buffered)
	encoder.SetEscapeHTML(false)
	first := line{Kind: "dump", At: stamp(d.At), Reason: d.Reason[:min(len(d.Reason), longestReason)], Age: r.age.String()}
	for _, key := range d.Shards {
		first.Shards = append(first.Shards, key.String())
	}
	keys := d.Shards
	if len(keys) == 0 {
		keys = r.keys()
	}
	err := encoder.Encode(first)
	for i := 0; i < len(keys) && err == nil; i++ {
		for _, l := range r.linesOf(keys[i]) {
			if err == nil {
				err = encoder.Encode(l)
			}
		}
	}
	if err == nil {
		err = buffered.Flush()
	}
	return err
}

// linesOf are the lines of a shard.
func (r *Recorder) linesOf(key actors.Key) (all []line) {
	r.mu.RLock()
	s := r.shards[key]
	r.mu.RUnlock()
	if s == nil {
		return nil
	}
	oldest := time.Now().Add(-r.age)
	s.mu.Lock()
	traffic, events, leftOut := s.traffic.copied(), s.moves.copied(oldest), s.traffic.lost+s.moves.lost
	s.mu.Unlock()
	name, secrets := key.String(), r.secretsOf(key)
	for _, e := range events {
		all = append(all, e.line(secrets))
	}
	traffic.each(oldest.UnixMicro(), func(e entry) { all = append(all, e.line(r.names)) })
	slices.SortStableFunc(all, compareOrder)
	for i := range all {
		all[i].Shard, all[i].At = name, stamp(time.UnixMicro(all[i].micros))
	}
	return append([]line{{Kind: "shard", Shard: name, LeftOut: leftOut}}, all...)
}

// line is how an entry is told.
func (e *entry) line(names *names) line {
	l := line{micros: e.at, order: 2*e.number + 1, Conn: e.conn, Size: e.size}
	op := &e.op
	switch e.kind {
	case entryDispatch:
		l.Kind, l.Op, l.Type, l.Seq = "read", op, names.name(e.name), e.seq
	case entryRead:
		l.Kind, l.Op = "read", op
	case entryUnread:
		l.Kind = "unreadable"
	case entryWrote:
		l.Kind, l.Op = "write", op
	case entryBeat:
		l.Kind, l.RoundTrip, l.Late = "beat", millis(e.took), millis(e.late)
	case entrySend:
		l.Kind, l.Op, l.Serial, l.Stage, l.Outcome = "send", op, e.serial, actors.SendStage(e.stage).String(), outcomeNames[e.end]
		l.Waited, l.RoundTrip = millis(e.took), millis(e.late)
	}
	return l
}

// line is how an event is told.
func (e *event) line(secrets []string) line {
	l := line{micros: e.at.UnixMicro(), order: 2 * e.behind, Kind: eventNames[e.kind], Conn: e.conn, Retry: stamp(e.retry), Code: int(e.code)}
	if e.cause != nil {
		l.Cause, l.Code = causeOf(e.cause, secrets)
	}
	switch e.kind {
	case eventConnected:
		l.Took = millis(e.took.Microseconds())
	case eventMove:
		l.From, l.To, l.Session, l.Failed, l.Lost = e.from.String(), e.to.String(), e.session, e.failed, e.lost
	case eventIdentify:
		l.Stage = actors.IdentifyStage(e.stage).String()
	case eventCrash:
		l.Crashes, l.Lost = e.stage, e.lost
	case eventDeaf:
		l.Stage = actors.DeafStep(e.stage).String()
	}
	return l
}

const (
	longText     = 4096 // bytes of a cause that are looked at
	longestCause = 300
)

// causeOf is the text of a cause, without secrets, and the close code that it has; of the gateway's own words it has none.
func causeOf(cause error, secrets []string) (text string, code int) {
	err := foreign.Call("a cause", func() error {
		var closed *session.CloseError
		if errors.As(cause, &closed) {
			text, code = "the gateway closed the connection: "+closed.Code.String(), int(closed.Code)
			return nil
		}
		text = cause.Error()
		return nil
	})
	if err != nil {
		return fmt.Sprintf("%T", cause), 0
	}
	text = foreign.Without(text[:min(len(text), longText)], secrets...)
	return text[:min(len(text), longestCause)], code
}
