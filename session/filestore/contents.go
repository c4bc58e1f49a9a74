package filestore

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// contents are what a file says.
type contents struct {
	sessions map[events.ShardID]record
	ledger   []byte // a ratelimit.LedgerState; empty: none was saved
	turn     uint64 // how often the ledger was saved; 1 before the first
	note     record // its fence is when it was saved; 0: never
	size     int64  // of the entries that say all this
}

// record is a shard's snapshot, or the note.
type record struct {
	fence uint64
	body  []byte
}

func newContents() contents { return contents{sessions: make(map[events.ShardID]record), turn: 1} }

// A frame's payload is entries: a kind, a shard, a fence, and a body with its length before it. The ledger's turn stands for its fence.
const (
	entrySession = 1
	entryGone    = 2 // the session was deleted
	entryLedger  = 3
	entryHead    = 1 + 4 + 4 + 8 + 4
)

// noteShard is no shard. What stands as its session is the note: versions that know of no notes, and of no further kind of entry, keep it with the sessions, and the
// later one of two. An empty one is kept as well, or a file that was replaced would bring back what is forgotten.
var noteShard = events.ShardID{Index: -1, Total: -1}

func appendEntry(b []byte, kind byte, id events.ShardID, fence uint64, body []byte) []byte {
	b = append(b, kind)
	b = binary.LittleEndian.AppendUint32(b, uint32(id.Index))
	b = binary.LittleEndian.AppendUint32(b, uint32(id.Total))
	b = binary.LittleEndian.AppendUint64(b, fence)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	return append(b, body...)
}

// apply takes in the entries of a payload.
func (c *contents) apply(payload []byte) error {
	for len(payload) > 0 {
		if len(payload) < entryHead {
			return errFrame
		}
		kind, fence := payload[0], binary.LittleEndian.Uint64(payload[9:])
		id := events.ShardID{Index: int(int32(binary.LittleEndian.Uint32(payload[1:]))), Total: int(int32(binary.LittleEndian.Uint32(payload[5:])))}
		size := int64(binary.LittleEndian.Uint32(payload[17:]))
		if size > int64(len(payload)-entryHead) {
			return errFrame
		}
		body := payload[entryHead : entryHead+size]
		payload = payload[entryHead+size:]
		before, known := c.sessions[id]
		if known && kind != entryLedger {
			c.size -= int64(entryHead + len(before.body))
		}
		switch {
		case kind == entrySession && id == noteShard:
			c.size += size - int64(len(c.note.body))
			c.note = record{fence, bytes.Clone(body)}
		case kind == entrySession:
			c.sessions[id] = record{fence, append(before.body[:0], body...)}
			c.size += entryHead + size
		case kind == entryGone:
			delete(c.sessions, id)
		case kind == entryLedger:
			c.size += size - int64(len(c.ledger))
			c.ledger, c.turn = append(c.ledger[:0], body...), fence
		default:
			return damage("it has an entry of a kind that is not known")
		}
	}
	return nil
}

// entries calls yield with payloads that say all that there is, each no larger than a frame should be.
func (c *contents) entries(yield func(payload []byte) error) error {
	var b []byte
	add := func(id events.ShardID, r record) (err error) {
		if b = appendEntry(b, entrySession, id, r.fence, r.body); len(b) > enough {
			err, b = yield(b), b[:0]
		}
		return err
	}
	if c.note.fence != 0 {
		if err := add(noteShard, c.note); err != nil {
			return err
		}
	}
	for id, r := range c.sessions {
		if err := add(id, r); err != nil {
			return err
		}
	}
	return yield(appendEntry(b, entryLedger, events.ShardID{}, c.turn, c.ledger))
}

const enough = 1 << 20 // of a frame, so that reading one takes little memory

// ledgerState is what the ledger says. Of one that cannot be read nothing is known but that it was there.
func (c *contents) ledgerState(now time.Time) (state ratelimit.LedgerState) {
	if len(c.ledger) == 0 {
		return ratelimit.LedgerState{}
	}
	if err := json.Unmarshal(c.ledger, &state); err != nil {
		return ratelimit.LedgerState{Lost: now}
	}
	return state
}

// setLedger changes what the ledger says. All who share it read it anew.
func (c *contents) setLedger(state ratelimit.LedgerState) error {
	body, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("filestore: %w", err)
	}
	return c.apply(appendEntry(nil, entryLedger, events.ShardID{}, c.turn+1, body))
}

// forgetLedger says that there were Identifies of which nothing is known.
func (c *contents) forgetLedger(now time.Time) error {
	state := c.ledgerState(now)
	state.Lost = now
	return c.setLedger(state)
}

// buryPermits says that the processes which had permits are dead: what they had may have been used until now, and no later.
func (c *contents) buryPermits(now time.Time) error {
	state, buried := c.ledgerState(now), false
	for shard, at := range state.Written {
		if at.After(now) {
			state.Written[shard], buried = now, true
		}
	}
	if !buried {
		return nil
	}
	return c.setLedger(state)
}

// join takes in what another file says, and reports whether there is more than that. Of two records for one shard that with the higher fence counts, and
// then the later one; of two notes the later one; of two ledgers what allows less.
func (c *contents) join(other contents, now time.Time) (more bool, err error) {
	for id, ours := range c.sessions {
		theirs, ok := other.sessions[id]
		if !ok || newer(ours, theirs) {
			more = true
		}
	}
	for id, theirs := range other.sessions {
		if ours, ok := c.sessions[id]; ok && newer(ours, theirs) {
			continue
		}
		if err := c.apply(appendEntry(nil, entrySession, id, theirs.fence, theirs.body)); err != nil {
			return false, err
		}
	}
	if c.note.fence > other.note.fence {
		more = true
	} else if err := c.apply(appendEntry(nil, entrySession, noteShard, other.note.fence, other.note.body)); err != nil {
		return false, err
	}
	more = more || !bytes.Equal(c.ledger, other.ledger)
	c.turn = max(c.turn, other.turn)
	return more, c.setLedger(strictest(c.ledgerState(now), other.ledgerState(now)))
}

// later reports whether another file is of a time before what c says. What is not in it may have been deleted.
func (c *contents) later(other contents) bool {
	for id, theirs := range other.sessions {
		if ours, ok := c.sessions[id]; ok && !bytes.Equal(ours.body, theirs.body) && newer(ours, theirs) {
			return true
		}
	}
	return c.turn > other.turn || c.note.fence > other.note.fence
}

// newer reports whether a is to be kept rather than b.
func newer(a, b record) bool {
	if a.fence != b.fence {
		return a.fence > b.fence
	}
	var x, y session.Snapshot
	if json.Unmarshal(a.body, &x) != nil || json.Unmarshal(b.body, &y) != nil {
		return false
	}
	return x.SavedAt.After(y.SavedAt)
}

// strictest is a ledger that allows what both do.
func strictest(a, b ratelimit.LedgerState) ratelimit.LedgerState {
	if b.ResetAt.After(a.ResetAt) {
		a, b = b, a
	}
	if b.ResetAt.Equal(a.ResetAt) {
		a.Remaining = min(a.Remaining, b.Remaining)
	}
	if b.Lost.After(a.Lost) {
		a.Lost = b.Lost
	}
	written := make(map[ratelimit.Shard]time.Time)
	for _, all := range []map[ratelimit.Shard]time.Time{a.Written, b.Written} {
		for shard, at := range all {
			if at.After(written[shard]) {
				written[shard] = at
			}
		}
	}
	a.Written = written
	var spent []ratelimit.Spent
	for _, s := range slices.Concat(a.Spent, b.Spent) {
		same := slices.IndexFunc(spent, func(before ratelimit.Spent) bool { return before.Until.Equal(s.Until) })
		if same < 0 {
			spent = append(spent, s)
		} else {
			spent[same].Count = max(spent[same].Count, s.Count)
		}
	}
	a.Spent = spent
	return a
}
