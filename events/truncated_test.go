package events_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/signalbox-go/signalbox/events"
)

// frames are payloads of each form that the gateway writes.
var frames = []string{
	`{"t":"MESSAGE_CREATE","s":42,"op":0,"d":{"id":"1","content":"}{\"\\","author":{"id":"7"},"list":[{}],"empty":{}}}`,
	`{"t":"READY","s":1,"op":0,"d":{"guilds":[{"id":"5"}],"user":{"id":"7"}}}`, `{"t":"NEW_ONE","s":9,"op":0,"d":{}}`,
	`{"t":"RESUMED","s":null,"op":0,"d":{"_trace":["[\"x\"]"]}}`, `{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}`,
	`{"t":null,"s":null,"op":11,"d":null}`, `{"t":null,"s":null,"op":9,"d":false}`, `{"op":11}`,
	`{"op":0,"s":3,"t":"X","d":[1,"]",{"a":"\u00e9"}]}`, " {\n \"op\" : 1e1 , \"d\" : \"\\\\\" }\r\n",
}

// experienced is a Peeker that has seen so many payloads of the usual form that it trusts it.
func experienced(t *testing.T) *events.Peeker {
	t.Helper()
	p := new(events.Peeker)
	for range 17 {
		if _, err := p.Peek([]byte(`{"t":"A","s":1,"op":0,"d":{"a":1}}`)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// TestTruncatedFramesAreMalformed cuts each frame behind each of its bytes. What is left is an error for Peek, and for a Peeker
// that knows nothing yet. One that trusts the usual form does not look into d: it may give away a d that is cut off,
// and whoever decodes that has the error.
func TestTruncatedFramesAreMalformed(t *testing.T) {
	t.Parallel()
	for _, frame := range frames {
		whole := len(frame)
		for frame[whole-1] != '}' {
			whole--
		}
		for cut := range whole {
			data := []byte(frame)[:cut:cut]
			if raw, err := events.Peek(data); !errors.Is(err, events.ErrMalformed) || !reflect.DeepEqual(raw, events.Raw{}) {
				t.Errorf("Peek(%s) = %+v, %v", data, raw, err)
			}
			var fresh events.Peeker
			if raw, err := fresh.Peek(data); !errors.Is(err, events.ErrMalformed) || !reflect.DeepEqual(raw, events.Raw{}) {
				t.Errorf("a Peeker reads %s as %+v, %v", data, raw, err)
			}
			if raw, err := experienced(t).Peek(data); err == nil && json.Valid(raw.Data) {
				t.Errorf("an experienced Peeker reads %s as %+v", data, raw)
			}
		}
		for _, p := range []*events.Peeker{new(events.Peeker), experienced(t)} {
			want, err := events.Peek([]byte(frame))
			if err != nil {
				t.Fatalf("%s: %v", frame, err)
			}
			if got, err := p.Peek([]byte(frame)); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("the whole of %s is read as %+v, %v; want %+v", frame, got, err, want)
			}
		}
	}
}

// TestFramesWithAHoleDoNotPassForWhole takes every part out of every frame. Whatever is left, a Peeker reads it as Peek does,
// or gives away a d that cannot be decoded; and none of them panics.
func TestFramesWithAHoleDoNotPassForWhole(t *testing.T) {
	t.Parallel()
	for _, frame := range frames {
		for from := range frame {
			for to := from + 1; to <= len(frame); to++ {
				data := append([]byte(frame[:from]), frame[to:]...)
				want, wantErr := events.Peek(data)
				if wantErr != nil && !errors.Is(wantErr, events.ErrMalformed) {
					t.Fatalf("Peek(%s): %v", data, wantErr)
				}
				for _, p := range []*events.Peeker{new(events.Peeker), experienced(t)} {
					got, err := p.Peek(data)
					if (err == nil) == (wantErr == nil) && reflect.DeepEqual(got, want) {
						continue
					}
					if err != nil || json.Valid(got.Data) {
						t.Fatalf("a Peeker reads %s as %+v, %v; want %+v, %v", data, got, err, want, wantErr)
					}
				}
			}
		}
	}
}
