package actors

import (
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

const limiterPause = time.Second // after a call of the limiter that did not return

// identifies is the account of who waits for a permit to Identify, or has one. It is kept by the Supervisor, since it outlives the
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
	key     Key
	conn    uint64
	queued  bool // the queue knows of it
	granted bool
}

func newIdentifies() identifies { return identifies{asked: make(map[ratelimit.Shard]*question)} }

// forget forgets what a shard has asked for. It keeps no room where nobody asks for anything: a whole fleet may have at one moment.
func (f *identifies) forget(name ratelimit.Shard) {
	if delete(f.asked, name); len(f.asked) == 0 {
		f.asked = make(map[ratelimit.Shard]*question)
	}
}

func limiterShard(key Key) ratelimit.Shard {
	return ratelimit.Shard{Generation: key.Generation, Index: key.Shard.Index, Total: key.Shard.Total}
}

// limit has the queue do something, and reports whether it was done.
func (s *incarnation) limit(what string, call func(ratelimit.IdentifyQueue)) bool {
	f, done := &s.books.identifies, false
	defer func() { // also when it ends the goroutine
		if !done {
			f.retry = time.Now().Add(limiterPause)
			s.arm(f.retry)
		}
	}()
	done = s.guard(what, func() {
		if f.queue == nil {
			queue := s.cfg.Limiter.Identify()
			if n, ok := queue.(ratelimit.Notifier); ok {
				root, self := s.system.Root, s.self
				n.Notify(func() { root.Send(self, identifyNews{}) })
			}
			f.queue = queue
		}
		call(f.queue)
	})
	return done
}

// askIdentify has a shard wait for a permit.
func (s *incarnation) askIdentify(m askIdentify) {
	f, name := &s.books.identifies, limiterShard(m.key)
	if !s.books.lives.current(m.key, m.number) || s.books.children[m.key].pid == nil {
		return // its actor has ended since
	}
	if before := f.asked[name]; before != nil && before.conn >= m.conn {
		return // it has asked already, or anew since
	}
	q := &question{key: m.key, conn: m.conn}
	f.asked[name] = q
	s.board.record(q.key).forecast.Store(nil)
	if s.tellQueue(time.Now()) && !q.queued {
		s.question(name, q)
	}
	s.decide()
}

func (s *incarnation) question(name ratelimit.Shard, q *question) {
	q.queued = s.limit("Ask", func(queue ratelimit.IdentifyQueue) { queue.Ask(time.Now(), name) })
}

// withdrawIdentify takes back what a shard has asked for: on one connection, so that what an incarnation of its actor says
// as it ends does not concern the next.
func (s *incarnation) withdrawIdentify(m withdrawIdentify) {
	f, name := &s.books.identifies, limiterShard(m.key)
	if q := f.asked[name]; q == nil || q.conn != m.conn {
		return
	}
	f.forget(name)
	s.withdraw(name)
	s.unproved(m.key, m.conn)
	s.decide()
}

func (s *incarnation) withdraw(name ratelimit.Shard) {
	s.limit("Withdraw", func(queue ratelimit.IdentifyQueue) { queue.Withdraw(time.Now(), name) })
}

// identified takes a permit for used.
func (s *incarnation) identified(m identified) {
	f, name := &s.books.identifies, limiterShard(m.key)
	if q := f.asked[name]; q == nil || q.conn != m.conn {
		return
	}
	f.forget(name)
	// If this call is lost the permit expires, and counts as used then.
	s.limit("Used", func(queue ratelimit.IdentifyQueue) { queue.Used(m.at, name) })
	s.decide()
}

// settleIdentify ends what a shard has asked for whose actor is gone, or has gone on: if it may have written its Identify, that counts.
func (s *incarnation) settleIdentify(key Key, q *question) {
	r := s.board.record(key)
	now := r.still()
	if q.granted && (r.identified.Load() == q.conn || now.state == session.Identifying && now.conn == q.conn) {
		s.identified(identified{key, q.conn, time.Now()})
	} else {
		s.withdrawIdentify(withdrawIdentify{key, q.conn})
	}
}

// endIdentify ends what a shard asks for whose actor has crashed or stopped. conn is its connection; 0: whichever it was.
func (s *incarnation) endIdentify(key Key, conn uint64) {
	if q := s.books.identifies.asked[limiterShard(key)]; q != nil && (conn == 0 || q.conn == conn) {
		s.settleIdentify(key, q)
	}
}

// updateSessionStart tells the queue what Discord has said.
func (s *incarnation) updateSessionStart(start ratelimit.SessionStart) {
	s.books.identifies.start = &start
	s.decide()
	s.afford()
}

// afford has as many of those whom the budget has refused ask again as it has permits for, since Discord may have said that there is more: what they were told, until
// when they wait, is not so any more then.
func (s *incarnation) afford() {
	spare := 0
	if s.books.identifies.start == nil { // the queue knows
		s.limit("Spare", func(queue ratelimit.IdentifyQueue) {
			if b, ok := queue.(ratelimit.Budgeter); ok {
				spare = b.Spare(time.Now())
			}
		})
	}
	for _, r := range s.board.all() {
		if now := r.still(); spare > 0 && now.state == session.Backoff && now.refused {
			spare--
			s.tell(r.key, affordable{})
		}
	}
}

// tellQueue tells the queue what it has not been told yet, and reports whether it knows all.
func (s *incarnation) tellQueue(now time.Time) bool {
	f := &s.books.identifies
	if now.Before(f.retry) {
		s.arm(f.retry)
		return false
	}
	if start := f.start; start != nil {
		if !s.limit("Update", func(queue ratelimit.IdentifyQueue) { queue.Update(now, *start) }) {
			return false
		}
		f.start = nil
	}
	if w := f.work; w != nil && w.over.Load() {
		f.work = nil
		s.limit("Work", func(ratelimit.IdentifyQueue) { w.done(now) })
	}
	if f.retry.IsZero() {
		return true
	}
	f.retry = time.Time{}
	for name, q := range f.asked {
		if !q.queued {
			s.question(name, q)
		}
	}
	return f.retry.IsZero()
}

// decide hands on what the queue decides, has its work done, and sees to it that it is asked again in time.
func (s *incarnation) decide() {
	f, now := &s.books.identifies, time.Now()
	f.stale = true
	if !s.tellQueue(now) {
		return
	}
	if s.probing(now) {
		f.next = s.books.probe.until
	} else {
		s.release()
		var decisions []ratelimit.Decision
		s.limit("Decide", func(queue ratelimit.IdentifyQueue) { decisions, f.next = queue.Decide(now) })
		if !f.next.IsZero() && !f.next.After(now) {
			f.next = now.Add(time.Millisecond) // a queue of somebody else's may be imprecise
		}
		for _, d := range decisions {
			s.decided(d)
		}
		if len(s.books.probe.held) > 0 {
			f.next = s.books.probe.until
		}
	}
	s.beginWork(now)
	s.arm(f.next)
	s.foresee(now)
}

// decided tells a shard that it has a permit, or why not.
func (s *incarnation) decided(d ratelimit.Decision) {
	f := &s.books.identifies
	q := f.asked[d.Shard]
	switch {
	case q == nil || s.books.children[q.key] == nil || s.books.children[q.key].pid == nil:
		f.forget(d.Shard)
		if d.Err == nil { // nobody wants it
			s.withdraw(d.Shard)
		}
		return
	case d.Err != nil:
		f.forget(d.Shard)
	case !s.probes(q):
		s.hold(d.Shard, q)
		return
	default:
		q.granted, q.queued = true, true
	}
	s.board.record(q.key).forecast.Store(nil)
	s.tell(q.key, granted{q.conn, d.Err, d.Expires, s.intentsOf(q.key)})
}

// identifyDue does what the time has come for.
func (s *incarnation) identifyDue(now time.Time) {
	f := &s.books.identifies
	due := func(at time.Time) bool { return !at.IsZero() && !now.Before(at) }
	if due(f.retry) || due(f.next) {
		s.decide()
		return
	}
	s.arm(f.next)
	s.arm(f.retry)
	s.foresee(now)
}

// catchUpIdentify brings the account up to date with the shards, after a crash of the supervisor: what they have said may have been lost
// with it, and the timer too. Who waits still waits.
func (s *incarnation) catchUpIdentify() {
	f := &s.books.identifies
	for _, q := range f.asked {
		r := s.board.record(q.key)
		if now := r.still(); now.state != session.Queued || now.conn != q.conn {
			s.settleIdentify(q.key, q)
		}
	}
	for _, r := range s.board.all() {
		if now := r.still(); now.state == session.Queued {
			if of := s.books.lives.of[r.key]; of != nil {
				s.askIdentify(askIdentify{from{r.key, of.number}, now.conn})
			}
		}
	}
	if f.queue != nil || f.start != nil {
		s.decide()
	}
}

// recoverIdentifies goes on where the incarnation before this one was: who has asked then is gone.
func (s *incarnation) recoverIdentifies() {
	f := &s.books.identifies
	for _, q := range f.asked {
		s.endIdentify(q.key, q.conn)
	}
}

// closeIdentify has all leave who wait, since this supervisor ends. A permit that is out may still be used, or expires.
func (s *incarnation) closeIdentify() {
	f := &s.books.identifies
	if f.work != nil {
		f.work.cancel()
	}
	for name, q := range f.asked {
		if f.forget(name); !q.granted {
			s.withdraw(name)
		}
	}
}
