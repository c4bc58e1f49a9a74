package actors

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// identifies is the account of who waits for a permit to Identify, or has one. It is kept by the fleet, since it outlives the
// supervisor's incarnations, and is touched by the supervisor's actor alone.
type identifies struct {
	queue    ratelimit.IdentifyQueue // nil: the limiter was not asked for it yet
	asked    map[ratelimit.Shard]*question
	start    *ratelimit.SessionStart // what the queue has not been told yet
	work     *identifyWork           // under way; nil: none is
	next     time.Time               // when it decides again; zero: not before something changes
	retry    time.Time               // when what has failed is tried again; zero: nothing has
	stale    bool                    // the forecasts are not true any more
	forecast time.Time               // when they were made
}

// question is one shard's, from its asking until its Identify is written or it has left.
type question struct {
	index   int
	conn    uint64
	queued  bool // the queue knows of it
	granted bool
}

// identifyWork is work of the queue's that takes time.
type identifyWork struct {
	done   func(now time.Time)
	over   atomic.Bool // it has ended, however
	cancel context.CancelFunc
}

func limiterShard(id events.ShardID) ratelimit.Shard {
	return ratelimit.Shard{Index: id.Index, Total: id.Total}
}

// limit has the queue do something, and reports whether it was done.
func (s *supervisor) limit(ctx actor.Context, what string, call func(ratelimit.IdentifyQueue)) bool {
	f := &s.fleet.identifies
	done := s.guard(what, func() {
		if f.queue == nil {
			queue := s.fleet.cfg.Limiter.Identify()
			if n, ok := queue.(ratelimit.Notifier); ok {
				root, self := ctx.ActorSystem().Root, ctx.Self()
				n.Notify(func() { root.Send(self, identifyNews{}) })
			}
			f.queue = queue
		}
		call(f.queue)
	})
	if !done {
		f.retry = time.Now().Add(limiterPause)
		s.arm(ctx, f.retry)
	}
	return done
}

// askIdentify has a shard wait for a permit.
func (s *supervisor) askIdentify(ctx actor.Context, m askIdentify) {
	f, name := &s.fleet.identifies, limiterShard(m.id)
	if before := f.asked[name]; before != nil && before.conn >= m.conn {
		return // it has asked already, or anew since
	}
	q := &question{index: m.id.Index, conn: m.conn}
	f.asked[name] = q
	s.fleet.record(q.index).forecast.Store(nil)
	if s.tellQueue(ctx, time.Now()) && !q.queued {
		s.question(ctx, name, q)
	}
	s.decide(ctx)
}

func (s *supervisor) question(ctx actor.Context, name ratelimit.Shard, q *question) {
	q.queued = s.limit(ctx, "Ask", func(queue ratelimit.IdentifyQueue) { queue.Ask(time.Now(), name) })
}

// withdrawIdentify takes back what a shard has asked for: on one connection, so that what an incarnation of its actor says
// as it ends does not concern the next.
func (s *supervisor) withdrawIdentify(ctx actor.Context, m withdrawIdentify) {
	f, name := &s.fleet.identifies, limiterShard(m.id)
	if q := f.asked[name]; q == nil || q.conn != m.conn {
		return
	}
	delete(f.asked, name)
	s.withdraw(ctx, name)
	s.decide(ctx)
}

func (s *supervisor) withdraw(ctx actor.Context, name ratelimit.Shard) {
	s.limit(ctx, "Withdraw", func(queue ratelimit.IdentifyQueue) { queue.Withdraw(time.Now(), name) })
}

// identified takes a permit for used.
func (s *supervisor) identified(ctx actor.Context, m identified) {
	f, name := &s.fleet.identifies, limiterShard(m.id)
	if q := f.asked[name]; q == nil || q.conn != m.conn {
		return
	}
	delete(f.asked, name)
	// If this call is lost the permit expires, and counts as used then.
	s.limit(ctx, "Used", func(queue ratelimit.IdentifyQueue) { queue.Used(m.at, name) })
	s.decide(ctx)
}

// settleIdentify ends what a shard has asked for whose actor is gone, or has gone on: if it may have written its Identify, that counts.
func (s *supervisor) settleIdentify(ctx actor.Context, id events.ShardID, q *question) {
	r := s.fleet.record(id.Index)
	now := r.now()
	if q.granted && (r.identified.Load() == q.conn || now.State == session.Identifying && now.Conn == q.conn) {
		s.identified(ctx, identified{id, q.conn, time.Now()})
	} else {
		s.withdrawIdentify(ctx, withdrawIdentify{id, q.conn})
	}
}

// endIdentify ends what a shard asks for whose actor has crashed or stopped. conn is its connection; 0: whichever it was.
func (s *supervisor) endIdentify(ctx actor.Context, index int, conn uint64) {
	id := s.fleet.record(index).id
	if q := s.fleet.identifies.asked[limiterShard(id)]; q != nil && (conn == 0 || q.conn == conn) {
		s.settleIdentify(ctx, id, q)
	}
}

// updateSessionStart tells the queue what Discord has said.
func (s *supervisor) updateSessionStart(ctx actor.Context, start ratelimit.SessionStart) {
	s.fleet.identifies.start = &start
	s.decide(ctx)
}

// tellQueue tells the queue what it has not been told yet, and reports whether it knows all.
func (s *supervisor) tellQueue(ctx actor.Context, now time.Time) bool {
	f := &s.fleet.identifies
	if now.Before(f.retry) {
		s.arm(ctx, f.retry)
		return false
	}
	if start := f.start; start != nil {
		if !s.limit(ctx, "Update", func(queue ratelimit.IdentifyQueue) { queue.Update(now, *start) }) {
			return false
		}
		f.start = nil
	}
	if w := f.work; w != nil && w.over.Load() {
		f.work = nil
		s.limit(ctx, "Work", func(ratelimit.IdentifyQueue) { w.done(now) })
	}
	if f.retry.IsZero() {
		return true
	}
	f.retry = time.Time{}
	for name, q := range f.asked {
		if !q.queued {
			s.question(ctx, name, q)
		}
	}
	return f.retry.IsZero()
}

// decide hands on what the queue decides, has its work done, and sees to it that it is asked again in time.
func (s *supervisor) decide(ctx actor.Context) {
	f, now := &s.fleet.identifies, time.Now()
	f.stale = true
	if !s.tellQueue(ctx, now) {
		return
	}
	var decisions []ratelimit.Decision
	s.limit(ctx, "Decide", func(queue ratelimit.IdentifyQueue) { decisions, f.next = queue.Decide(now) })
	if !f.next.IsZero() && !f.next.After(now) {
		f.next = now.Add(time.Millisecond) // a queue of somebody else's may be imprecise
	}
	for _, d := range decisions {
		s.decided(ctx, d)
	}
	s.beginWork(ctx, now)
	s.arm(ctx, f.next)
	s.foresee(ctx, now)
}

// decided tells a shard that it has a permit, or why not.
func (s *supervisor) decided(ctx actor.Context, d ratelimit.Decision) {
	f := &s.fleet.identifies
	q := f.asked[d.Shard]
	var c *child
	if q != nil {
		c = s.shards[q.index]
	}
	switch {
	case c == nil:
		delete(f.asked, d.Shard)
		if d.Err == nil { // nobody wants it
			s.withdraw(ctx, d.Shard)
		}
		return
	case d.Err != nil:
		delete(f.asked, d.Shard)
	default:
		q.granted, q.queued = true, true
	}
	s.fleet.record(q.index).forecast.Store(nil)
	ctx.Send(c.pid, granted{q.conn, d.Err, d.Expires})
}

// beginWork has the queue's work done on another goroutine, if there is any.
func (s *supervisor) beginWork(ctx actor.Context, now time.Time) {
	f := &s.fleet.identifies
	worker, ok := f.queue.(ratelimit.Worker)
	if !ok || f.work != nil {
		return
	}
	var do func(context.Context)
	w := new(identifyWork)
	s.limit(ctx, "Work", func(ratelimit.IdentifyQueue) { do, w.done = worker.Work(now) })
	if do == nil {
		return
	}
	f.work = w
	root, self := ctx.ActorSystem().Root, ctx.Self()
	bounded, cancel := context.WithTimeout(context.Background(), ratelimit.WorkTimeout)
	w.cancel = cancel
	go func() { // nobody waits for it to end: it may hang, and then nothing is granted
		defer root.Send(self, identifyNews{})
		defer w.over.Store(true)
		defer cancel()
		s.guard("Work", func() { do(bounded) })
	}()
}

// identifyDue does what the time has come for.
func (s *supervisor) identifyDue(ctx actor.Context, now time.Time) {
	f := &s.fleet.identifies
	due := func(at time.Time) bool { return !at.IsZero() && !now.Before(at) }
	if due(f.retry) || due(f.next) {
		s.decide(ctx)
		return
	}
	s.arm(ctx, f.next)
	s.arm(ctx, f.retry)
	s.foresee(ctx, now)
}

// catchUpIdentify brings the account up to date with the shards, after a crash of the supervisor: what they have said may have been lost
// with it, and the timer too. Who waits still waits.
func (s *supervisor) catchUpIdentify(ctx actor.Context) {
	f := &s.fleet.identifies
	for _, q := range f.asked {
		r := s.fleet.record(q.index)
		if now := r.now(); now.State != session.Queued || now.Conn != q.conn {
			s.settleIdentify(ctx, r.id, q)
		}
	}
	for index := range s.shards {
		if r := s.fleet.record(index); r.now().State == session.Queued {
			s.askIdentify(ctx, askIdentify{r.id, r.now().Conn})
		}
	}
	if f.queue != nil || f.start != nil {
		s.decide(ctx)
	}
}

// closeIdentify has all leave who wait, since this supervisor ends. A permit that is out may still be used, or expires.
func (s *supervisor) closeIdentify(ctx actor.Context) {
	f := &s.fleet.identifies
	if f.work != nil {
		f.work.cancel()
	}
	for name, q := range f.asked {
		if delete(f.asked, name); !q.granted {
			s.withdraw(ctx, name)
		}
	}
}
