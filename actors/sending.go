package actors

import (
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// send makes a request of an actor's message.
func (s *incarnation) send(ctx actor.Context, m SendEvent) {
	r := &request{id: m.ID, deadline: m.Deadline, priority: m.Priority, asked: time.Now(), system: s.system, asker: ctx.Sender()}
	event, err := m.request()
	r.event.Op = event.Op
	var shard *Key
	if err == nil && m.Shard != nil {
		shard = new(Key)
		*shard, err = s.RouteShard(*m.Shard)
		r.key.Shard = *m.Shard
	}
	if err == nil {
		err = s.prepare(r, event, shard)
	}
	if err != nil {
		r.fail(Refused, err, events.Answer{})
		return
	}
	s.admit(r)
}

// admit takes a request in: it joins one under way that is the same, or waits for its permits.
func (s *incarnation) admit(r *request) {
	first, taken := s.books.joins.add(time.Now(), r)
	if first != nil {
		carrier := &request{
			key: r.key, event: r.event, payload: r.payload, priority: r.priority, asked: r.asked,
			serial: s.serial.Add(1), join: first, system: s.system, owner: s.self,
		}
		first.carrier = carrier
		s.forward(carrier)
	}
	if !taken {
		s.forward(r)
		return
	}
	s.raise(r)
	s.shares(r.key)
	s.arm(r.deadline)
}

// raise has what a request shares go as early as the request would.
func (s *incarnation) raise(r *request) {
	if j := s.books.joins.of[joinKey{r.event.Op, r.event.Guild}]; j != nil && !r.over() && r.priority > j.carrier.priority {
		s.books.admission.of(j.carrier.key).raise(j.carrier, r.priority)
	}
}

// forward lets a request wait, and forwards what may go.
func (s *incarnation) forward(r *request) {
	if s.books.lives.of[r.key] == nil {
		r.fail(Refused, ErrUnknownShard, events.Answer{})
		return
	}
	if c, now := s.books.admission.of(r.key), time.Now(); !r.expired(now, Queued) {
		c.add(now, r)
		s.drain(c)
	}
}

// drain forwards all that may go now, and sees to it that the rest is looked at in time.
func (s *incarnation) drain(c *account) {
	now := time.Now()
	for r := c.next(now); r != nil; r = c.next(now) {
		s.tell(c.key, admitted{r, c.conn})
	}
	s.waits(c)
	s.arm(c.wake)
}

func (s *incarnation) waits(c *account) {
	if r := s.board.record(c.key); r != nil {
		r.waits.Store(int64(c.depth()))
	}
}

func (s *incarnation) shares(key Key) {
	if r := s.board.record(key); r != nil {
		r.shares.Store(int64(s.books.joins.wait[key]))
	}
}

// landed takes note of what became of a request that was forwarded.
func (s *incarnation) landed(m landed) {
	c := s.books.admission.accounts[m.key]
	if c == nil {
		return
	}
	c.landed(m.serial, m.wrote)
	if c.depth() > 0 {
		s.drain(c)
	}
}

// joined gives a shared answer to all who wait for it.
func (s *incarnation) joined(m joined) {
	for _, r := range s.books.joins.settle(time.Now(), m.join, m.answer, m.failure) {
		s.admit(r)
	}
	s.shares(m.join.carrier.key)
}

// up gives a new connection its bucket. What waits is admitted afresh.
func (s *incarnation) up(m shardUp) {
	if !s.books.lives.current(m.key, m.number) {
		return
	}
	s.reached(m.key, m.at)
	delete(s.books.reopen, m.key)
	var bucket ratelimit.Bucket
	if !s.guard("Connection", func() { bucket = s.cfg.Limiter.Connection(limiterShard(m.key), m.interval) }) || bucket == nil {
		s.books.reopen[m.key], s.books.retry = m, time.Now().Add(limiterPause)
		s.arm(s.books.retry)
		return
	}
	c := s.books.admission.of(m.key)
	c.open(m.conn, m.session, guarded{bucket, s})
	s.drain(c)
}

// down holds back what waits for a shard that is Ready no more. final: it has ended.
func (s *incarnation) down(m shardDown) {
	if !s.books.lives.current(m.key, m.number) {
		return
	}
	c := s.books.admission.of(m.key)
	if m.conn == c.conn || m.final != nil {
		c.shut()
	}
	if m.conn == s.books.reopen[m.key].conn {
		delete(s.books.reopen, m.key)
	}
	if m.failed {
		s.books.outage.fails(m.key)
	}
	if m.final == nil {
		return
	}
	s.books.lives.closed(m.key, m.fatal)
	final := m.final
	if !m.fatal {
		final = s.whyStopped(m.key)
	}
	s.close(m.key, final)
	s.reconcile([]Key{m.key})
}

// reopenDue asks again for the buckets that the limiter could not make.
func (s *incarnation) reopenDue(now time.Time) {
	if len(s.books.reopen) == 0 {
		return
	}
	if now.Before(s.books.retry) {
		s.arm(s.books.retry)
		return
	}
	for _, key := range sortedKeys(s.books.reopen) {
		s.up(s.books.reopen[key])
	}
}

// guarded is a bucket of the user's: its panic costs that call.
type guarded struct {
	ratelimit.Bucket
	s *incarnation
}

func (g guarded) Take(now time.Time) (ok bool, retryAt time.Time) {
	if !g.s.guard("Take", func() { ok, retryAt = g.Bucket.Take(now) }) {
		return false, now.Add(limiterPause)
	}
	return ok, retryAt
}

func (g guarded) Wrote(at time.Time) { g.s.guard("Wrote", func() { g.Bucket.Wrote(at) }) }

func (g guarded) Return() { g.s.guard("Return", g.Bucket.Return) }

var errNoEvent = errors.New("actors: there is no event to send: name one, or an opcode with its data")

// request is what is to be sent.
func (m SendEvent) request() (events.Request, error) {
	if m.Event != nil || m.Op == 0 && m.Data == nil {
		return requestOf(m.Event)
	}
	return events.ParseRequest(m.Op, m.Data)
}

// requestOf makes an event ready to be sent. It may be nil, a nil pointer, or somebody else's type.
func requestOf(out events.Outgoing) (request events.Request, err error) {
	if out == nil {
		return request, errNoEvent
	}
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("actors: the %T to be sent panicked: %s", out, panicText(reason))
		}
	}()
	return out.Request()
}
