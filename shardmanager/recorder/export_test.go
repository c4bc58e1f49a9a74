package recorder

import "time"

// ReadHead is for tests.
func ReadHead(payload []byte) (op, seq int64, name string, ok bool) {
	h, ok := readHead(payload)
	return h.op, h.seq, string(h.name), ok
}

// Entry and Journal are for tests.
type (
	Entry   = entry
	Journal = journal
)

// NewJournal is of so many blocks.
func NewJournal(blocks int) *Journal { return &journal{most: blocks} }

// Random is an entry of random numbers.
func Random(kind byte, at int64, n func() uint64) (e Entry) {
	e = entry{kind: entryKind(kind), at: at, conn: 1 + n()%3}
	switch e.kind {
	case entryDispatch:
		e.name, e.size, e.seq = n()%mostNames, int(n()%1e6), int64(n())
	case entryRead, entryWrote:
		e.op, e.size = int64(n()), int(n()%1e6)
	case entryUnread:
		e.size = int(n() % 1e6)
	case entryBeat:
		e.took, e.late = int64(n()), int64(n())
	case entrySend:
		e.op, e.serial, e.stage, e.end, e.took, e.late = int64(n()), n(), byte(n()%3), outcome(n()%uint64(failed+1)), int64(n()), int64(n())
	}
	return e
}

// Add adds an entry as it is.
func Add(j *Journal, e Entry, oldest int64) { j.add(&e, oldest) }

// All are the entries that are not older than oldest, without their numbers, and the numbers.
func All(j *Journal, oldest int64) (all []Entry, numbers []uint64) {
	kept := j.copied()
	kept.each(oldest, func(e entry) {
		numbers = append(numbers, e.number)
		e.number = 0
		all = append(all, e)
	})
	return all, numbers
}

// Lost is how many had to go.
func Lost(j *Journal) int { return j.lost }

// Bytes is what the blocks take.
func Bytes(j *Journal) int { return len(j.blocks) * blockBytes }

// GatherFor is how long ends are gathered.
const GatherFor time.Duration = gatherFor

// NewBlock is one.
func NewBlock() *block { return new(block) }

// At is when an entry was, in Unix microseconds.
func At(e Entry) int64 { return e.at }

// NewDump is one of all shards.
func (r *Recorder) NewDump(at time.Time) Dump { return Dump{At: at, Reason: "a test", r: r} }
