package actors

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// send makes a request of an actor's message.
func (s *incarnation) send(ctx actor.Context, m SendEvent) {
	r := &request{id: m.ID, deadline: m.Deadline, priority: m.Priority, asked: time.Now(), system: s.system, asker: ctx.Sender()}
	err := foreign.ErrGoexit
	s.guard("Request", func() { err = r.readMessage(m) })
	var shard *Key
	if err == nil && m.Shard != nil {
		shard = new(Key)
		*shard, err = s.RouteShard(*m.Shard)
		r.key.Shard = *m.Shard
	}
	if err == nil {
		err = s.prepare(r, shard)
	}
	if err != nil {
		r.fail(Refused, err, events.Answer{})
		return
	}
	s.admit(r.asked, r)
}

// admit takes a request in: it joins one under way that is the same, or waits for its permits.
func (s *incarnation) admit(now time.Time, r *request) {
	if s.ending {
		r.fail(Queued, closedBy(ErrSupervisorEnded), events.Answer{})
		return
	}
	first, taken := s.books.joins.add(now, r)
	if first != nil {
		carrier := &request{
			key: r.key, event: r.event, payload: r.payload, priority: r.priority, asked: r.asked,
			serial: s.serial.Add(1), join: first, system: s.system, owner: s.self,
		}
		first.carrier = carrier
		s.forward(now, carrier)
	}
	if !taken {
		s.forward(now, r)
		return
	}
	s.raise(r)
	s.shares(s.books.joins.shard(r))
	s.arm(r.deadline)
}

// raise has what a request shares go as early as the request would.
func (s *incarnation) raise(r *request) {
	if j := s.books.joins.of[joinKey{r.event.Op, r.event.Guild}]; j != nil && !r.over() && r.priority > j.carrier.priority {
		if c := s.books.children[j.carrier.key]; c != nil {
			c.account.raise(j.carrier, r.priority)
		}
	}
}

// forward lets a request wait, and forwards what may go.
func (s *incarnation) forward(now time.Time, r *request) {
	c := s.books.children[r.key]
	if c == nil {
		err := ErrUnknownShard
		if want, _ := s.books.plan.want(r.key); want.Mode == Release { // it has never run here
			err = ErrMoving
		}
		r.fail(Refused, err, events.Answer{})
		return
	}
	if !r.expired(now, Queued) {
		r.child = c
		c.account.add(now, r)
		s.expect(now)
		s.flush(now, c)
	}
}

// expect has landings wait until the supervisor looks, rather than wake it for each. Nothing waits for that: what is forwarded has its permits.
func (s *incarnation) expect(now time.Time) {
	if s.looks.IsZero() && s.landings.expect() {
		s.looks = now.Add(landingsPause)
		s.arm(s.looks)
	}
}

// landingsDue looks whether there are any.
func (s *incarnation) landingsDue(now time.Time) {
	if !s.looks.IsZero() && !now.Before(s.looks) {
		s.hear()
	}
	s.arm(s.looks)
}

// hear takes the landings that there are, and is told of those that come.
func (s *incarnation) hear() {
	s.looks = time.Time{}
	s.landings.heard()
	s.landed()
}

// flush forwards all that may go now, and sees to it that the rest is looked at in time.
func (s *incarnation) flush(now time.Time, c *child) {
	for r := c.account.next(now); r != nil; r = c.account.next(now) {
		s.system.Root.Send(c.pid, admitted{r}) // an account without an actor has no bucket
	}
	c.waits()
	if c.account.depth() > 0 { // what was forwarded shows when it has landed
		c.permits(now)
	}
	s.arm(c.account.wake)
}

// waits shows how many send events wait.
func (c *child) waits() {
	if n := c.account.depth(); n != c.shown {
		c.shown = n
		c.record.waits.Store(int32(n))
	}
}

func (s *incarnation) shares(key Key) {
	if r := s.board.record(key); r != nil {
		r.shares.Store(int32(s.books.joins.wait[key]))
	}
}

// landed takes note of what became of requests that were forwarded. Where a crash cuts it off, the next one goes on.
func (s *incarnation) landed() {
	for b, now := &s.books, time.Now(); ; {
		if b.dealt == len(b.landed) {
			if b.landed, b.dealt = s.landings.take(b.landed), 0; len(b.landed) == 0 {
				s.showPermits(now)
				return
			}
			now = time.Now()
		}
		m := b.landed[b.dealt]
		b.dealt++
		c := m.child
		c.account.landed(m.request, m.wrote)
		if c.account.depth() > 0 {
			s.flush(now, c)
		} else if !c.spent {
			c.spent = true
			b.spent = append(b.spent, c)
		}
	}
}

// showPermits shows what is left to those whose send events have landed: once for all that land until the supervisor looks.
func (s *incarnation) showPermits(now time.Time) {
	for b := &s.books; s.looks.IsZero() && len(b.spent) > 0; {
		c := b.spent[len(b.spent)-1]
		b.spent = b.spent[:len(b.spent)-1]
		c.spent = false
		if b.children[c.record.key] == c {
			c.permits(now)
		}
	}
}

// joined gives a shared answer to all who wait for it.
func (s *incarnation) joined(m joined) {
	now := time.Now()
	for _, r := range s.books.joins.settle(now, m.join, m.answer, m.failure) {
		s.admit(now, r)
	}
	s.shares(m.join.carrier.key)
}

// up gives a new connection its bucket. What waits is admitted afresh.
func (s *incarnation) up(m shardUp) {
	c := s.books.children[m.key]
	if !s.books.lives.current(m.key, m.number) || c.pid == nil || c.crash != nil || s.ending {
		return // its actor has ended since, or does
	}
	s.reached(m.key, m.at)
	if m.accepted != 0 {
		s.proved(m.accepted)
	}
	delete(s.books.reopen, m.key)
	var bucket ratelimit.Bucket
	if !s.guard("Connection", func() { bucket = s.cfg.Limiter.Connection(limiterShard(m.key), m.interval) }) || bucket == nil {
		s.books.reopen[m.key], s.books.retry = m, time.Now().Add(limiterPause)
		s.arm(s.books.retry)
		return
	}
	c.account.open(m.conn, m.session, &guarded{bucket, s.Supervisor})
	now := time.Now()
	c.permits(now)
	s.flush(now, c)
}

// down holds back what waits for a shard that is Ready no more. final: it has ended.
func (s *incarnation) down(m shardDown) {
	if !s.books.lives.current(m.key, m.number) {
		return
	}
	c := s.books.children[m.key].account
	if m.conn == c.conn || m.final != nil {
		c.shut()
	}
	if m.conn == s.books.reopen[m.key].conn {
		delete(s.books.reopen, m.key)
	}
	if m.failed {
		s.books.outage.fails(m.key)
	}
	if m.refused != 0 {
		s.disproved(m.refused)
	}
	if s.unproved(m.key, m.conn) {
		s.decide()
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

var errNoEvent = errors.New("actors: there is no event to send: name one, or an opcode with its data")

// readMessage takes in what an actor asks for.
func (r *request) readMessage(m SendEvent) (err error) {
	if m.Event != nil || m.Op == 0 && m.Data == nil {
		return r.read(m.Event)
	}
	r.event, err = events.ParseRequest(m.Op, m.Data)
	return err
}

// read takes in the event to be sent. It may be nil, a nil pointer, or somebody else's type.
func (r *request) read(out events.Outgoing) (err error) {
	if v := reflect.ValueOf(out); out == nil || v.Kind() == reflect.Pointer && v.IsNil() {
		return errNoEvent
	}
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("actors: the %T to be sent panicked: %s", out, foreign.Text(reason))
		}
	}()
	r.event, err = out.Request()
	return err
}
