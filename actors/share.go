package actors

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
)

// shared is a request that the supervisor makes on behalf of all who ask for the same at the
// same time: the whole member list of a guild, of which Discord gives one in 30 s, and channel
// info, whose answers can only be told apart by the guild. It is sent for as long as one of them
// waits for it.
type shared struct {
	key     shareKey
	kind    string     // equal: the same answer does
	carrier *request   // asked for by the supervisor
	waiters []*request // who gets its answer
	next    []*request // of another kind, for the same guild: asked afterwards
	sent    bool
}

type shareKey struct {
	op    events.Opcode
	guild events.Snowflake
}

// join lets r wait for the answer of a shared request, which it begins if there is none. It is
// false for a request that stands for itself.
func (s *supervisor) join(ctx actor.Context, r *request) bool {
	kind := ""
	switch {
	case r.parts != nil:
		return false
	case r.event.Full:
		kind = r.event.Needs.String() // with presences, or without
	case r.Op == events.OpRequestChannelInfo:
		kind = string(r.event.Data)
	default:
		return false
	}
	if r.expired(time.Now(), Queued) {
		return true
	}
	key := shareKey{r.Op, r.event.Guild}
	f := s.shared[key]
	joined := s.fleet.joined(r.Shard)
	if int(joined.Load()) >= s.fleet.cfg.QueueLimit {
		s.purgeShared(r.Shard)
	}
	switch {
	case int(joined.Load()) >= s.fleet.cfg.QueueLimit:
		r.fail(Refused, ErrQueueFull, events.Answer{})
		return true
	case f == nil:
		id := s.fleet.serial.Add(1)
		carrier := &request{SendEvent: r.SendEvent, event: r.event, payload: r.payload, asked: r.asked, serial: id, system: ctx.ActorSystem(), asker: ctx.Self()}
		carrier.ID, carrier.Deadline = id, time.Time{}
		f = &shared{key: key, kind: kind, carrier: carrier, waiters: []*request{r}}
		s.shared[key], s.carried[id] = f, f
		s.forward(ctx, carrier)
	case f.kind == kind:
		if f.sent {
			r.claim()
		}
		f.waiters = append(f.waiters, r)
	case r.event.Full:
		return false // which the limit will refuse
	default:
		f.next = append(f.next, r)
	}
	joined.Add(1)
	s.arm(ctx, r.Deadline)
	return true
}

// purgeShared forgets those who have left.
func (s *supervisor) purgeShared(shard int) {
	for _, f := range s.shared {
		if f.carrier.Shard != shard {
			continue
		}
		before := len(f.waiters) + len(f.next)
		f.waiters = slices.DeleteFunc(f.waiters, (*request).over)
		f.next = slices.DeleteFunc(f.next, (*request).over)
		s.fleet.joined(shard).Add(int64(len(f.waiters) + len(f.next) - before))
	}
}

// wanted is asked right before a request goes out. It is false for a shared one that nobody
// waits for any more, which ends.
func (s *supervisor) wanted(r *request) bool {
	f := s.carried[r.ID]
	if f == nil || f.carrier != r {
		return true
	}
	some := false
	for _, w := range f.waiters {
		some = w.claim() || w.state.Load() == claimed || some
	}
	f.sent = some
	if !some {
		r.fail(Queued, context.Canceled, events.Answer{})
	}
	return some
}

// settleShared gives what a shared request ended in to all who wait for it.
func (s *supervisor) settleShared(ctx actor.Context, id uint64, answer events.Answer, err error) {
	f := s.carried[id]
	if f == nil {
		return // of a supervisor before this one
	}
	delete(s.carried, id)
	delete(s.shared, f.key)
	s.fleet.joined(f.carrier.Shard).Add(-int64(len(f.waiters) + len(f.next)))
	var failure *SendError
	errors.As(err, &failure)
	for _, w := range f.waiters {
		if failure != nil {
			w.fail(failure.Stage, failure.Err, answer)
			continue
		}
		answer.Queued = max(time.Since(w.asked)-answer.RoundTrip, 0)
		w.finish(answer)
	}
	for _, r := range f.next {
		s.admit(ctx, r)
	}
}

// expireShared ends the waiting of those whose deadline has passed.
func (s *supervisor) expireShared(ctx actor.Context, now time.Time) {
	for _, f := range s.shared {
		for _, w := range append(f.waiters, f.next...) {
			if !w.expired(now, w.stage()) {
				s.arm(ctx, w.Deadline)
			}
		}
	}
}

// closeShared ends all waiting, since this supervisor ends.
func (s *supervisor) closeShared() {
	for _, f := range s.shared {
		s.fleet.joined(f.carrier.Shard).Store(0)
		for _, w := range append(f.waiters, f.next...) {
			w.fail(w.stage(), ErrClosed, events.Answer{})
		}
	}
}
