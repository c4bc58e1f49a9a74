package limitertest

import (
	"context"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// Owner owns an identify queue in a test: it tells the queue the time, hands on what it decides, and has its work done. All of
// it happens on the goroutine that calls Run or Until, so it needs no lock; in a synctest bubble its time is virtual.
type Owner struct {
	// Decided is told each decision. It may call the Owner. The default is to use each permit at once.
	Decided func(ratelimit.Decision)

	queue   ratelimit.IdentifyQueue
	news    chan struct{}
	worked  chan func(time.Time)
	changed bool
	next    time.Time
	tasks   []task
}

type task struct {
	at time.Time
	do func()
}

// NewOwner returns the owner of a queue that has no other.
func NewOwner(queue ratelimit.IdentifyQueue) *Owner {
	o := &Owner{queue: queue, news: make(chan struct{}, 1), worked: make(chan func(time.Time), 1)}
	o.Decided = func(d ratelimit.Decision) {
		if d.Err == nil {
			o.Used(d.Shard)
		}
	}
	if n, ok := queue.(ratelimit.Notifier); ok {
		n.Notify(func() {
			select {
			case o.news <- struct{}{}:
			default:
			}
		})
	}
	return o
}

// Ask has a shard wait.
func (o *Owner) Ask(shards ...ratelimit.Shard) {
	for _, shard := range shards {
		o.queue.Ask(time.Now(), shard)
	}
	o.changed = true
}

// Withdraw has a shard wait no longer, or gives its permit back.
func (o *Owner) Withdraw(shard ratelimit.Shard) {
	o.queue.Withdraw(time.Now(), shard)
	o.changed = true
}

// Used says that a shard has written its Identify just now.
func (o *Owner) Used(shard ratelimit.Shard) {
	o.queue.Used(time.Now(), shard)
	o.changed = true
}

// Update says what Discord has said just now.
func (o *Owner) Update(start ratelimit.SessionStart) {
	o.queue.Update(time.Now(), start)
	o.changed = true
}

// After has something done when Run or Until has let that much time pass.
func (o *Owner) After(d time.Duration, do func()) {
	o.tasks = append(o.tasks, task{time.Now().Add(d), do})
}

// Run lets time pass.
func (o *Owner) Run(d time.Duration) { o.Until(d, func() bool { return false }) }

// Until lets time pass until it is so, and reports whether that came about in time.
func (o *Owner) Until(most time.Duration, so func() bool) bool {
	for end := time.Now().Add(most); ; {
		o.settle()
		now := time.Now()
		switch {
		case so():
			return true
		case !now.Before(end):
			return false
		}
		wake := end
		if !o.next.IsZero() && o.next.Before(wake) {
			wake = o.next
		}
		for _, p := range o.tasks {
			if p.at.Before(wake) {
				wake = p.at
			}
		}
		timer := time.NewTimer(wake.Sub(now))
		select {
		case <-timer.C:
		case <-o.news:
			o.changed = true
		case done := <-o.worked:
			done(time.Now())
			o.changed = true
		}
		timer.Stop()
	}
}

// settle does all that is to be done now.
func (o *Owner) settle() {
	for i := 0; i < len(o.tasks); i++ {
		if p := o.tasks[i]; !time.Now().Before(p.at) {
			o.tasks = append(o.tasks[:i], o.tasks[i+1:]...)
			i = -1
			p.do()
		}
	}
	for now := time.Now(); o.changed || !o.next.IsZero() && !now.Before(o.next); {
		o.changed = false
		decisions, next := o.queue.Decide(now)
		if o.next = next; len(decisions) == 0 && !next.IsZero() && !next.After(now) {
			o.next = now.Add(time.Millisecond) // so that one which is wrong about the time does not stop it
		}
		for _, d := range decisions {
			o.Decided(d)
		}
		o.work(now)
	}
}

func (o *Owner) work(now time.Time) {
	w, ok := o.queue.(ratelimit.Worker)
	if !ok {
		return
	}
	do, done := w.Work(now)
	if do == nil {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), ratelimit.WorkTimeout)
		defer cancel()
		defer func() { o.worked <- done }()
		do(ctx)
	}()
}
