package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/signalbox-go/signalbox/events"
)

// errInflate is what inflating ends in when the stream is broken.
var errInflate = errors.New("transport: broken compressed stream")

// inflater turns frames into payloads. A nil payload without an error: more frames are needed.
// After an error it is not used again.
type inflater interface {
	message(binary bool, frame []byte) ([]byte, error)
}

func newInflater(compression events.Compression, limit int64) inflater {
	switch compression {
	case events.CompressionZlib:
		return &zlibStream{limit: limit}
	case events.CompressionZstd:
		return &zstdStream{limit: limit}
	}
	return plain{limit}
}

// plain takes text as it is, and binary frames as whole zlib streams: payload compression.
type plain struct{ limit int64 }

func (p plain) message(binary bool, frame []byte) ([]byte, error) {
	if !binary {
		return frame, nil
	}
	reader, err := zlib.NewReader(bytes.NewReader(frame))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errInflate, err)
	}
	payload := make([]byte, 0, leastRead)
	for {
		payload = grow(payload, p.limit)
		n, err := reader.Read(payload[len(payload):cap(payload)])
		payload = payload[:len(payload)+n]
		switch {
		case int64(len(payload)) > p.limit:
			return nil, fmt.Errorf("%w: over %d bytes inflated", ErrMessageTooLarge, p.limit)
		case err == io.EOF:
			return fit(payload), nil
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errInflate, err)
		}
	}
}

// grow makes room. Doubling to the end would hold three times the limit for a moment, so what
// grows large gets all that it may have at once.
func grow(payload []byte, limit int64) []byte {
	size := int64(cap(payload))
	switch {
	case len(payload) < cap(payload):
		return payload
	case size >= limit/8 && size <= limit:
		return slices.Grow(payload, int(limit+1)-len(payload))
	}
	return slices.Grow(payload, cap(payload))
}

// fit gives back the room that a large payload did not need.
func fit(payload []byte) []byte {
	if cap(payload) > largeRoom && cap(payload) > 2*len(payload) {
		return slices.Clone(payload)
	}
	return payload
}

// zlibStream is zlib-stream: one zlib stream for the connection, and a message wherever it is
// flushed.
type zlibStream struct {
	limit   int64
	pending []byte // frames of a message that is not whole
	stream  stream
}

// flushed is how a deflate stream ends where it was flushed (Z_SYNC_FLUSH).
var flushed = []byte{0, 0, 0xff, 0xff}

func (z *zlibStream) message(_ bool, frame []byte) ([]byte, error) {
	if len(z.pending) > 0 || !bytes.HasSuffix(frame, flushed) {
		if most := z.limit / 2; int64(len(z.pending)+len(frame)) > most { // what is compressed is smaller
			return nil, fmt.Errorf("%w: over %d bytes without a flush", ErrMessageTooLarge, most)
		}
		z.pending = append(z.pending, frame...)
		if !bytes.HasSuffix(z.pending, flushed) {
			return nil, nil
		}
		frame, z.pending = z.pending, nil
	}
	return z.stream.object(frame, z.limit, func(from io.Reader) (io.Reader, error) { return zlib.NewReader(from) })
}

// zstdStream is zstd-stream: one zstd frame for the connection, and one message in each
// WebSocket message.
type zstdStream struct {
	limit  int64
	stream stream
}

const zstdWindow = 8 << 20 // the gateway has been seen to use 256 KiB

func (z *zstdStream) message(_ bool, frame []byte) ([]byte, error) {
	return z.stream.object(frame, z.limit, func(from io.Reader) (io.Reader, error) {
		// Without concurrency it does not read ahead, and has no goroutine to end.
		return zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdWindow))
	})
}

// stream inflates one endless compressed stream, message by message. A decoder that is asked
// for bytes which have not come is broken for good, so the end of each message is found by
// looking at the JSON: what is asked for never goes beyond the object's last byte.
type stream struct {
	source  bytes.Reader
	decoder io.Reader
	size    int // of the last message: the next may be alike
}

const (
	leastRead = 512
	mostLeft  = 1 << 10 // compressed bytes that may follow an object: the end of a block, an empty one
	mostHint  = 64 << 10
	largeRoom = 1 << 20
)

func (s *stream) object(frame []byte, limit int64, open func(io.Reader) (io.Reader, error)) ([]byte, error) {
	if left := s.source.Len(); left > 0 {
		joined := make([]byte, left, left+len(frame))
		_, _ = s.source.Read(joined) // a bytes.Reader that is not empty does not fail
		frame = append(joined, frame...)
	}
	s.source.Reset(frame)
	if s.decoder == nil {
		decoder, err := open(&s.source)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errInflate, err)
		}
		s.decoder = decoder
	}
	payload := make([]byte, 0, min(max(s.size, leastRead), mostHint))
	var end ender
	for {
		payload = grow(payload, limit)
		n, err := s.decoder.Read(payload[len(payload):cap(payload)])
		fresh := payload[len(payload) : len(payload)+n]
		payload = payload[:len(payload)+n]
		if int64(len(payload)) > limit {
			return nil, fmt.Errorf("%w: over %d bytes inflated", ErrMessageTooLarge, limit)
		}
		whole, ok := end.scan(fresh)
		switch {
		case !ok:
			return nil, fmt.Errorf("%w: not one JSON object", errInflate)
		case whole && s.source.Len() > mostLeft:
			return nil, fmt.Errorf("%w: more than one message in a frame", errInflate)
		case whole:
			s.size = len(payload)
			return fit(payload), nil
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errInflate, err)
		}
	}
}

// ender finds the end of a JSON object that comes in pieces. It counts brackets outside of
// strings, and leaves validity to the decoder.
type ender struct {
	depth   int
	text    bool // within a string
	escaped bool // after a backslash
	whole   bool
}

// scan takes the next piece. ok is false when it cannot be one object.
func (e *ender) scan(piece []byte) (whole, ok bool) {
	for i := 0; i < len(piece); i++ {
		c := piece[i]
		switch {
		case e.escaped:
			e.escaped = false
		case e.text:
			// Most of a payload lies in strings: skip to what may end this one.
			skip := bytes.IndexAny(piece[i:], `"\`)
			if skip < 0 {
				return false, true
			}
			i += skip
			e.text, e.escaped = piece[i] == '\\', piece[i] == '\\'
		case c == ' ' || c == '\n' || c == '\r' || c == '\t':
		case e.whole || e.depth == 0 && c != '{':
			return false, false
		case c == '"':
			e.text = true
		case c == '{' || c == '[':
			e.depth++
		case c == '}' || c == ']':
			e.depth--
			e.whole = e.depth == 0
		}
	}
	return e.whole, true
}
