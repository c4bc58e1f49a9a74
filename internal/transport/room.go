package transport

import (
	"bytes"
	"io"
	"slices"
	"sync"
)

const (
	leastRoom  = 256     // is worth reading into: most payloads are smaller
	likelyRoom = 4 << 10 // a payload that is larger mostly comes alone
	mostRoom   = 32 << 10
	idleRoom   = 1 << 10 // whoever uses less between two waits keeps no more than this
	restRoom   = 64      // and whoever uses less between three, such as for ACKs of heartbeats, keeps none
	largeRoom  = 512 << 10
	heapPage   = 8 << 10 // of Go's heap: the least that it gives back to the system
)

// shelves have what is left of room that large payloads share, of whatever connections: thousands have one READY each, and nothing like it
// after that.
var shelves = sync.Pool{New: func() any { return new([]byte) }}

// scratch has the buffers in which payloads grow that need more than was offered, to be given away in as much as
// they need, and in which frames of several pages are put together. No buffer is kept while the network is waited for.
var scratch = sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, largeRoom)) }}

// room is where payloads are put, one behind the other, so that most of them need no memory of
// their own. What is given away is not used again. The zero value is ready.
type room struct {
	free  []byte        // empty; its capacity is what is left
	used  int           // since the last wait, of shared room
	last  int           // between the two waits before
	size  int           // of the last payload: the next may be alike; 0 when it was large
	grown *bytes.Buffer // from scratch: where the payload is that grew
}

// take offers an empty slice, with the room for a payload like the last.
func (r *room) take() []byte {
	if need := min(max(r.size+1, leastRoom), likelyRoom); cap(r.free) < need {
		r.free = make([]byte, 0, max(need, min(2*max(r.used, r.last), mostRoom)))
	}
	return r.free
}

// grow makes room for more of a payload: in a buffer of scratch, which nobody else has while it is inflated.
func (r *room) grow(payload []byte, limit int64) []byte {
	if len(payload) == cap(payload) && cap(payload) < largeRoom && r.grown == nil {
		r.grown = scratch.Get().(*bytes.Buffer)
		return append(r.grown.AvailableBuffer(), payload...)
	}
	return grow(payload, limit)
}

// grow makes room for more. Doubling to the end would hold three times the limit for a moment, so what
// grows large gets all that it may have at once.
func grow(buffer []byte, limit int64) []byte {
	size := int64(cap(buffer))
	switch {
	case len(buffer) < cap(buffer):
		return buffer
	case size >= limit/8 && size <= limit:
		return slices.Grow(buffer, int(limit+1)-len(buffer))
	case size >= largeRoom:
		return slices.Grow(buffer, 3*cap(buffer)) // fewer steps leave less behind
	}
	return slices.Grow(buffer, max(cap(buffer), leastRoom))
}

// keep gives the payload away that begins where take said, or has moved since.
func (r *room) keep(payload []byte) []byte {
	r.size = len(payload)
	if r.size > likelyRoom {
		r.size = 0
	}
	switch {
	case r.grown != nil && cap(payload) == r.grown.Cap():
		payload = shelve(payload)
	case cap(r.free) > 0 && cap(payload) > 0 && &r.free[:1][0] == &payload[:1][0]:
		r.used += len(payload)
		r.free = payload[len(payload):]
		payload = payload[:len(payload):len(payload)]
	case cap(payload) > largeRoom && cap(payload) > 2*len(payload):
		payload = slices.Clone(payload)
	}
	if r.grown != nil {
		scratch.Put(r.grown)
		r.grown = nil
	}
	return payload
}

// shelve copies a large payload to where it takes what it needs. It lies in whole pages, alone or with its like, for it is mostly gone soon:
// what stays, a decoder's buffer, is not put beside it.
func shelve(payload []byte) []byte {
	if len(payload) > heapPage {
		whole := make([]byte, 0, (len(payload)+heapPage-1)/heapPage*heapPage)
		return slices.Clip(append(whole, payload...))
	}
	shelf := shelves.Get().(*[]byte)
	if cap(*shelf) < len(payload) {
		*shelf = make([]byte, 0, mostRoom)
	}
	payload = append(*shelf, payload...)
	*shelf = payload[len(payload):]
	shelves.Put(shelf)
	return slices.Clip(payload)
}

// fill reads a payload.
func (r *room) fill(reader io.Reader) ([]byte, error) {
	payload := r.take()
	for len(payload) < cap(payload) {
		n, err := reader.Read(payload[len(payload):cap(payload)])
		payload = payload[:len(payload)+n]
		if err == io.EOF {
			return r.keep(payload), nil
		}
		if err != nil {
			return nil, err
		}
	}
	var more pagedFrame
	defer more.free()
	if err := more.read(reader); err != nil {
		return nil, err
	}
	if more.size > 0 {
		payload = more.appendTo(append(make([]byte, 0, len(payload)+more.size), payload...))
	}
	return r.keep(payload), nil
}

// wait is called before the network is waited for.
func (r *room) wait() {
	if r.used < idleRoom && cap(r.free) > idleRoom || r.used+r.last < restRoom {
		r.free = nil
	}
	r.last, r.used = r.used, 0
}
