package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/signalbox-go/signalbox/events"
)

// errInflate is what inflating ends in when the stream is broken.
var errInflate = errors.New("transport: broken compressed stream")

// inflater turns frames into payloads. A nil payload without an error: more frames are needed.
// After an error it is not used again. The frame is only lent.
type inflater interface {
	message(frame []byte, room *room) ([]byte, error)
	text() bool // text frames are payloads as they are
	end()       // between two messages: what can be used again is given to other connections
}

func newInflater(compression events.Compression, limit int64, decoders *Decoders) inflater {
	switch compression {
	case events.CompressionZlib:
		return &zlibStream{limit: limit, stream: stream{open: decoders.openZlib, ended: &decoders.zlib}}
	case events.CompressionZstd:
		return &zstdStream{limit: limit, stream: stream{open: decoders.openZstd, ended: &decoders.zstd}}
	}
	return plain{limit, decoders}
}

// Decoders are those of connections that have ended: they serve those that come. A new zstd decoder has half a MiB of
// window, of which a silent connection never touches most; but where memory was used before, it is zeroed, and so
// touched, in whole. The zero value is ready. Safe for concurrent use. (Not shared by all there is, since a zstd
// decoder has a channel, which must not leave a synctest bubble.)
type Decoders struct{ zlib, zstd sync.Pool }

func (d *Decoders) openZlib(from io.Reader) (io.Reader, error) {
	if decoder, ok := d.zlib.Get().(io.Reader); ok {
		return decoder, decoder.(zlib.Resetter).Reset(from, nil)
	}
	return zlib.NewReader(from)
}

// openZstd: without concurrency it does not read ahead, and has no goroutine to end.
func (d *Decoders) openZstd(from io.Reader) (io.Reader, error) {
	if decoder, ok := d.zstd.Get().(*zstd.Decoder); ok {
		return decoder, decoder.Reset(from)
	}
	return zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
}

// plain takes binary frames as whole zlib streams: payload compression.
type plain struct {
	limit    int64
	decoders *Decoders
}

func (plain) text() bool { return true }

func (plain) end() {}

func (p plain) message(frame []byte, room *room) ([]byte, error) {
	source := bytes.NewReader(frame)
	reader, err := p.decoders.openZlib(source)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errInflate, err)
	}
	payload := room.take()
	for {
		payload = room.grow(payload, p.limit)
		n, err := reader.Read(payload[len(payload):cap(payload)])
		payload = payload[:len(payload)+n]
		switch {
		case int64(len(payload)) > p.limit:
			return nil, fmt.Errorf("%w: over %d bytes inflated", ErrMessageTooLarge, p.limit)
		case err == io.EOF:
			source.Reset(nil) // the frame was lent
			p.decoders.zlib.Put(reader)
			return room.keep(payload), nil
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errInflate, err)
		}
	}
}

// zlibStream is zlib-stream: one zlib stream for the connection, and a message wherever it is
// flushed.
type zlibStream struct {
	limit   int64
	pending []byte // frames of a message that is not whole
	stream
}

// flushed is how a deflate stream ends where it was flushed (Z_SYNC_FLUSH).
var flushed = []byte{0, 0, 0xff, 0xff}

func (*zlibStream) text() bool { return false }

func (z *zlibStream) message(frame []byte, room *room) ([]byte, error) {
	if len(z.pending) > 0 || !bytes.HasSuffix(frame, flushed) {
		if most := z.limit / 2; int64(len(z.pending)+len(frame)) > most { // what is compressed is smaller
			return nil, fmt.Errorf("%w: over %d bytes without a flush", ErrMessageTooLarge, most)
		}
		if cap(z.pending)-len(z.pending) < len(frame) { // append would grow by a quarter each time, and leave all of them behind
			z.pending = slices.Grow(z.pending, min(max(len(frame), len(z.pending)), int(z.limit/2)-len(z.pending)))
		}
		z.pending = append(z.pending, frame...)
		if !bytes.HasSuffix(z.pending, flushed) {
			return nil, nil
		}
		frame, z.pending = z.pending, nil
	}
	return z.object(frame, room, z.limit)
}

// zstdStream is zstd-stream: one zstd frame for the connection, and one message in each
// WebSocket message.
type zstdStream struct {
	limit int64
	stream
}

const zstdWindow = 8 << 20 // the gateway has been seen to use 256 KiB

func (*zstdStream) text() bool { return false }

func (z *zstdStream) message(frame []byte, room *room) ([]byte, error) {
	return z.object(frame, room, z.limit)
}

// stream inflates one endless compressed stream, message by message. A decoder that is asked
// for bytes which have not come is broken for good. Mostly it shows that it has given all that it
// can: its input is used up, and it did not fill the room that it was offered. Else the end of the
// message is found by looking at the JSON.
type stream struct {
	source  bytes.Reader
	decoder io.Reader
	left    []byte // of earlier frames, what the decoder did not want yet
	open    func(from io.Reader) (io.Reader, error)
	ended   *sync.Pool // where the decoder goes in the end
}

const mostLeft = 1 << 10 // compressed bytes that may follow an object: the end of a block, an empty one

func (s *stream) object(frame []byte, room *room, limit int64) ([]byte, error) {
	if len(s.left) > 0 {
		s.left = append(s.left, frame...)
		frame = s.left
	}
	s.source.Reset(frame)
	if s.decoder == nil {
		decoder, err := s.open(&s.source)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errInflate, err)
		}
		s.decoder = decoder
	}
	payload := room.take()
	var end ender
	seen := 0 // by end
	for {
		payload = room.grow(payload, limit)
		n, err := s.decoder.Read(payload[len(payload):cap(payload)])
		payload = payload[:len(payload)+n]
		if int64(len(payload)) > limit {
			return nil, fmt.Errorf("%w: over %d bytes inflated", ErrMessageTooLarge, limit)
		}
		whole := false
		switch {
		case len(payload) > 0 && !opens(payload[0]):
			return nil, fmt.Errorf("%w: not one JSON object", errInflate)
		case err == nil && !closes(payload): // there is more in the decoder
		case err == nil && payload[0] == '{' && s.source.Len() == 0 && len(payload) < cap(payload):
			whole = true
		default:
			ok := false
			if whole, ok = end.scan(payload[seen:]); !ok {
				return nil, fmt.Errorf("%w: not one JSON object", errInflate)
			}
			seen = len(payload)
		}
		switch {
		case whole && s.source.Len() > mostLeft:
			return nil, fmt.Errorf("%w: more than one message in a frame", errInflate)
		case whole:
			s.left = append(s.left[:0], frame[len(frame)-s.source.Len():]...)
			s.source.Reset(nil) // the frame was lent
			return room.keep(payload), nil
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errInflate, err)
		}
	}
}

// end gives the decoder away.
func (s *stream) end() {
	if s.decoder != nil {
		s.ended.Put(s.decoder)
	}
	*s = stream{}
}

// opens reports whether an object may begin with c, and closes whether it may end here.
func opens(c byte) bool { return c == '{' || space(c) }

func closes(payload []byte) bool {
	if len(payload) == 0 {
		return false
	}
	last := payload[len(payload)-1]
	return last == '}' || space(last)
}

func space(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

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
		case space(c):
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
