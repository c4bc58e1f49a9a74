package actors_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
)

// newFedFleet is a fleet with a bus that the test may look at.
func newFedFleet(t *testing.T, opts ...actor.PropsOption) (*fleet, *bus.Bus) {
	t.Helper()
	b := bus.New(bus.Config{
		HighWater: 4096, LowWater: 2048,
		Panicked: func(string, *events.Raw, events.Meta, any) {}, Failed: func(*events.Raw, events.Meta, error) {},
	})
	return newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.Bus = b }, opts...), b
}

// subscriber is an actor that subscribed to events of type X, and answers them when the test says so.
type subscriber struct {
	f   *fleet
	pid *actor.PID

	mu    sync.Mutex
	got   []*actors.Dispatch
	froms []*actor.PID
}

func (f *fleet) subscriber(credit int) *subscriber {
	f.t.Helper()
	s := &subscriber{f: f}
	s.pid = f.spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if d, ok := ctx.Message().(*actors.Dispatch); ok {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.got, s.froms = append(s.got, d), append(s.froms, ctx.Sender())
		}
	}))
	if _, ok := f.ask(&actors.Subscribe{PID: s.pid, Types: []events.Type{"X"}, Credit: credit}).(*actors.Subscribed); !ok {
		f.t.Fatal("it is not subscribed")
	}
	return s
}

// count is how many events of a shard have come.
func (s *subscriber) count(index int) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.got {
		if d.Meta.Shard.Index == index {
			n++
		}
	}
	return n
}

// done answers the event that came as the i-th.
func (s *subscriber) done(i int) {
	s.mu.Lock()
	d, from := s.got[i], s.froms[i]
	s.mu.Unlock()
	s.f.system.Root.Send(from, d.Done())
	pass(time.Millisecond)
}

// dispatch makes events of type X.
func (f *fleet) dispatch(index, n int) {
	for range n {
		f.gateway.Shard(index).Dispatch("X", 1)
	}
	pass(time.Second)
}

// TestSubscriberGetsWhatItHasCreditFor: one that answers nothing is sent as many events of each shard as its credit, and no more; each
// answer brings one. To answer twice, or what was never sent, brings nothing.
func TestSubscriberGetsWhatItHasCreditFor(t *testing.T) {
	for name, test := range map[string]struct{ asked, credit int }{"three": {3, 3}, "one": {1, 1}, "the default": {0, 64}, "less than none": {-1, 64}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f, _ := newFedFleet(t)
				f.start(2)
				s := f.subscriber(test.asked)
				before := f.gateway.Shard(0).Seq()
				f.dispatch(0, 100)
				want := test.credit
				check := func() {
					t.Helper()
					if got := s.count(0); got != want {
						t.Errorf("%d events came, want %d", got, want)
					}
				}
				check()
				for i := range 5 {
					s.done(i)
					want++
					check()
					s.done(i)
					f.system.Root.Send(s.froms[i], &actors.Handled{ID: 12345})
					f.system.Root.Send(s.froms[i], actors.Handled{})
					for range 50 {
						f.system.Root.Send(s.froms[i], (*actors.Handled)(nil))
					}
					pass(time.Second)
					check()
				}
				f.dispatch(1, 1) // another shard's has credit of its own
				if n := s.count(1); n != 1 {
					t.Errorf("%d events of the other shard came", n)
				}
				for i := 5; i < len(s.got); i++ {
					s.done(i)
				}
				var seqs []int64
				for _, d := range s.got {
					if d.Meta.Shard.Index == 0 {
						seqs = append(seqs, d.Meta.Seq)
					}
				}
				if !slices.IsSorted(seqs) || len(seqs) != 100 || seqs[0] != before+1 || seqs[99] != before+100 {
					t.Errorf("in all %d events: %v", len(seqs), seqs)
				}
			})
		})
	}
}

// TestWatermarkWaitsForTheSubscriber: how far a shard's events are settled, which is what is stored of its session, does not go on before the
// subscriber has answered; answers in another order settle what is behind them.
func TestWatermarkWaitsForTheSubscriber(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, b := newFedFleet(t)
		f.start(2)
		s := f.subscriber(8)
		before := f.gateway.Shard(0).Seq()
		settled := func(index int, want int64) {
			t.Helper()
			if session, seq := b.Shard(f.key(index)).Settled(); session != 1 || seq != want {
				t.Errorf("shard %d is settled up to %d of session %d, want %d", index, seq, session, want)
			}
		}
		settled(0, before)
		f.dispatch(0, 4)
		settled(0, before)
		f.gateway.Shard(0).Dispatch("Y", 1) // nobody wants it, but it came after
		pass(time.Second)
		settled(0, before)
		s.done(1)
		settled(0, before)
		s.done(0)
		settled(0, before+2)
		f.dispatch(1, 1)
		settled(1, f.gateway.Shard(1).Seq()-1)
		s.done(3)
		settled(0, before+2)
		s.done(2)
		settled(0, before+5)
		s.done(4)
		settled(1, f.gateway.Shard(1).Seq())
	})
}

// TestDeadSubscriberHoldsNothingUp: what it was sent counts as settled, and nothing more is sent to it; also when it ends after a restart of the
// supervisor, which those that live do not notice. So does one that unsubscribes.
func TestDeadSubscriberHoldsNothingUp(t *testing.T) {
	for name, crash := range map[string]bool{"alone": false, "after a restart of the supervisor": true} {
		for how, end := range map[string]func(*subscriber){
			"stopped":      func(s *subscriber) { s.f.stop(s.pid) },
			"poisoned":     func(s *subscriber) { s.f.system.Root.Poison(s.pid) },
			"unsubscribed": func(s *subscriber) { s.f.ask(actors.Subscribe{PID: s.pid, Off: true}) },
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					var armed atomic.Bool
					f, b := newFedFleet(t, crashesOn(&armed, "actors.shardUp")) // under the default strategy it is restarted
					f.start(1)
					dies, lives := f.subscriber(3), f.subscriber(64)
					before := f.gateway.Shard(0).Seq()
					f.dispatch(0, 5)
					if crash {
						armed.Store(true)
						f.gateway.Shard(0).Drop()
						pass(time.Minute)
						if armed.Load() || f.status().Ready() != 1 {
							t.Fatal("the supervisor did not crash, or did not come back")
						}
					}
					for i := range 5 {
						lives.done(i)
					}
					if _, seq := b.Shard(f.key(0)).Settled(); seq != before {
						t.Fatalf("settled up to %d, want %d", seq, before)
					}
					end(dies)
					pass(time.Second)
					f.dispatch(0, 10)
					for i := 5; i < 15; i++ {
						lives.done(i)
					}
					if _, seq := b.Shard(f.key(0)).Settled(); seq != f.gateway.Shard(0).Seq() {
						t.Errorf("settled up to %d, want %d", seq, f.gateway.Shard(0).Seq())
					}
					if n := dies.count(0); n != 3 {
						t.Errorf("%d events came to the one that ended", n)
					}
					if n := lives.count(0); n != 15 {
						t.Errorf("%d events came to the one that lives", n)
					}
				})
			})
		}
	}
}
