package events

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/signalbox-go/signalbox/events/internal/number"
)

// ErrMalformed is what Peek's errors wrap: the payload is not a JSON object with an op.
var ErrMalformed = errors.New("events: malformed payload")

// Peek reads the envelope of a payload: op, s and t, in any order of keys. It finds where d
// ends without reading into it, so Data may still turn out to be invalid when it is decoded.
// Unknown keys are skipped. Data is a part of payload, not a copy. It takes time linear in
// the payload's length, and memory only for a type that it does not know.
//
// Source: events/gateway-events#payload-structure
func Peek(payload []byte) (Raw, error) {
	var raw Raw
	s := scanner{data: payload}
	hasOp := false
	if !s.take('{') {
		return Raw{}, s.malformed("not an object")
	}
	for more := !s.take('}'); more; {
		key, ok := s.text()
		if !ok || !s.take(':') {
			return Raw{}, s.malformed("a key was expected")
		}
		value, ok := s.value()
		if !ok {
			return Raw{}, s.malformed("a value was expected")
		}
		var err error
		switch string(key) {
		case "op":
			var op int64
			op, err = integer(value)
			raw.Op, hasOp = Opcode(op), string(value) != "null"
		case "s":
			raw.Seq, err = integer(value)
		case "t":
			raw.Type, err = typeOf(value)
		case "d":
			raw.Data = value
		}
		if err != nil {
			return Raw{}, fmt.Errorf("%w: %q: %w", ErrMalformed, key, err)
		}
		if more = s.take(','); !more && !s.take('}') {
			return Raw{}, s.malformed("',' or '}' was expected")
		}
	}
	if s.space(); s.at != len(s.data) {
		return Raw{}, s.malformed("something follows the object")
	}
	if !hasOp {
		return Raw{}, fmt.Errorf("%w: no op", ErrMalformed)
	}
	return raw, nil
}

// scanner steps over JSON without a stack: to find the end of a value it counts brackets
// and respects strings, which is enough to frame it, not to prove it valid.
type scanner struct {
	data []byte
	at   int
}

func (s *scanner) malformed(why string) error {
	return fmt.Errorf("%w: %s at byte %d", ErrMalformed, why, s.at)
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) take(c byte) bool {
	s.space()
	if s.at < len(s.data) && s.data[s.at] == c {
		s.at++
		return true
	}
	return false
}

// text steps over a string and returns what stands between its quotes, escapes untouched.
func (s *scanner) text() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	start := s.at
	for from := start; ; from = s.at {
		quote := bytes.IndexByte(s.data[s.at:], '"')
		if quote < 0 {
			return nil, false
		}
		end := s.at + quote
		s.at = end + 1
		// The quote is escaped after an odd number of backslashes. Those before from were
		// followed by another quote, so they cannot be part of the run.
		run := end
		for run > from && s.data[run-1] == '\\' {
			run--
		}
		if (end-run)%2 == 0 {
			return s.data[start:end], true
		}
	}
}

// value steps over any value and returns it.
func (s *scanner) value() ([]byte, bool) {
	s.space()
	start := s.at
	if s.at == len(s.data) {
		return nil, false
	}
	switch s.data[s.at] {
	case '"':
		_, ok := s.text()
		return s.data[start:s.at], ok
	case '{', '[':
		for depth := 0; s.at < len(s.data); {
			switch s.data[s.at] {
			case '"':
				if _, ok := s.text(); !ok {
					return nil, false
				}
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			if s.at++; depth == 0 {
				return s.data[start:s.at], true
			}
		}
		return nil, false
	}
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return s.data[start:s.at], s.at > start
		case ':', '"', '{', '[':
			return nil, false
		}
		s.at++
	}
	return s.data[start:s.at], s.at > start
}

// integer reads a whole number exactly, in any notation that JSON has for it, such as 1e3; null is 0.
func integer(value []byte) (int64, error) {
	if string(value) == "null" {
		return 0, nil
	}
	n, ok := number.Int(value)
	if !ok {
		return 0, errors.New("not a whole number of 64 bits")
	}
	return n, nil
}

// typeOf reads an event's name; null is none. Known names are not allocated anew.
func typeOf(value []byte) (Type, error) {
	if string(value) == "null" {
		return "", nil
	}
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return "", errors.New("not a string")
	}
	name := value[1 : len(value)-1]
	if len(name) > maxType {
		return "", fmt.Errorf("a name of %d bytes", len(name))
	}
	if entry, ok := registry[Type(name)]; ok {
		return entry.name, nil
	}
	if !utf8.Valid(name) {
		return Type([]rune(string(name))), nil // as encoding/json reads it
	}
	return Type(name), nil
}

const maxType = 512 // a name longer than this is an attack, not an event
