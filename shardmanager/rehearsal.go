package shardmanager

import (
	"container/heap"
	"context"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// What sessions and the supervisor keep to, as they have it.
const (
	dialDistance = 1100 * time.Millisecond // between two dials of a shard
	invalidWait  = time.Second             // after op 9 at the least
	invalidMore  = 4 * time.Second         // and so much more at the most, at random
	probeTime    = 5 * time.Second         // for which nobody identifies until the first READY has shown that the intents are accepted
	acceptedTime = time.Minute             // for which that holds
)

const rehearsalEnd = 48 * time.Hour // what has not come about by then never will

// rehearsal lives through what shards will do, in a time of its own, on a copy of the identify queue: so a forecast follows the same rules as what then happens. It
// touches nothing else.
type rehearsal struct {
	ctx    context.Context
	began  time.Time
	now    time.Time
	queue  ratelimit.IdentifyQueue
	steps  steps
	apart  time.Duration // dials
	dials  time.Time     // when the next dial may begin
	probes bool          // the first Identify goes alone

	due     tasks
	wake    time.Time // when the queue decides again; zero: when something changes
	waiting map[ratelimit.Shard]func()
	held    []ratelimit.Shard // that gave their permits back
	proved  time.Time         // until when the first Identify goes alone

	ends    time.Time // the latest thing that matters
	refused error     // why it cannot go on
}

// task is what is to be done at a time.
type task struct {
	at    time.Time
	order int
	do    func()
}

// tasks are a heap: the first to be done is the first.
type tasks struct {
	all   []task
	added int
}

func (t *tasks) Len() int      { return len(t.all) }
func (t *tasks) Swap(i, j int) { t.all[i], t.all[j] = t.all[j], t.all[i] }
func (t *tasks) Push(of any)   { t.all = append(t.all, of.(task)) }
func (t *tasks) Less(i, j int) bool {
	a, b := t.all[i], t.all[j]
	return a.at.Before(b.at) || a.at.Equal(b.at) && a.order < b.order
}
func (t *tasks) Pop() any {
	last := t.all[len(t.all)-1]
	t.all = t.all[:len(t.all)-1]
	return last
}

// after has something done later.
func (r *rehearsal) after(d time.Duration, do func()) {
	r.due.added++
	heap.Push(&r.due, task{r.now.Add(d), r.due.added, do})
}

// connect has a shard dial in its turn, and greeted.
func (r *rehearsal) connect(then func()) {
	turn := r.now
	if r.dials.After(turn) {
		turn = r.dials
	}
	r.dials = turn.Add(r.apart)
	r.after(turn.Sub(r.now)+r.steps.dial+r.steps.hello, then)
}

// fresh has a shard become Ready with a new session.
func (r *rehearsal) fresh(shard ratelimit.Shard, then func()) {
	r.connect(func() {
		r.waiting[shard] = func() { r.after(r.steps.ready, func() { r.done(then) }) }
		r.queue.Ask(r.now, shard)
		r.decide()
	})
}

// resume has a shard become Ready with the session that it has.
func (r *rehearsal) resume(then func()) {
	r.connect(func() { r.after(r.steps.resumed, func() { r.done(then) }) })
}

// renew has a shard become Ready whose session the gateway does not know any more: its Resume is refused. spread, 0 to 1, stands for chance.
func (r *rehearsal) renew(shard ratelimit.Shard, spread float64, then func()) {
	r.connect(func() {
		r.after(r.steps.answer+invalidWait+time.Duration(spread*float64(invalidMore)), func() { r.fresh(shard, then) })
	})
}

// done is the end of something, for now.
func (r *rehearsal) done(then func()) {
	r.ends = r.now
	if then != nil {
		then()
	}
}

// decide has the queue decide until it has nothing more to say.
func (r *rehearsal) decide() {
	if r.now.Before(r.proved) {
		r.wake = r.proved
		return
	}
	for _, shard := range r.held {
		r.queue.Ask(r.now, shard)
	}
	r.held = nil
	for again := true; again && r.refused == nil; {
		again = false
		var decisions []ratelimit.Decision
		decisions, r.wake = r.queue.Decide(r.now)
		for _, d := range decisions {
			again = again || d.Err == nil
			r.decided(d)
		}
		if r.now.Before(r.proved) {
			r.wake, again = r.proved, false
		}
	}
	if !r.wake.IsZero() && !r.wake.After(r.now) {
		r.wake = r.now.Add(time.Millisecond)
	}
}

// decided has a shard use its permit at once. Of others than those of the rehearsal nothing is known but that they wait.
func (r *rehearsal) decided(d ratelimit.Decision) {
	then := r.waiting[d.Shard]
	switch {
	case d.Err != nil && then != nil:
		r.refused = d.Err
		return
	case d.Err != nil:
		return
	case r.now.Before(r.proved):
		r.queue.Withdraw(r.now, d.Shard)
		r.held = append(r.held, d.Shard)
		return
	case r.probes:
		r.probes, r.proved = false, r.now.Add(min(r.steps.ready, probeTime))
	}
	r.queue.Used(r.now, d.Shard)
	delete(r.waiting, d.Shard)
	if then != nil {
		then()
	}
}

// run lets time pass until all is done, or the budget refuses to go on.
func (r *rehearsal) run() {
	for n := 1; r.refused == nil && (len(r.due.all) > 0 || len(r.waiting) > 0); n++ {
		if n%1024 == 0 && r.ctx.Err() != nil {
			return
		}
		first := len(r.due.all) > 0 && (r.wake.IsZero() || !r.wake.Before(r.due.all[0].at))
		switch {
		case first:
			next := heap.Pop(&r.due).(task)
			r.now = next.at
			next.do()
		case !r.wake.IsZero() && r.wake.Sub(r.began) < rehearsalEnd:
			r.now = r.wake
			r.decide()
		default:
			r.refused = errNoEnd
			return
		}
	}
}
