package events_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/signalbox-go/signalbox/events"
)

// TestPeekerReadsAsPeekDoes: whatever comes in whatever order, as long as nothing new is written behind
// d late on a connection.
func TestPeekerReadsAsPeekDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var p events.Peeker
		behind := rapid.Bool().Draw(t, "behind")
		for i := range 200 {
			payload := rapid.SampledFrom([]string{
				`{"t":"MESSAGE_CREATE","s":%d,"op":0,"d":{"content":"}{\"","a":[{}]}}`, `{"t":"NEW_ONE","s":%d,"op":0,"d":{}}`,
				`{"t":null,"s":null,"op":11,"d":null}`, `{"op":0,"s":%d,"t":"RESUMED","d":{"a":1}}`, `{"t":"X","s":%d,"op":0,"d":[{}]}`,
				`{"t":"X","s":%d,"d":{},"op":0}`, `{"t":"X","op":0,"s":%d,"d":{}}`, `{"t":"X","d":{},"op":0,"s":%d}`, `{"t":"X","s":%d,"op":0}`, `{"t":"X","s":%d}`,
				`{"t":"X","s":%d,"op":null,"d":{}}`, `{"t":"X","s":%d,"op":0,"d":{}`, `{"t":"X","s":1.5,"op":%d,"d":{}}`, `{"t":"A\u0042","s":%d,"op":0,"d":{}}`,
			}).Draw(t, "payload")
			if strings.Contains(payload, "%d") {
				payload = fmt.Sprintf(payload, i)
			}
			if behind && strings.HasSuffix(payload, "}}") {
				payload = payload[:len(payload)-1] + `,"trace":{}}`
			}
			want, wantErr := events.Peek([]byte(payload))
			got, err := p.Peek([]byte(payload))
			if (err == nil) != (wantErr == nil) || !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: %+v, %v; want %+v, %v", payload, got, err, want, wantErr)
			}
		}
	})
}

// TestPeekerLearnsFromEvents: however many payloads of another form came first, such as Hello and ACKs.
func TestPeekerLearnsFromEvents(t *testing.T) {
	t.Parallel()
	var p events.Peeker
	for range 100 {
		if _, err := p.Peek([]byte(`{"t":null,"s":null,"op":11,"d":null}`)); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		if raw, err := p.Peek([]byte(`{"t":"A","s":1,"op":0,"d":{"a":1},"trace":{}}`)); err != nil || string(raw.Data) != `{"a":1}` {
			t.Fatalf("%s, %v", raw.Data, err)
		}
	}
}

// TestPeekerNoticesWhatIsNew: a key behind d whose value is no object changes nothing, and one whose value
// is one is noticed within 64 payloads.
func TestPeekerNoticesWhatIsNew(t *testing.T) {
	t.Parallel()
	var p events.Peeker
	read := func(payload string) string {
		raw, err := p.Peek([]byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw.Data)
	}
	for range 100 {
		read(`{"t":"A","s":1,"op":0,"d":{}}`)
	}
	for _, value := range []string{"1", `"}"`, "[{}]", "null"} {
		if got := read(`{"t":"A","s":1,"op":0,"d":{"a":1},"new":` + value + `}`); got != `{"a":1}` {
			t.Errorf("%s behind d: %s", value, got)
		}
	}
	p = events.Peeker{}
	for range 100 {
		read(`{"t":"A","s":1,"op":0,"d":{}}`)
	}
	wrong := 0
	for range 200 {
		if read(`{"t":"A","s":1,"op":0,"d":{"a":1},"new":{}}`) != `{"a":1}` {
			wrong++
		}
	}
	if wrong >= 64 {
		t.Errorf("%d payloads of 200 were read wrong", wrong)
	}
}

func BenchmarkPeeker(b *testing.B) {
	payload := []byte(`{"t":"MESSAGE_CREATE","s":42,"op":0,"d":{"id":"1","content":"` + strings.Repeat("some text ", 80) + `","author":{"id":"7","username":"somebody"}}}`)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	var p events.Peeker
	for b.Loop() {
		if _, err := p.Peek(payload); err != nil {
			b.Fatal(err)
		}
	}
}
