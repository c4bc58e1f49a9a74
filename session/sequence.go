package session

import (
	"math"
	"slices"
)

const (
	maxSpans = 32   // that a cursor remembers
	nearby   = 1000 // a jump that another one of at most this size follows is believed
)

// span is a row of sequences that were delivered.
type span struct{ from, to int64 }

// A sequence should follow the one before it. One that does not may be a gap, which the next event will go on
// from, or nonsense, which it will not. So it is delivered, and remembered as delivered, but Seq, which is what
// Resume, heartbeats and stored snapshots say, goes there only when a second event has confirmed it. Then no jump
// mutes what comes after it, and none has Resume name a sequence that the gateway never sent.

// seen reports whether the event with this sequence was delivered.
func (c *Cursor) seen(seq int64) bool {
	for _, s := range slices.Backward(c.spans) {
		if seq >= s.from { // the first has no beginning
			return seq <= s.to
		}
	}
	return seq <= c.Seq // there are none
}

// follows reports whether the sequence goes on from events that were delivered.
func (c *Cursor) follows(seq int64) bool {
	if seq == c.Seq+1 || c.latest > c.Seq && seq > c.latest && seq-c.latest <= nearby {
		return true
	}
	return slices.ContainsFunc(c.spans, func(s span) bool { return s.to == seq-1 })
}

// take notes that the event with this sequence, which was not seen, is delivered.
func (c *Cursor) take(seq int64) {
	if len(c.spans) == 0 {
		if seq == c.Seq+1 {
			c.Seq, c.latest = seq, seq
			return
		}
		c.spans = append(c.spans, span{math.MinInt64, c.Seq})
	}
	follows := c.follows(seq)
	i, _ := slices.BinarySearchFunc(c.spans, seq, func(s span, seq int64) int {
		if s.from < seq {
			return -1
		}
		return 1
	})
	c.spans = slices.Insert(c.spans, i, span{seq, seq})
	if i+1 < len(c.spans) && c.spans[i+1].from-1 == seq {
		c.join(i)
	}
	if i > 0 && c.spans[i-1].to == seq-1 {
		c.join(i - 1)
	}
	if c.latest = seq; follows {
		c.Seq = seq
	}
	c.tidy()
}

// join makes one of a span and the next, with what is between them.
func (c *Cursor) join(i int) {
	c.spans[i].to = c.spans[i+1].to
	c.spans = slices.Delete(c.spans, i+1, i+2)
}

// tidy forgets spans when there is nothing to remember, or too much: then the oldest gap below Seq, of which
// nothing will come any more, or the jump that is the furthest.
func (c *Cursor) tidy() {
	if len(c.spans) == 1 && c.spans[0].to == c.Seq {
		c.spans = nil
	}
	if len(c.spans) <= maxSpans {
		return
	}
	if c.spans[1].to <= c.Seq {
		c.join(0)
		return
	}
	c.spans = c.spans[:maxSpans]
}
