package gatewaytest

import (
	"bytes"
	"sync"

	"github.com/gorilla/websocket"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/signalbox-go/signalbox/events"
)

// deflater turns payloads into WebSocket messages, as the connection's compression has it. Its
// encoders are made when they are first used, small and fast: there is one for each connection.
//
// Source: events/gateway#encoding-and-compression
type deflater struct {
	kind  events.Compression
	split int
	buf   bytes.Buffer
	zlib  *zlib.Writer
	zstd  *zstd.Encoder
}

// zlibs are encoders that nobody uses: they are large, and cost more to make than to use.
var zlibs = sync.Pool{New: func() any {
	fast, err := zlib.NewWriterLevel(nil, zlib.BestSpeed)
	if err != nil {
		panic(err) // there is this level
	}
	return fast
}}

// message is one WebSocket message.
type message struct {
	kind int
	data []byte
}

func (d *deflater) encode(payload []byte) ([]message, error) {
	d.buf.Reset()
	switch d.kind {
	case events.CompressionZlib:
		if d.zlib == nil {
			d.zlib = zlibs.Get().(*zlib.Writer)
			d.zlib.Reset(&d.buf)
		}
		if _, err := d.zlib.Write(payload); err != nil {
			return nil, err
		}
		if err := d.zlib.Flush(); err != nil {
			return nil, err
		}
	case events.CompressionZstd:
		if d.zstd == nil {
			encoder, err := zstd.NewWriter(&d.buf, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(128<<10),
				zstd.WithLowerEncoderMem(true), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false))
			if err != nil {
				return nil, err
			}
			d.zstd = encoder
		}
		if _, err := d.zstd.Write(payload); err != nil {
			return nil, err
		}
		if err := d.zstd.Flush(); err != nil {
			return nil, err
		}
	case events.CompressionPayload:
		if len(payload) < 256 { // the gateway compresses some payloads, not all
			return []message{{websocket.TextMessage, payload}}, nil
		}
		whole := zlibs.Get().(*zlib.Writer)
		defer zlibs.Put(whole)
		whole.Reset(&d.buf)
		if _, err := whole.Write(payload); err != nil {
			return nil, err
		}
		if err := whole.Close(); err != nil {
			return nil, err
		}
	default:
		return []message{{websocket.TextMessage, payload}}, nil
	}
	data := bytes.Clone(d.buf.Bytes())
	if d.kind != events.CompressionZlib || d.split <= 0 {
		return []message{{websocket.BinaryMessage, data}}, nil
	}
	var messages []message
	for len(data) > d.split {
		messages = append(messages, message{websocket.BinaryMessage, data[:d.split]})
		data = data[d.split:]
	}
	return append(messages, message{websocket.BinaryMessage, data}), nil
}

func (d *deflater) close() {
	if d.zlib != nil {
		zlibs.Put(d.zlib)
		d.zlib = nil
	}
	if d.zstd != nil {
		_ = d.zstd.Close() // its frame never ends; only its memory does
	}
}
