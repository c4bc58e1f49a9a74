package events

import "bytes"

// Peeker is Peek for the payloads of one connection. The gateway writes the same keys in the same
// order into all of them, with d last; where that is so, most of a payload need not be read to find
// d's end. The first such payloads and one in 64 after them are read whole, and so are all whose d does not
// end as it began. Once a payload has shown anything behind d, all are. The zero value is ready; it is
// for one goroutine.
//
// Source: events/gateway-events#payload-structure
type Peeker struct {
	count    uint // of the payloads that have that form
	distrust bool
}

const (
	wholeFirst = 16
	wholeEvery = 64
)

// Peek reads one payload as the function of that name does.
func (p *Peeker) Peek(payload []byte) (Raw, error) {
	if p.distrust {
		return Peek(payload)
	}
	quick, ok := usual(payload)
	if !ok {
		return Peek(payload)
	}
	if p.count++; p.count > wholeFirst && p.count%wholeEvery != 0 {
		return quick, nil
	}
	raw, err := Peek(payload)
	p.distrust = err != nil || len(raw.Data) != len(quick.Data)
	return raw, err
}

// usual reads a payload of the form {"t":…,"s":…,"op":…,"d":{…}}, without looking into d.
func usual(payload []byte) (raw Raw, ok bool) {
	if len(payload) == 0 || payload[len(payload)-1] != '}' {
		return Raw{}, false
	}
	rest := payload[:len(payload)-1]
	name, rest, ok := member(rest, `{"t":`)
	if !ok {
		return Raw{}, false
	}
	seq, rest, ok := member(rest, `,"s":`)
	if !ok {
		return Raw{}, false
	}
	op, rest, ok := member(rest, `,"op":`)
	if !ok {
		return Raw{}, false
	}
	data, ok := bytes.CutPrefix(rest, []byte(`,"d":`))
	if !ok || len(data) < 2 || data[0] != '{' || data[len(data)-1] != '}' {
		return Raw{}, false
	}
	n, err := integer(op)
	if err != nil || string(op) == "null" {
		return Raw{}, false
	}
	raw = Raw{Op: Opcode(n), Data: data}
	if raw.Seq, err = integer(seq); err != nil {
		return Raw{}, false
	}
	if raw.Type, err = typeOf(name); err != nil || bytes.IndexByte(name, '\\') >= 0 {
		return Raw{}, false
	}
	return raw, true
}

// member takes a key and its short value, which ends before the next comma.
func member(from []byte, key string) (value, rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(from, []byte(key))
	end := bytes.IndexByte(rest, ',')
	if !ok || end < 0 {
		return nil, nil, false
	}
	return rest[:end], rest[end:], true
}
