package recorder

import "encoding/binary"

// A journal keeps small entries in blocks. Within one, an entry is what differs from the entry before: a frame takes about 7 bytes. The oldest block goes when there is no
// room, or when it is too old; so the rest can be read without it. Its owner holds a lock.
type journal struct {
	blocks []*block // the oldest first
	most   int      // blocks
	count  uint64   // of all entries so far
	conn   uint64   // of the latest entry
	lost   int      // entries that had to go though they were not too old
}

const (
	blockBytes = 1024
	blockSize  = blockBytes - 8*8 // of entries
	longest    = 64               // bytes of an entry
)

// block begins with what its first entry differs from.
type block struct {
	at      int64 // of the latest entry, in Unix microseconds
	first   int64 // at, when it began
	seq     int64 // of the latest dispatch
	seq0    int64 // seq, when it began
	conn0   uint64
	number0 uint64 // how many entries there were before
	entries int
	used    int
	data    [blockSize]byte
}

// entryKind is the kind of an entry.
type entryKind byte

const (
	entryConn     entryKind = iota // what follows is of another connection
	entryDispatch                  // an event was read
	entryRead                      // another payload was read
	entryUnread                    // what was read is no payload
	entryWrote                     // a payload is written
	entryBeat                      // a heartbeat was acknowledged
	entrySend                      // a send event has come along
)

// entry is one thing, as it is read from a journal.
type entry struct {
	kind   entryKind
	number uint64 // of the entries before it
	at     int64  // Unix microseconds
	conn   uint64
	op     int64
	name   uint64 // of names
	size   int
	seq    int64
	stage  byte
	end    outcome
	serial uint64
	took   int64 // a send: in the queue. A beat: the round trip. In microseconds
	late   int64 // a beat: how late it was written. A send: the round trip. In microseconds
}

// room is the block for the next entry, at a time. What is older than oldest may go.
func (j *journal) room(at, oldest int64) *block {
	if n := len(j.blocks); n > 0 && j.blocks[n-1].used+longest <= blockSize {
		return j.blocks[n-1]
	}
	next := new(block)
	if n := len(j.blocks); n > 0 {
		last := j.blocks[n-1]
		if gone := j.blocks[0]; n >= j.most || gone.at < oldest {
			if gone.at >= oldest {
				j.lost += gone.entries
			}
			copy(j.blocks, j.blocks[1:])
			j.blocks, next = j.blocks[:n-1], gone
		}
		*next = block{seq: last.seq, seq0: last.seq}
	}
	next.at, next.first, next.conn0, next.number0 = at, at, j.conn, j.count
	j.blocks = append(j.blocks, next)
	return next
}

// add adds an entry.
func (j *journal) add(e *entry, oldest int64) {
	b := j.room(e.at, oldest)
	if e.conn != j.conn {
		j.conn = e.conn
		b.begin(entryConn, e.at)
		b.number(e.conn)
		if b.used+longest > blockSize {
			b = j.room(e.at, oldest)
		}
	}
	b.begin(e.kind, e.at)
	b.entries++
	j.count++
	switch e.kind {
	case entryDispatch:
		b.number(e.name)
		b.number(uint64(e.size))
		b.signed(e.seq - b.seq)
		b.seq = e.seq
	case entryRead, entryWrote:
		b.signed(e.op)
		b.number(uint64(e.size))
	case entryUnread:
		b.number(uint64(e.size))
	case entryBeat:
		b.signed(e.took)
		b.signed(e.late)
	case entrySend:
		b.signed(e.op)
		b.number(e.serial)
		b.number(uint64(e.stage))
		b.number(uint64(e.end))
		b.signed(e.took)
		b.signed(e.late)
	}
}

// begin writes what all entries begin with. A clock that goes back stands still.
func (b *block) begin(kind entryKind, at int64) {
	b.data[b.used] = byte(kind)
	b.used++
	b.number(uint64(max(at-b.at, 0)))
	b.at = max(b.at, at)
}

func (b *block) number(n uint64) { b.used += binary.PutUvarint(b.data[b.used:], n) }

func (b *block) signed(n int64) { b.used += binary.PutVarint(b.data[b.used:], n) }

// copied is the journal as it is now, for a reader without the lock.
func (j *journal) copied() journal {
	kept := *j
	kept.blocks = make([]*block, len(j.blocks))
	for i, b := range j.blocks {
		own := *b
		kept.blocks[i] = &own
	}
	return kept
}

// each yields the entries that are not older than oldest.
func (j *journal) each(oldest int64, yield func(entry)) {
	for _, b := range j.blocks {
		r := reader{data: b.data[:b.used]}
		at, seq, conn, number := b.first, b.seq0, b.conn0, b.number0
		for len(r.data) > 0 {
			e := entry{kind: entryKind(r.byte())}
			at += int64(r.number())
			switch e.kind {
			case entryConn:
				conn = r.number()
				continue
			case entryDispatch:
				e.name, e.size = r.number(), int(r.number())
				seq += r.signed()
				e.seq = seq
			case entryRead, entryWrote:
				e.op, e.size = r.signed(), int(r.number())
			case entryUnread:
				e.size = int(r.number())
			case entryBeat:
				e.took, e.late = r.signed(), r.signed()
			case entrySend:
				e.op, e.serial, e.stage, e.end, e.took, e.late = r.signed(), r.number(), byte(r.number()), outcome(r.number()), r.signed(), r.signed()
			}
			if e.at, e.conn, e.number = at, conn, number; at >= oldest {
				yield(e)
			}
			number++
		}
	}
}

// reader reads a block.
type reader struct{ data []byte }

func (r *reader) byte() byte {
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.data)
	r.data = r.data[max(size, 0):]
	return n
}

func (r *reader) signed() int64 {
	n, size := binary.Varint(r.data)
	r.data = r.data[max(size, 0):]
	return n
}
