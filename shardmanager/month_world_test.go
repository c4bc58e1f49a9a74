package shardmanager_test

import (
	"container/heap"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// month is a fleet without sockets and actors, so that months of thousands of shards can be had: the machines and the
// identify queue are real, and a gateway that fails is played by the test.
type month struct {
	t        *testing.T
	shards   int
	keys     int
	queue    *ratelimit.Queue
	next     time.Time // when the queue decides again
	changed  bool      // or now
	random   *rand.Rand
	machines []*member
	bare     bool // the shards are no more than what they ask of the queue
	asked    int  // permits
	due      dues

	// The gateway.
	down      bool // dials fail
	deaf      bool // Identifies are not answered
	left      int  // of the budget
	resetAt   time.Time
	least     int // left at any time
	identify  int
	resumed   int
	last      map[int]time.Time // key → its last Identify
	tooClose  int
	lastWrite time.Time
}

const monthInterval = 10 * time.Minute // of heartbeats: the longest there is, so that most of the month is not heartbeats

// identified is the gateway's account of one Identify.
func (f *month) identified(shard int) {
	now := time.Now()
	f.refill(now)
	f.left--
	f.identify++
	f.least = min(f.least, f.left)
	if last, ok := f.last[shard%f.keys]; ok && now.Sub(last) < ratelimit.IdentifyInterval {
		f.tooClose++
	}
	f.last[shard%f.keys], f.lastWrite = now, now
}

func (f *month) refill(now time.Time) {
	if !now.Before(f.resetAt) {
		f.left, f.resetAt = monthBudget, f.resetAt.Add(24*time.Hour)
	}
}

func newMonth(t *testing.T, shards, keys int) *month {
	return &month{
		t: t, shards: shards, keys: keys, random: rand.New(rand.NewPCG(uint64(shards), uint64(keys))),
		left: monthBudget, least: monthBudget, resetAt: time.Now().Add(24 * time.Hour), last: make(map[int]time.Time),
	}
}

// start begins a process: it learns what is left of the budget, and starts all shards.
func (f *month) start(cursor session.Cursor, opts ...ratelimit.Option) {
	now := time.Now()
	f.refill(now)
	f.queue = ratelimit.Local(ratelimit.SessionStart{
		Total: monthBudget, Remaining: f.left, ResetAfter: f.resetAt.Sub(now), MaxConcurrency: f.keys,
	}, opts...).Identify().(*ratelimit.Queue)
	f.machines, f.due, f.next = make([]*member, f.shards), nil, time.Time{}
	for index := range f.machines {
		m := &member{month: f, index: index, cursor: cursor}
		f.machines[index] = m
		if f.bare {
			m.step(session.Input{})
			continue
		}
		random := rand.New(rand.NewPCG(f.random.Uint64(), uint64(index))) // its own, since outages go on in parallel
		machine, err := session.NewMachine(session.Config{
			Shard: events.ShardID{Index: index, Total: f.shards}, Identify: events.Identify{Token: "t"}, Cursor: &m.cursor, Rand: random,
		}, m)
		if err != nil {
			f.t.Fatal(err)
		}
		m.machine = machine
		m.step(session.Input{Kind: session.Start})
	}
}

// run lets time pass, until the end or until the process has crashed.
func (f *month) run(end time.Time, crashed func() bool) {
	for f.settle(); !crashed(); f.settle() {
		until := end
		if len(f.due) > 0 {
			until = minTime(until, f.due[0].at)
		}
		if !f.next.IsZero() {
			until = minTime(until, f.next)
		}
		time.Sleep(time.Until(until))
		now := time.Now()
		if !now.Before(end) {
			return
		}
		f.changed = f.changed || !f.next.IsZero() && !now.Before(f.next)
		if len(f.due) > 0 && !now.Before(f.due[0].at) {
			d := heap.Pop(&f.due).(due)
			if m := f.machines[d.shard]; m.wake.Equal(d.at) { // or it was set anew
				m.step(session.Input{Kind: session.Tick})
			}
		}
	}
}

// settle hands on what the queue decides, and has its ledger written.
func (f *month) settle() {
	for f.changed {
		f.changed = false
		var decisions []ratelimit.Decision
		decisions, f.next = f.queue.Decide(time.Now())
		for _, d := range decisions {
			f.decided(d)
		}
		if do, done := f.queue.Work(time.Now()); do != nil {
			do(f.t.Context())
			done(time.Now())
			f.changed = true
		}
	}
}

func (f *month) decided(d ratelimit.Decision) {
	m := f.machines[d.Shard.Index]
	var budget *ratelimit.BudgetError
	errors.As(d.Err, &budget)
	switch {
	case m.machine == nil && d.Err != nil:
		m.wake = budget.Until
		m.reschedule()
	case m.machine == nil:
		f.used(d.Shard)
		f.identified(m.index)
	case m.machine.State() != session.Queued:
		f.t.Errorf("shard %d is decided on, and does not wait", m.index)
	case d.Err != nil:
		m.step(session.Input{Kind: session.Refused, Conn: m.machine.Conn(), Err: d.Err, At: budget.Until})
	default:
		m.step(session.Input{Kind: session.Granted, Conn: m.machine.Conn()})
	}
}

func (f *month) used(shard ratelimit.Shard) {
	f.queue.Used(time.Now(), shard)
	f.changed = true
}

func (f *month) end() {
	for _, m := range slices.Backward(f.machines) {
		if m.machine != nil {
			m.step(session.Input{Kind: session.Stop, Code: events.CloseUnknownError})
		}
		m.Dequeue(0)
	}
}

// outage has each shard live through the gateway's absence by itself, since nothing joins them then.
func (f *month) outage(end time.Time) {
	f.down = true
	var all sync.WaitGroup
	for part := range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for index := part; index < f.shards; index += runtime.GOMAXPROCS(0) {
				for m := f.machines[index]; !m.wake.IsZero() && m.wake.Before(end); {
					m.stepAt(m.wake, session.Input{Kind: session.Tick})
				}
			}
		})
	}
	all.Wait()
	time.Sleep(time.Until(end))
	f.down, f.due = false, nil
	for _, m := range f.machines {
		m.reschedule()
	}
}

func (f *month) judge(what string) {
	f.t.Helper()
	f.t.Logf("%s: %d shards, %d keys: %d identifies, %d resumes, at least %d of %d left", what, f.shards, f.keys, f.identify, f.resumed, f.least, monthBudget)
	if f.least < monthReserve || f.tooClose > 0 {
		f.t.Errorf("%s: %d of the reserve of %d was left, %d identifies came too soon", what, f.least, monthReserve, f.tooClose)
	}
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
