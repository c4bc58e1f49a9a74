package main

import (
	"bytes"
	"io"

	"github.com/gorilla/websocket"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

const keepBuffer = 64 << 10

// fill reads the next WebSocket message into frame.
func (s *shard) fill() (bin bool, err error) {
	mt, rd, err := s.conn.NextReader()
	if err != nil {
		return false, err
	}
	b := s.frame[:0]
	if cap(b) > keepBuffer {
		b = nil
	}
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := rd.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			s.frame, s.pos = b, 0
			return mt == websocket.BinaryMessage, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// Read and ReadByte feed the inflaters. When a message ends without the
// inflater noticing, they go on with the next one.
func (s *shard) Read(p []byte) (int, error) {
	if s.pos == len(s.frame) {
		if s.early = true; s.next == nil {
			_, s.next = s.fill()
		}
		if s.next != nil {
			return 0, s.next
		}
	}
	n := copy(p, s.frame[s.pos:])
	s.pos += n
	return n, nil
}

func (s *shard) ReadByte() (byte, error) {
	if s.pos == len(s.frame) {
		var b [1]byte
		_, err := io.ReadFull(s, b[:])
		return b[0], err
	}
	s.pos++
	return s.frame[s.pos-1], nil
}

// read returns the next message, valid until the next call.
func (s *shard) read() ([]byte, error) {
	if s.early {
		s.early = false
		s.out = append(s.out[:0], s.out[len(s.out)-s.carry:]...)
		if len(s.out) < cap(s.out) && s.consumed() {
			return s.out, nil
		}
		return s.drain(s.out, s.consumed)
	}
	bin, err := s.fill()
	if err != nil {
		return nil, err
	}
	switch s.r.Compress {
	case "none":
		return s.frame, nil
	case "payload":
		if !bin {
			return s.frame, nil
		}
		if s.inf == nil {
			z, err := zlib.NewReader(bytes.NewReader(s.frame))
			if err != nil {
				return nil, err
			}
			s.inf = z
		} else if err := s.inf.(zlib.Resetter).Reset(bytes.NewReader(s.frame), nil); err != nil {
			return nil, err
		}
		return s.drain(s.out[:0], func() bool { return false })
	case "zlib-stream":
		if s.inf == nil {
			s.pos = 2 // zlib header
			s.inf = flate.NewReader(s)
		}
	case "zstd-stream":
		if s.inf == nil {
			z, err := zstd.NewReader(s, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
			if err != nil {
				return nil, err
			}
			s.inf = z
		}
	}
	return s.drain(s.out[:0], s.consumed)
}

func (s *shard) consumed() bool { return s.pos == len(s.frame) }

// drain inflates, appending to b, until end says so or the stream ends. While
// b is full there may be more to come even if all input is consumed.
func (s *shard) drain(b []byte, end func() bool) ([]byte, error) {
	if len(b) == 0 && cap(b) > keepBuffer {
		b = nil
	}
	for {
		if len(b) == cap(b) {
			b = append(b, make([]byte, 2<<10+len(b))...)[:len(b)]
		}
		n, err := s.inf.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		s.out = b
		if s.early {
			s.carry = n
			return b[:len(b)-n], err
		}
		if err == io.EOF || err == nil && len(b) < cap(b) && end() {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
