package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// record is a line of the output: what -json prints. docs/gatewaysim.md describes it.
type record struct {
	Time    time.Time        `json:"time"`
	Kind    string           `json:"kind"`
	API     string           `json:"api,omitempty"`
	Gateway string           `json:"gateway,omitempty"`
	Conn    int              `json:"conn,omitempty"`
	Shard   []int            `json:"shard,omitempty"`
	Session int              `json:"session,omitempty"`
	Op      *int             `json:"op,omitempty"`
	Type    events.Type      `json:"type,omitempty"`
	Seq     int64            `json:"seq,omitempty"`
	Code    events.CloseCode `json:"code,omitempty"`
	Guild   events.Snowflake `json:"guild,omitempty"`
	Remote  string           `json:"remote,omitempty"`
	Text    string           `json:"text,omitempty"`
	Data    json.RawMessage  `json:"d,omitempty"`
	Stats   *counts          `json:"stats,omitempty"`
	Rules   map[string]int   `json:"violations,omitempty"`
	plain   string           // how it is printed without -json
}

// counts are what is told of the server's Stats.
type counts struct {
	Connections int `json:"connections"`
	Live        int `json:"live"`
	Identifies  int `json:"identifies"`
	Resumes     int `json:"resumes"`
	Refused     int `json:"refused"`
	Frames      int `json:"frames"`
}

// String is one line.
func (c counts) String() string {
	return fmt.Sprintf("connections %d (%d now)   identifies %d   resumes %d   refused %d   frames %d", c.Connections, c.Live, c.Identifies, c.Resumes, c.Refused, c.Frames)
}

// report prints what happens. Printing never holds up the server: what cannot be written yet waits in lines.
type report struct {
	lines              *lines
	quiet, json, trace bool
	last               counts

	mu    sync.Mutex
	begun bool     // where the server is has been said: that comes first
	early []string // what a quick client did before
}

func newReport(w io.Writer, o *options) *report {
	return &report{lines: newLines(w), quiet: o.quiet, json: o.json, trace: o.trace}
}

// close returns when everything is printed.
func (r *report) close() { r.lines.close() }

func (r *report) print(one record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.begun {
		r.early = append(r.early, r.text(one))
		return
	}
	r.lines.add(r.text(one))
}

func (r *report) text(one record) string {
	if !r.json {
		return one.plain
	}
	text, err := json.Marshal(one)
	if err != nil {
		panic(fmt.Sprintf("gatewaysim: a line cannot be encoded: %v", err)) // its fields can be, always
	}
	return string(text)
}

// listening says where the server is.
func (r *report) listening(server *gatewaytest.Server) {
	one := record{Time: time.Now(), Kind: "listening", API: server.APIURL, Gateway: server.URL,
		plain: "REST base  " + server.APIURL + "\ngateway    " + server.URL}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun = true
	for _, line := range append([]string{r.text(one)}, r.early...) {
		r.lines.add(line)
	}
	r.early = nil
}

// tell prints a line of the control port, or of a scenario.
func (r *report) tell(kind, line string) {
	if kind != "step" || !r.quiet {
		r.print(record{Time: time.Now(), Kind: kind, Text: line, plain: line})
	}
}

// entry prints something that the server saw or did. It is called under the server's lock.
func (r *report) entry(e gatewaytest.Entry) {
	word := map[gatewaytest.EntryKind]string{gatewaytest.Violated: "violation:", gatewaytest.Noted: "note:", gatewaytest.Unsecured: "TLS:"}[e.Kind]
	if word == "" && !r.trace || r.quiet && e.Kind != gatewaytest.Violated {
		return
	}
	one := record{
		Time: e.At, Kind: string(e.Kind), Conn: e.Conn, Session: e.Session, Type: e.Type, Seq: e.Seq, Code: e.Code, Guild: e.Guild, Remote: e.Remote, Text: e.Text,
	}
	if e.Shard.Total > 0 {
		one.Shard = []int{e.Shard.Index, e.Shard.Total}
	}
	if e.Kind == gatewaytest.Received || e.Kind == gatewaytest.Sent || e.Kind == gatewaytest.Dispatched {
		op := int(e.Op)
		one.Op = &op
	}
	if e.Kind == gatewaytest.Received || e.Kind == gatewaytest.Sent {
		one.Data = withoutSecrets(e.Data)
	}
	if !r.json {
		one.plain = one.line(word, e.Op)
	}
	r.print(one)
}

// line is how an entry is printed without -json.
func (one *record) line(word string, op events.Opcode) string {
	parts := []string{one.Time.Format("15:04:05.000")}
	add := func(told bool, format string, args ...any) {
		if told {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(word != "", "%s", word)
	add(word == "", "%s", one.Kind)
	if one.Shard != nil {
		add(true, "shard %d/%d", one.Shard[0], one.Shard[1])
	}
	add(one.Conn != 0, "connection %d", one.Conn)
	add(one.Remote != "", "from %s", one.Remote)
	add(one.Session != 0 && word == "", "session %d", one.Session)
	add(one.Op != nil && one.Type == "", "%v", op)
	add(one.Type != "", "%v", one.Type)
	add(one.Guild != 0, "guild %v", one.Guild)
	add(one.Seq != 0, "sequence %d", one.Seq)
	add(one.Code != 0, "%v", one.Code)
	add(one.Data != nil, "%s", one.Data)
	add(one.Text != "", "%s", one.Text)
	return strings.Join(parts, " ")
}

// secrets are fields of payloads that are not printed.
var secrets = []string{"token", "session_id"}

// withoutSecrets is a payload's data with its secrets left out, wherever they stand. What is not JSON is not shown, and neither is a
// text alone.
func withoutSecrets(d []byte) json.RawMessage {
	var v any
	decoder := json.NewDecoder(bytes.NewReader(d))
	decoder.UseNumber()
	if decoder.Decode(&v) != nil {
		return nil
	}
	if _, isText := v.(string); isText {
		return nil
	}
	hide(v)
	text, err := json.Marshal(v)
	if err != nil {
		return nil // what was read can be written
	}
	return text
}

// hide leaves secrets out of a value.
func hide(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if slices.ContainsFunc(secrets, func(secret string) bool { return strings.EqualFold(secret, name) }) {
				v[name] = "…"
			} else {
				hide(value)
			}
		}
	case []any:
		for _, value := range v {
			hide(value)
		}
	}
}

// stats prints the counts, if connections have come or gone.
func (r *report) stats(server *gatewaytest.Server) {
	now := count(server)
	if !r.quiet && (now.Connections != r.last.Connections || now.Live != r.last.Live) {
		r.print(record{Time: time.Now(), Kind: "stats", Stats: &now, plain: now.String()})
	}
	r.last = now
}

func count(server *gatewaytest.Server) counts {
	s := server.Stats()
	return counts{s.Connections, s.Live, s.Identifies, s.Resumes, s.Refused, s.Frames}
}

// summary prints how it was.
func (r *report) summary(server *gatewaytest.Server) {
	now, all, rules := count(server), server.Violations(), make(map[string]int)
	var order []string
	for _, v := range all {
		if rules[v.Rule]++; rules[v.Rule] == 1 {
			order = append(order, v.Rule)
		}
	}
	text := fmt.Sprintf("%d violations", len(all))
	for i, rule := range order {
		text += fmt.Sprintf("%s %d %q", map[bool]string{true: ":", false: ","}[i == 0], rules[rule], rule)
	}
	r.print(record{Time: time.Now(), Kind: "summary", Stats: &now, Rules: rules, Text: text, plain: now.String() + "\n" + text})
}
