package recorder

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/signalbox-go/signalbox/session"
)

// taken is one line of a recording. Times are in nanoseconds since it began. gatewaytest reads it, with a type of its own.
type taken struct {
	Kind       string `json:"kind"`
	At         int64  `json:"at"`
	Shard      int    `json:"shard"`
	Total      int    `json:"total"`
	Generation uint64 `json:"generation,omitempty"`
	Conn       uint64 `json:"conn"`
	Op         *int64 `json:"op,omitempty"`     // of a write
	Data       string `json:"data,omitempty"`   // a payload, as it came but for secrets
	Base64     []byte `json:"base64,omitempty"` // the same, of a payload that is no UTF-8
	Code       int    `json:"code,omitempty"`   // of a close frame: the gateway's if lost, ours if closed
	Text       string `json:"text,omitempty"`   // the gateway's reason
	Status     int    `json:"status,omitempty"` // of HTTP, with which a dial was refused
	RetryAfter int64  `json:"retry_after,omitempty"`
	From       string `json:"from,omitempty"`
	To         string `json:"to,omitempty"`
	Cause      string `json:"cause,omitempty"`
}

const version = 1

// head is the first line.
func (r *Recording) head() []byte {
	data, _ := json.Marshal(map[string]any{"kind": "recording", "version": version, "began": stamp(r.began)}) // it cannot fail
	return append(data, '\n')
}

// linesOf are the lines of items.
func (r *Recording) linesOf(all []item) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	for i := range all {
		_ = encoder.Encode(r.lineOf(&all[i])) // it cannot fail
	}
	return b.Bytes()
}

func (r *Recording) lineOf(i *item) taken {
	t := taken{Kind: i.kind, At: i.at.Sub(r.began).Nanoseconds(), Shard: i.key.Shard.Index, Total: i.key.Shard.Total, Generation: i.key.Generation, Conn: i.conn, Code: int(i.code)}
	var secrets []string
	if all := r.secrets.Load(); all != nil {
		secrets = (*all)(i.key)
	}
	switch i.kind {
	case "write":
		op := int64(i.op)
		t.Op = &op
		fallthrough
	case "read":
		if data := r.cleaner.clean(i.data, secrets); utf8.Valid(data) {
			t.Data = string(data)
		} else {
			t.Base64 = data
		}
	case "lost":
		if closed, is := i.cause.(*session.CloseError); is {
			t.Code, t.Text = int(closed.Code), string(r.cleaner.clean([]byte(closed.Reason), secrets))
		}
		status, again := refusal(i.cause)
		t.Status, t.RetryAfter = status, again.Nanoseconds()
	case "move":
		t.From, t.To = i.change.From.String(), i.change.To.String()
		if i.cause != nil {
			t.Cause, t.Code = causeOf(i.cause, secrets)
		}
	}
	return t
}
