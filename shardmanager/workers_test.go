package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// span is when an event was handled.
type span struct {
	what       string
	begin, end time.Duration
}

// spans are those of a handler that takes its time.
type spans struct {
	since time.Time
	took  time.Duration

	mu  sync.Mutex
	all []span
}

func (s *spans) handle(what string) {
	begin := time.Since(s.since)
	time.Sleep(s.took)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, span{what, begin, time.Since(s.since)})
}

func (s *spans) String() string {
	slices.SortFunc(s.all, func(x, y span) int { return int(x.begin - y.begin) })
	text := ""
	for _, each := range s.all {
		text += fmt.Sprintf("%s %v-%v ", each.what, each.begin, each.end)
	}
	return text
}

func message(id, guild int) map[string]any {
	m := map[string]any{"id": fmt.Sprint(id), "timestamp": time.Now()}
	if guild > 0 {
		m["guild_id"] = fmt.Sprint(guild)
	}
	return m
}

// TestWorkersTellGuildsApart: two events of one guild one after the other, those of others beside them; a direct message alone.
func TestWorkersTellGuildsApart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		s := &spans{took: time.Second}
		shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, _ events.Meta) {
			s.handle(e.ID.String())
		}, shardmanager.WithWorkers(2))
		start(t, m)
		s.since = time.Now()
		for i, guild := range []int{1, 1, 2, 0, 3, 1, 2} {
			g.Shard(0).Dispatch("MESSAGE_CREATE", message(i+1, guild))
			pass(time.Millisecond)
		}
		pass(time.Minute)
		at := func(id int) span {
			i := slices.IndexFunc(s.all, func(each span) bool { return each.what == fmt.Sprint(id) })
			if i < 0 {
				t.Fatalf("%d was not handled: %v", id, s)
			}
			return s.all[i]
		}
		if len(s.all) != 7 || at(2).begin < at(1).end || at(3).begin >= at(1).end || at(4).begin < at(2).end || at(5).begin < at(4).end ||
			at(6).begin >= at(5).end || at(7).begin < at(6).end-10*time.Millisecond {
			t.Errorf("1 and 2 of a guild, 3 of another, 4 of none, 5, 6 and 7 of three: %v", s)
		}
	})
}

// TestWorkersWaitForALostSession: what came of it is handled before the next session's READY, and before the events of a handler
// that gets no READY.
func TestWorkersWaitForALostSession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		raws, messages := &spans{took: time.Minute}, &spans{took: 2 * time.Minute}
		shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, at events.Meta) {
			raws.handle(fmt.Sprint(raw.Type, at.Session))
		}, shardmanager.WithWorkers(8), shardmanager.WithTypes(events.TypeMessageCreate, events.TypeReady))
		shardmanager.On(m, func(_ context.Context, _ *events.MessageCreate, at events.Meta) {
			messages.handle(fmt.Sprint("MESSAGE_CREATE", at.Session))
		}, shardmanager.WithWorkers(8))
		raws.since, messages.since = time.Now(), time.Now()
		start(t, m)
		send := func() {
			for i := range 3 {
				g.Shard(0).Dispatch("MESSAGE_CREATE", message(i+1, i+1))
			}
			pass(time.Second)
		}
		send()
		g.Shard(0).InvalidSession(false)
		pass(30 * time.Second)
		send()
		pass(time.Hour)
		for _, s := range []*spans{raws, messages} {
			newest := len(s.all) / 2 // as many of one session as of the other
			_ = s.String()           // in order
			if len(s.all) < 6 || s.all[newest].begin < s.all[newest-1].end || s.all[newest-1].what == s.all[newest].what {
				t.Errorf("sessions are mixed: %v", s)
			}
		}
	})
}

// TestWorkersLeaveTheWatermark where the first is that is not handled, however many after it are.
func TestWorkersLeaveTheWatermark(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := session.NewMemoryStore()
		first := newManager(t, g, shardmanager.WithSessionStore(store))
		stuck, release := context.WithCancel(t.Context())
		var handled sync.Map
		shardmanager.OnRaw(first, func(_ context.Context, _ events.Raw, at events.Meta) {
			if at.Seq == 5 {
				<-stuck.Done()
			}
			handled.Store(at.Seq, true)
		}, shardmanager.WithWorkers(3))
		start(t, first)
		for i := range 9 {
			g.Shard(0).Dispatch("MESSAGE_CREATE", message(i, 100+i)) // sequences 2 to 10
		}
		pass(time.Minute)
		if _, done := handled.Load(int64(10)); !done {
			t.Error("a handler that is stuck in one guild holds up the others")
		}
		closeNow(t, first)
		release()
		saved, err := store.Load(t.Context(), events.ShardID{Total: 1})
		if err != nil || saved.Seq != 4 {
			t.Fatalf("saved %v, %v, want sequence 4", saved, err)
		}
		second := newManager(t, g, shardmanager.WithSessionStore(store))
		var got []int64
		shardmanager.OnRaw(second, func(_ context.Context, _ events.Raw, at events.Meta) { got = append(got, at.Seq) })
		start(t, second)
		pass(time.Second)
		if fmt.Sprint(got) != "[5 6 7 8 9 10 11]" {
			t.Errorf("after the restart: %v", got)
		}
	})
}

// TestWorkersThatCannotBe are told of by Start; the handler gets nothing.
func TestWorkersThatCannotBe(t *testing.T) {
	for workers, fails := range map[int]bool{-1: true, 1025: true, 1 << 30: true, 0: false, 1: false, 1024: false} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newManager(t, newGateway(t))
				shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) {}, shardmanager.WithWorkers(workers))
				err := m.Start(t.Context())
				bad, ok := errors.AsType[*shardmanager.OptionError](err)
				if ok != fails || fails && bad.Option != "WithWorkers" {
					t.Errorf("Start: %v", err)
				}
			})
		})
	}
}
