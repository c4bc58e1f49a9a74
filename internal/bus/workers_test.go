package bus_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
)

// told is an event as the twin knows it.
type told struct {
	typ          events.Type
	guild        int // 0: none
	session      uint64
	seq          int64
	begun, ended bool
	shed         bool
}

func (e *told) done() bool { return e.ended || e.shed }

func (e *told) waits() bool { return !e.begun && !e.shed }

func (e *told) raw() events.Raw {
	raw := events.Raw{Type: e.typ, Data: []byte(`{"x":[{"guild_id":"99"}]}`)}
	if e.guild > 0 {
		raw.Data = fmt.Appendf(nil, `{"x":[{"guild_id":"99"}],"guild_id":"%d"}`, e.guild)
	}
	return raw
}

// twin knows by brute force what a handler with workers may do.
type twin struct {
	t       *testing.T
	name    string
	workers int
	policy  bus.Overflow
	limit   int

	mu   sync.Mutex
	all  []*told // as they were published
	most int     // were handled at a time
}

// key is what CoalesceBy goes by: of several guilds.
func (e *told) key() string {
	if e.guild == 0 {
		return ""
	}
	return fmt.Sprint(e.guild % 2)
}

// sheds is what a subscription of the policy sheds when an event comes.
func (w *twin) sheds(next *told) {
	var waiting, same []*told
	for _, e := range w.all {
		if !e.waits() {
			continue
		}
		waiting = append(waiting, e)
		if e.key() != "" && e.key() == next.key() {
			same = append(same, e)
		}
	}
	switch {
	case w.policy == bus.Block:
	case w.policy == bus.Coalesce && len(same) > 1:
		same[len(same)-1].shed = true
	case len(waiting) >= w.limit:
		if at := slices.IndexFunc(waiting, func(e *told) bool { return e.typ != events.TypeReady }); at >= 0 {
			waiting[at].shed = true
		}
	}
}

// may reports whether an event may be handled now, by what was published before it.
func (w *twin) may(e *told) bool {
	for _, before := range w.all {
		if before == e {
			return true
		}
		if !before.done() && (before.guild == 0 || e.guild == 0 || before.guild == e.guild || before.session != e.session) {
			return false
		}
	}
	panic("it was never published")
}

func (w *twin) running() (n int) {
	for _, e := range w.all {
		if e.begun && !e.ended {
			n++
		}
	}
	return n
}

// begin is called by the handler.
func (w *twin) begin(meta events.Meta) *told {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := slices.IndexFunc(w.all, func(e *told) bool { return e.session == meta.Session && e.seq == meta.Seq })
	if at < 0 {
		w.t.Fatalf("%s: event %d was never published", w.name, meta.Seq)
	}
	e := w.all[at]
	switch {
	case e.begun || e.shed:
		w.t.Errorf("%s: event %d comes twice, or was shed: %+v", w.name, e.seq, *e)
	case !w.may(e):
		w.t.Errorf("%s: event %d begins too early: %+v", w.name, e.seq, *e)
	case w.running() >= w.workers:
		w.t.Errorf("%s: event %d is one too many at a time", w.name, e.seq)
	}
	e.begun = true
	w.most = max(w.most, w.running())
	return e
}

func (w *twin) end(e *told) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e.ended = true
}

// rest checks what must hold when nobody can do anything before time goes on.
func (w *twin) rest(b *bus.Bus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var session, wantSession uint64
	var seq, wantSeq int64
	waiting := 0
	prefix := true
	for _, e := range w.all {
		if prefix = prefix && e.done(); prefix {
			wantSession, wantSeq = e.session, e.seq
		}
		if e.waits() {
			waiting++
			if w.running() < w.workers && w.may(e) {
				w.t.Errorf("%s: event %d waits, and needs not: %+v", w.name, e.seq, *e)
			}
		}
	}
	if session, seq = settled(b, 0); session != wantSession || seq != wantSeq {
		w.t.Errorf("%s: settled up to %d of session %d, want %d of %d", w.name, seq, session, wantSeq, wantSession)
	}
	if q := b.Queues(); len(q) > 0 && q[0].Depth != waiting {
		w.t.Errorf("%s: %d wait, it says %d", w.name, waiting, q[0].Depth)
	}
}

// TestWorkersAgainstTheirTwin: events of k guilds, of none and of sessions that follow each other, at random, under each policy,
// by handlers that take their time, panic and end their goroutines. The twin says what may begin, and what must.
func TestWorkersAgainstTheirTwin(t *testing.T) {
	t.Parallel()
	most := make(map[int]int) // workers → the most at a time
	for seed := range uint64(400) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 11))
			w := &twin{t: t, name: fmt.Sprintf("seed %d", seed), workers: 2 + r.IntN(4), policy: bus.Overflow(r.IntN(3)), limit: 2 + r.IntN(12)}
			guilds, odds := 1+r.IntN(8), 2+r.IntN(30)
			cfg, shed := silent(), 0
			cfg.HighWater, cfg.LowWater = 1000, 500
			cfg.Shed = func(s bus.Shed) { w.mu.Lock(); shed += s.Count; w.mu.Unlock() }
			b := bus.New(cfg)
			sub := bus.Subscription{Workers: w.workers, Overflow: w.policy, Handle: func(_ context.Context, _ any, meta events.Meta) {
				e := w.begin(meta)
				defer w.end(e)
				took := rand.New(rand.NewPCG(seed, uint64(meta.Seq)<<8|meta.Session))
				time.Sleep(time.Duration(took.IntN(20)) * time.Millisecond)
				switch took.IntN(8) {
				case 0:
					panic("a handler's own")
				case 1:
					runtime.Goexit()
				}
			}}
			if w.policy != bus.Block {
				sub.Queue = w.limit
			}
			sub.KeyOf = func(raw events.Raw) string {
				guild := events.GuildOf(&raw)
				return (&told{guild: int(guild)}).key()
			}
			b.Subscribe(sub)
			session, seq := uint64(1), int64(0)
			for range 60 {
				next := &told{typ: "X", guild: 1 + r.IntN(guilds)}
				seq++
				switch r.IntN(odds) {
				case 0:
					next.guild = 0
				case 1: // with its READY, or without: who is not subscribed to it
					session, seq = session+1, 1
					if r.IntN(2) == 0 {
						next.typ, next.guild = events.TypeReady, 0
					}
				}
				next.session, next.seq = session, seq
				w.mu.Lock()
				w.sheds(next)
				w.all = append(w.all, next)
				w.mu.Unlock()
				meta := at(0, seq)
				meta.Session = session
				post(b, next.raw(), meta)
				synctest.Wait()
				w.rest(b)
				time.Sleep(time.Duration(r.IntN(6)) * time.Millisecond)
				synctest.Wait()
				w.rest(b)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			w.rest(b)
			handled := 0
			for _, e := range w.all {
				if !e.done() {
					t.Errorf("%s: event %d is never handled", w.name, e.seq)
				}
				if e.shed {
					shed--
				} else {
					handled++
				}
			}
			if shed != 0 || handled == 0 {
				t.Errorf("%s: %d handled; it tells of %d more events shed", w.name, handled, shed)
			}
			if cut := b.Close(t.Context()); cut != nil {
				t.Error(cut)
			}
			most[w.workers] = max(most[w.workers], w.most)
		})
	}
	for workers := 2; workers <= 5; workers++ {
		if most[workers] != workers {
			t.Errorf("of %d workers %d were needed at most: the test shows too little", workers, most[workers])
		}
	}
}
