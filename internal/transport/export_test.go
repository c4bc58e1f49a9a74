package transport

import "github.com/signalbox-go/signalbox/events"

// NewInflater is an inflater for tests.
func NewInflater(kind events.Compression, limit int64) func(frame []byte) ([]byte, error) {
	i := newInflater(kind, limit, new(Decoders))
	var room room
	return func(frame []byte) ([]byte, error) { return i.message(frame, &room) }
}

// Inflate inflates one frame.
func Inflate(kind events.Compression, limit int64, frame []byte) ([]byte, error) {
	return NewInflater(kind, limit)(frame)
}

// Connection inflates the first frame of a connection that then ends.
func Connection(kind events.Compression, decoders *Decoders, frame []byte) error {
	i := newInflater(kind, 1<<20, decoders)
	var room room
	_, err := i.message(frame, &room)
	i.end()
	return err
}
