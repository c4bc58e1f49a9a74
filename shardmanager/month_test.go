package shardmanager_test

import (
	"container/heap"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

var (
	monthDays = flag.Int("month.days", 3, "how many days the months of few shards have")
	monthMany = flag.Duration("month.many", 20*time.Minute, "how long the months of 1,000 shards and more are")
	monthMost = flag.Int("month.shards", 1000, "fleets of more shards are left out; 10000: none is")
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

// member is one shard, and its machine's host.
type member struct {
	month   *month
	index   int
	machine *session.Machine // nil: bare
	cursor  session.Cursor
	inputs  []session.Input
	wake    time.Time
}

const monthInterval = 10 * time.Minute // of heartbeats: the longest there is, so that most of the month is not heartbeats

func (m *member) Connect(conn uint64, _ events.Secret) {
	if m.month.down {
		m.inputs = append(m.inputs, session.Input{Kind: session.Lost, Conn: conn, Err: errors.New("refused")})
		return
	}
	m.inputs = append(m.inputs, session.Input{Kind: session.Connected, Conn: conn}, m.frame(conn, fmt.Sprintf(`{"op":10,"d":{"heartbeat_interval":%d}}`, monthInterval.Milliseconds())))
}

func (m *member) frame(conn uint64, payload string) session.Input {
	return session.Input{Kind: session.Frame, Conn: conn, Data: []byte(payload), At: time.Now()}
}

func (m *member) Write(conn uint64, op events.Opcode, _ []byte) error {
	switch op {
	case events.OpHeartbeat:
		m.inputs = append(m.inputs, m.frame(conn, `{"op":11}`))
	case events.OpIdentify:
		m.month.used(m.shard())
		m.month.identified(m.index)
		if !m.month.deaf {
			m.inputs = append(m.inputs, m.frame(conn, `{"op":0,"t":"READY","s":1,"d":{"session_id":"s","resume_gateway_url":"wss://gateway.discord.gg","user":{"id":"1"}}}`))
		}
	case events.OpResume:
		m.month.resumed++
		m.inputs = append(m.inputs, m.frame(conn, fmt.Sprintf(`{"op":0,"t":"RESUMED","s":%d,"d":{}}`, m.cursor.Seq+1)))
	}
	return nil
}

func (m *member) shard() ratelimit.Shard {
	return ratelimit.Shard{Index: m.index, Total: m.month.shards}
}

func (m *member) Enqueue(uint64) {
	m.month.asked++
	m.month.queue.Ask(time.Now(), m.shard())
	m.month.changed = true
}

func (m *member) Dequeue(uint64) {
	m.month.queue.Withdraw(time.Now(), m.shard())
	m.month.changed = true
}

func (m *member) Close(uint64, events.CloseCode)       {}
func (m *member) Wake(at time.Time)                    { m.wake = at }
func (m *member) Deliver(events.Raw, events.Meta) bool { return false }
func (m *member) Part(uint64, events.Raw) bool         { return false }
func (m *member) Ended(session.Outcome)                {}
func (m *member) Latency(_, _ time.Duration)           {}
func (m *member) Changed(session.Change)               {}
func (m *member) Odd(error)                            {}

// step feeds the machine, and what the gateway answers.
func (m *member) step(in session.Input) {
	if m.machine == nil {
		m.wake = time.Time{}
		m.Enqueue(0)
		return
	}
	m.stepAt(time.Now(), in)
	m.plan()
}

func (m *member) stepAt(now time.Time, in session.Input) {
	m.inputs = append(m.inputs, in)
	for i := 0; i < len(m.inputs); i++ {
		m.machine.Step(now, m.inputs[i])
	}
	m.inputs = m.inputs[:0]
}

func (m *member) plan() {
	if !m.wake.IsZero() {
		heap.Push(&m.month.due, due{m.wake, m.index})
	}
}

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

const (
	monthBudget  = 2000
	monthReserve = monthBudget / 10
)

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
			if m := f.machines[d.shard]; m.wake.Equal(d.at) { // or it was planned anew
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
		m.plan()
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
		m.plan()
	}
}

func (f *month) judge(what string) {
	f.t.Helper()
	f.t.Logf("%s: %d shards, %d keys: %d identifies, %d resumes, at least %d of %d left", what, f.shards, f.keys, f.identify, f.resumed, f.least, monthBudget)
	if f.least < monthReserve || f.tooClose > 0 {
		f.t.Errorf("%s: %d of the reserve of %d was left, %d identifies came too soon", what, f.least, monthReserve, f.tooClose)
	}
}

// months calls f for each size of a fleet and number of keys.
func months(t *testing.T, f func(t *testing.T, shards, keys int, long time.Duration)) {
	for _, shards := range []int{1, 16, 1000, 10000} {
		long := time.Duration(*monthDays) * 24 * time.Hour
		if shards >= 1000 {
			long = *monthMany
		}
		for _, keys := range []int{1, 16, 64} {
			if shards <= *monthMost {
				t.Run(fmt.Sprintf("%d shards %d keys", shards, keys), func(t *testing.T) {
					bubble(t, func(t *testing.T) { f(t, shards, keys, long) })
				})
			}
		}
	}
}

// TestMonthOfUnansweredIdentifies: a gateway that takes every Identify and never says READY gets no more of them than the
// budget has without its reserve, on any day.
//
// Failures: F34.
func TestMonthOfUnansweredIdentifies(t *testing.T) {
	months(t, func(t *testing.T, shards, keys int, long time.Duration) {
		f := newMonth(t, shards, keys)
		f.deaf = true
		f.start(session.Cursor{})
		f.run(time.Now().Add(long), func() bool { return false })
		f.end()
		f.judge("unanswered")
		if long > 24*time.Hour && f.identify < int(long/(24*time.Hour))*monthBudget/100 {
			t.Errorf("%d identifies are too few: nobody was going to come back", f.identify)
		}
	})
}

// TestMonthOfOutage: sessions that live outlive an outage of any length without one Identify.
//
// Failures: F10, F34.
func TestMonthOfOutage(t *testing.T) {
	months(t, func(t *testing.T, shards, keys int, long time.Duration) {
		if shards >= 10000 && keys != 16 {
			t.Skip("no permit is asked for, so keys make no difference: one run of 1.7 thousand million dials a month is enough")
		}
		f := newMonth(t, shards, keys)
		f.down = true
		f.start(session.Cursor{SessionID: "s", ResumeURL: "wss://gateway.discord.gg", Seq: 7, Session: 1})
		f.outage(time.Now().Add(long))
		f.run(time.Now().Add(time.Minute), func() bool { return false }) // no shard waits longer than half of that
		for _, m := range f.machines {
			if m.machine.State() != session.Ready {
				t.Fatalf("shard %d is %v a minute after the outage", m.index, m.machine.State())
			}
		}
		f.end()
		f.judge("outage")
		if f.identify != 0 || f.asked != 0 || f.resumed != shards {
			t.Errorf("%d identifies, %d permits asked for, %d resumes", f.identify, f.asked, f.resumed)
		}
	})
}

// pages is a ledger of which a process that is dead can write nothing.
type pages struct {
	state ratelimit.LedgerState
	life  atomic.Int64
}

type page struct {
	*pages
	life int64
}

func (p page) LoadLedger(context.Context) (ratelimit.LedgerState, error) {
	state := p.state
	state.Written = maps.Clone(state.Written)
	return state, nil
}

func (p page) SaveLedger(_ context.Context, state ratelimit.LedgerState) error {
	if p.pages.life.Load() != p.life {
		return errDisk
	}
	p.state = state
	return nil
}

// TestMonthOfCrashes: a process that dies two seconds after each Identify, and is started again ten seconds later, is held
// back by what the ledger says.
//
// Failures: F33.
func TestMonthOfCrashes(t *testing.T) {
	months(t, func(t *testing.T, shards, keys int, long time.Duration) {
		f := newMonth(t, shards, keys)
		f.bare = shards >= 1000 // there are 54,000 lives in a month
		book := &pages{}
		lives := 0
		for end := time.Now().Add(long); time.Now().Before(end); lives++ {
			f.deaf, f.lastWrite = lives%2 == 0, time.Time{}
			f.start(session.Cursor{}, ratelimit.WithLedger(page{book, book.life.Add(1)}))
			f.run(end, func() bool { return !f.lastWrite.IsZero() })
			f.run(minTime(end, time.Now().Add(2*time.Second)), func() bool { return false })
			book.life.Add(1)
			f.end()
			time.Sleep(10 * time.Second)
		}
		f.judge(fmt.Sprintf("%d lives", lives))
	})
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

type due struct {
	at    time.Time
	shard int
}

type dues []due

func (d dues) Len() int           { return len(d) }
func (d dues) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d dues) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *dues) Push(v any)        { *d = append(*d, v.(due)) }
func (d *dues) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}
