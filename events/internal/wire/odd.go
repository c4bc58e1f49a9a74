package wire

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// maxPaths is how many odd fields of an event are named; the rest is counted.
const maxPaths = 16

// Odd says which fields and elements were left unset, since their values are not of their types.
type Odd struct {
	Paths []string // such as presences[3].activities[0].timestamps.start; an element of a map has its place for a name
	More  int      // that are not in Paths
}

// odd notes where what is odd stands. Good data pays nothing for paths: they are looked for when all is read.
type odd struct {
	count int
	ends  []int // of the values: where their first token ends
	keys  []int // that are data, of maps: where they end
}

func (o *odd) note(end int) {
	if o.count++; len(o.ends) < maxPaths {
		o.ends = append(o.ends, end)
	}
}

// in finds the paths in data, which is valid JSON where it is not skipped.
func (o *odd) in(data []byte) Odd {
	slices.Sort(o.ends)
	found := Odd{More: o.count - len(o.ends)}
	var path []place
	keyed := true // a string is a key
	for at := 0; at < len(data) && len(found.Paths) < len(o.ends); at++ {
		c, end := data[at], at+1
		top := len(path) - 1
		switch c {
		case ' ', '\t', '\n', '\r', ':':
			continue
		case ',':
			path[top].index++
			keyed = path[top].object
			continue
		case '}', ']':
			path, keyed = path[:top], false
			continue
		case '"':
			if end += quoted(data[end:]); keyed && top >= 0 {
				path[top].key = data[at:end]
				path[top].data = slices.Contains(o.keys, end)
				at, keyed = end-1, false
				continue
			}
		case '{', '[':
		default:
			for end < len(data) && strings.IndexByte(" \t\n\r,]}", data[end]) < 0 {
				end++
			}
		}
		if end == o.ends[len(found.Paths)] {
			found.Paths = append(found.Paths, pathOf(path))
		}
		if c == '{' || c == '[' {
			path = append(path, place{object: c == '{'})
			keyed = c == '{'
		}
		at = end - 1
	}
	return found
}

// place is where a value stands in an object or an array.
type place struct {
	object bool
	index  int
	key    []byte // in quotes
	data   bool   // the key is not a field's name
}

func pathOf(path []place) string {
	var b []byte
	for _, p := range path {
		if !p.object || p.data {
			b = append(strconv.AppendInt(append(b, '['), int64(p.index), 10), ']')
			continue
		}
		var name string
		_ = json.Unmarshal(p.key, &name) // a field of this name was found, so it is one
		if len(b) > 0 {
			b = append(b, '.')
		}
		b = append(b, name...)
	}
	return string(b)
}
