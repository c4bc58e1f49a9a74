package recorder

import (
	"bytes"
	"strconv"

	"github.com/signalbox-go/signalbox/events"
)

// head is what stands around the contents of a payload.
type head struct {
	op   int64
	seq  int64
	name []byte // of the event, a part of the payload; empty: there is none
}

// headLimit is how many bytes before d are looked at: what the gateway sends has 60.
const headLimit = 256

// readHead reads what stands before d. The gateway writes d last; a payload in which it does not is read in whole.
func readHead(payload []byte) (h head, ok bool) {
	if h, ok = usual(payload); ok {
		return h, true
	}
	data, has := payload[:min(len(payload), headLimit)], false
	i := bytes.IndexByte(data, '{') + 1
keys:
	for i > 0 && i < len(data) {
		i = skipSpace(data, i)
		if i >= len(data) || data[i] != '"' {
			break
		}
		end := bytes.IndexByte(data[i+1:], '"')
		if end < 0 {
			break
		}
		key := data[i+1 : i+1+end]
		if i = skipSpace(data, i+end+2); i >= len(data) || data[i] != ':' {
			break
		}
		i = skipSpace(data, i+1)
		if len(key) == 1 && key[0] == 'd' {
			if has {
				return h, true
			}
			break keys
		}
		value, next := scalar(data, i)
		if next < 0 {
			break
		}
		switch string(key) {
		case "t":
			if value[0] == '"' {
				h.name = value[1 : len(value)-1]
			}
		case "s":
			h.seq = number(value)
		case "op":
			h.op, has = number(value), true
		}
		if i = skipSpace(data, next); i >= len(data) || data[i] != ',' {
			if has && i < len(data) && data[i] == '}' {
				return h, true // there is no d
			}
			break
		}
		i++
	}
	raw, err := events.Peek(payload)
	if err != nil {
		return head{}, false
	}
	return head{int64(raw.Op), raw.Seq, []byte(raw.Type)}, true
}

// usual reads an event as the gateway writes it: {"t":"…","s":…,"op":0,"d":
func usual(payload []byte) (h head, ok bool) {
	const begin, middle, end = `{"t":"`, `","s":`, `,"op":0,"d":`
	if len(payload) < len(begin) || string(payload[:len(begin)]) != begin {
		return head{}, false
	}
	i := len(begin)
	for i < len(payload) && (payload[i] == '_' || payload[i]-'A' < 26) {
		i++
	}
	h.name = payload[len(begin):i]
	if len(payload) < i+len(middle) || string(payload[i:i+len(middle)]) != middle {
		return head{}, false
	}
	i += len(middle)
	first := i
	for i < len(payload) && payload[i]-'0' < 10 {
		h.seq = h.seq*10 + int64(payload[i]-'0')
		i++
	}
	if digits := i - first; digits == 0 || digits > 18 || payload[first] == '0' {
		return head{}, false
	}
	return h, len(payload) >= i+len(end) && string(payload[i:i+len(end)]) == end
}

func skipSpace(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\t' || data[i] == '\r') {
		i++
	}
	return i
}

// scalar is the number, word or simple string that begins at i, and where it ends; negative: there is none.
func scalar(data []byte, i int) (value []byte, next int) {
	if i >= len(data) {
		return nil, -1
	}
	if data[i] == '"' {
		end := bytes.IndexByte(data[i+1:], '"')
		if end < 0 || bytes.IndexByte(data[i+1:i+1+end], '\\') >= 0 {
			return nil, -1
		}
		return data[i : i+end+2], i + end + 2
	}
	from := i
	for i < len(data) && (data[i] >= '0' && data[i] <= '9' || data[i] >= 'a' && data[i] <= 'z' || data[i] == '-') {
		i++
	}
	if i == from {
		return nil, -1
	}
	return data[from:i], i
}

// number is a whole number, or 0 for null and anything else.
func number(value []byte) (n int64) {
	if len(value) > 18 || value[0] < '0' || value[0] > '9' {
		n, _ = strconv.ParseInt(string(value), 10, 64) // 0 is as good
		return n
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int64(c-'0')
	}
	return n
}
