package gatewaytest

import (
	"encoding/json"
	"fmt"

	"github.com/signalbox-go/signalbox/events"
)

// reading is the d field of a client's payload, read field by field, so that what is refused has a name. Errors quote nothing of
// it: there may be secrets.
type reading struct {
	fields map[string]json.RawMessage
	err    error // the first
}

func read(d json.RawMessage) *reading {
	r := new(reading)
	if json.Unmarshal(d, &r.fields) != nil || r.fields == nil {
		r.fail("d is %s: it has to be an object", kindOf(d))
	}
	return r
}

func (r *reading) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// need reads a field that has to be there, and not null.
func (r *reading) need(name string, into any) {
	if !r.may(name, into) {
		r.fail("%s is missing", name)
	}
}

// may reads a field, and reports whether it is there and not null.
func (r *reading) may(name string, into any) bool {
	raw := r.fields[name]
	if raw == nil || string(raw) == "null" {
		return false
	}
	if json.Unmarshal(raw, into) != nil {
		r.fail("%s is %s: it has to be %s", name, kindOf(raw), wanted(into))
	}
	return true
}

// is reports whether a field is of the kind that begins with a byte of JSON.
func (r *reading) is(name string, first byte) bool {
	raw := r.fields[name]
	return len(raw) > 0 && raw[0] == first
}

// kindOf says what a JSON value is.
func kindOf(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "missing"
	}
	switch raw[0] {
	case '"':
		return "a string"
	case '[':
		return "a list"
	case '{':
		return "an object"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// wanted says what a value has to be to be read into a variable.
func wanted(into any) string {
	switch into.(type) {
	case *string, **string:
		return "a string"
	case *bool:
		return "a boolean"
	case *int, *int64:
		return "a whole number"
	case *events.Snowflake:
		return "an id"
	case *[]events.Snowflake:
		return "a list of ids"
	case *[]string:
		return "a list of strings"
	case *map[string]string:
		return "an object of strings"
	}
	return "a list"
}
