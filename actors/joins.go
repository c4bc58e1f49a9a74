package actors

import (
	"context"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// join is a request that is made once for all who ask for the same at the same time: the whole member list of a guild, of
// which Discord gives one in 30 s, and channel info, whose answers can only be told apart by the guild. It is sent for as
// long as one of them waits for it.
type join struct {
	key     joinKey
	kind    string     // equal: the same answer does
	carrier *request   // that goes through admission
	waiters []*request // who get its answer
	next    []*request // of another kind, for the same guild: asked afterwards
	sent    bool
}

type joinKey struct {
	op    events.Opcode
	guild events.Snowflake
}

// joins are those under way.
type joins struct {
	limit int // of those who wait, for each shard
	of    map[joinKey]*join
	wait  map[Key]int // how many wait
}

func newJoins(limit int) *joins {
	return &joins{limit: limit, of: make(map[joinKey]*join), wait: make(map[Key]int)}
}

// kindOf is what a request shares its answer by; false: it stands for itself.
func kindOf(r *request) (kind string, shares bool) {
	switch {
	case r.parts != nil:
		return "", false
	case r.event.Full:
		return r.event.Needs.String(), true // with presences, or without
	case r.event.Op == events.OpRequestChannelInfo:
		return string(r.event.Data), true
	}
	return "", false
}

// add lets a request wait for an answer that it shares. first: it is the first, and a carrier is to be made. It is not taken
// if it stands for itself, or is one that the gateway's limit will refuse.
func (s *joins) add(now time.Time, r *request) (first *join, taken bool) {
	kind, shares := kindOf(r)
	if !shares {
		return nil, false
	}
	if r.expired(now, Queued) {
		return nil, true
	}
	shard := s.shard(r)
	if s.wait[shard] >= s.limit {
		s.purge(shard)
	}
	key := joinKey{r.event.Op, r.event.Guild}
	j := s.of[key]
	switch {
	case s.wait[shard] >= s.limit:
		r.fail(Refused, ErrQueueFull, events.Answer{})
		return nil, true
	case j == nil:
		j = &join{key: key, kind: kind, waiters: []*request{r}}
		s.of[key] = j
		first = j
	case j.kind == kind:
		if j.sent {
			r.claim()
		}
		j.waiters = append(j.waiters, r)
	case r.event.Full:
		return nil, false
	default:
		j.next = append(j.next, r)
	}
	s.wait[shard]++
	return first, true
}

// shard is where a request is counted: with the shard that was asked for all, though it may have come by another one that tells of the guild.
func (s *joins) shard(r *request) Key {
	if j := s.of[joinKey{r.event.Op, r.event.Guild}]; j != nil {
		return j.carrier.key
	}
	return r.key
}

// claim is asked right before the carrier goes: it is false if nobody waits for it any more.
func (j *join) claim() bool {
	j.sent = false
	for _, w := range j.waiters {
		j.sent = w.claim() || w.state.Load() == claimed || j.sent
	}
	return j.sent
}

// left reports whether nobody waits for the answer any more.
func (j *join) left() bool {
	return !slices.ContainsFunc(j.waiters, func(w *request) bool { return !w.over() })
}

// purge forgets those who have left.
func (s *joins) purge(key Key) {
	for _, j := range s.of {
		if j.carrier.key != key {
			continue
		}
		before := len(j.waiters) + len(j.next)
		j.waiters = slices.DeleteFunc(j.waiters, (*request).over)
		j.next = slices.DeleteFunc(j.next, (*request).over)
		s.wait[key] += len(j.waiters) + len(j.next) - before
	}
}

// settle gives what a carrier ended in to all who wait for it, and returns those who are to ask next.
func (s *joins) settle(now time.Time, j *join, answer events.Answer, failure *SendError) (next []*request) {
	if s.of[j.key] != j {
		return nil // it was settled before
	}
	delete(s.of, j.key)
	if s.wait[j.carrier.key] -= len(j.waiters) + len(j.next); s.wait[j.carrier.key] == 0 {
		delete(s.wait, j.carrier.key)
	}
	next = j.next
	for _, w := range j.waiters {
		if failure != nil && failure.Err == context.Canceled { // all had left: this one came since
			next = append(next, w)
			continue
		}
		if failure != nil {
			w.fail(failure.Stage, failure.Err, answer)
			continue
		}
		answer.Queued = max(now.Sub(w.asked)-answer.RoundTrip, 0)
		w.finish(answer)
	}
	return next
}

// expire ends the waiting of those whose deadline has passed, and returns the next deadline; zero: there is none.
func (s *joins) expire(now time.Time) (at time.Time) {
	for _, j := range s.of {
		for _, w := range slices.Concat(j.waiters, j.next) {
			if !w.expired(now, w.stage()) {
				at = earlier(at, w.deadline)
			}
		}
	}
	return at
}

// end ends all waiting.
func (s *joins) end(err error) {
	for _, j := range s.of {
		for _, w := range slices.Concat(j.waiters, j.next) {
			w.fail(w.stage(), err, events.Answer{})
		}
		j.carrier.fail(Queued, context.Canceled, events.Answer{})
	}
	clear(s.of)
	clear(s.wait)
}
