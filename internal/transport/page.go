package transport

import (
	"bytes"
	"io"
	"slices"
	"sync"
)

const pageSize = 16 << 10

type page [pageSize]byte

// pages are lent for as long as a message is read. A connection that waits for one has none,
// but for one whose data ended just where a page did, or the WebSocket library's buffer.
var pages = sync.Pool{New: func() any { return new(page) }}

// pagedFrame is one message as it came from the network. The zero value is empty.
type pagedFrame struct {
	first  *page
	rest   []*page
	size   int
	joined *bytes.Buffer // where it lies in one piece, if it has several pages
}

// read takes all that reader has.
func (s *pagedFrame) read(reader io.Reader) error {
	for {
		last, used := s.first, s.size
		if n := len(s.rest); n > 0 {
			last, used = s.rest[n-1], s.size-n*pageSize
		}
		if last == nil || used == pageSize {
			last, used = pages.Get().(*page), 0
			if s.first == nil {
				s.first = last
			} else {
				s.rest = append(s.rest, last)
			}
		}
		n, err := reader.Read(last[used:])
		s.size += n
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// whole is the message in one piece, until free.
func (s *pagedFrame) whole() []byte {
	if len(s.rest) == 0 {
		return s.first[:s.size]
	}
	s.joined = scratch.Get().(*bytes.Buffer)
	return s.appendTo(slices.Grow(s.joined.AvailableBuffer(), s.size))
}

func (s *pagedFrame) appendTo(b []byte) []byte {
	b = append(b, s.first[:min(s.size, pageSize)]...)
	for i, p := range s.rest {
		b = append(b, p[:min(s.size-(i+1)*pageSize, pageSize)]...)
	}
	return b
}

// free gives the pages back.
func (s *pagedFrame) free() {
	if s.first != nil {
		pages.Put(s.first)
	}
	for _, p := range s.rest {
		pages.Put(p)
	}
	if s.joined != nil {
		scratch.Put(s.joined)
	}
	*s = pagedFrame{}
}
