package recorder_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager/recorder"
)

var payloads = []string{
	`{"t":"MESSAGE_CREATE","s":42,"op":0,"d":{"content":"x","t":"NOT_THIS","s":1}}`,
	`{"t":"READY_2","s":7,"op":0,"d":{}}`, `{"t":"X","s":07,"op":0,"d":{}}`, `{"t":"X","s":0,"op":0,"d":{}}`, `{"t":"X","s":,"op":0,"d":{}}`, `{"t":"X","s":-3,"op":0,"d":{}}`,
	`{"t":"X","s":3,"op":01,"d":{}}`, `{"t":"X","s":3,"op":0}`, `{"t":"X","s":999999999999999999,"op":0,"d":{}}`, `{"t":"X","s":9999999999999999999,"op":0,"d":{}}`,
	`{"t":null,"s":null,"op":11,"d":null}`,
	`{"d":{"heartbeat_interval":41250},"op":10,"s":null,"t":null}`,
	`{"op":7,"d":null}`,
	`{"op":1}`,
	` { "op" : 0 , "s" : 7 , "t" : "READY" , "d" : { } } `,
	`{"op":9,"d":true,"s":null}`,
	`{"x":[1,{"op":3}],"op":0,"s":3,"t":"TYPING_START","d":{}}`,
	`{"t":"A\u0042","s":3,"op":0,"d":{}}`,
	`{"s":99999999999999999999,"op":0,"t":"X","d":{}}`,
	`{"op":-1,"s":-5,"d":null}`,
	`{"d":` + strings.Repeat(" ", 1000) + `null,"op":0,"t":"FAR","s":8}`,
	`{}`, ``, `{"op`, `{"op":0,"t":"X`, `[]`, `null`, `{"t":"","op":0,"d":1}`, `{"op":0,"t":"a,\"d\":1","d":2}`,
}

// TestReadHeadReadsAsPeekDoes what can be read at all.
func TestReadHeadReadsAsPeekDoes(t *testing.T) {
	t.Parallel()
	for _, payload := range payloads {
		compareHead(t, payload)
	}
}

func FuzzReadHead(f *testing.F) {
	for _, payload := range payloads {
		f.Add(payload)
	}
	f.Fuzz(compareHead)
}

func compareHead(t *testing.T, payload string) {
	raw, err := events.Peek([]byte(payload))
	op, seq, name, ok := recorder.ReadHead([]byte(payload))
	switch {
	case err != nil || !utf8.ValidString(payload): // of what is broken behind its head, the head is told
	case !ok || op != int64(raw.Op):
		t.Errorf("%s: op %d, %v, want %d", payload, op, ok, raw.Op)
	case strings.Count(payload, `"op"`) == 1 && strings.Count(payload, `"s"`) <= 1 && seq != raw.Seq,
		strings.Count(payload, `"t"`) <= 1 && !strings.Contains(payload, `\`) && name != string(raw.Type):
		t.Errorf("%s: %d %q, want %d %q", payload, seq, name, raw.Seq, raw.Type)
	}
}
