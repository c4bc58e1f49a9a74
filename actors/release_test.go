package actors_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// beside is another process's fleet, with the same gateway. All of its shards are released: it waits for them.
func (f *fleet) beside(total int, change func(*actors.SupervisorConfig)) *fleet {
	f.t.Helper()
	other := &fleet{gateway: f.gateway, harness: newHarness(f.t)}
	cfg := config(f.gateway)
	if change != nil {
		change(&cfg)
	}
	var err error
	if other.Supervisor, err = actors.NewSupervisor(cfg); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(other.Wait)
	other.supervisor = other.spawn(other.Props())
	wants := make(map[actors.Key]actors.Want)
	for index := range total {
		wants[actors.Key{Shard: events.ShardID{Index: index, Total: total}}] = actors.Want{Mode: actors.Release}
	}
	if set, ok := other.ask(actors.SetPlan{Change: wants}).(*actors.PlanSet); !ok {
		f.t.Fatalf("%+v", set)
	}
	return other
}

// release releases a shard, which must succeed.
func (f *fleet) release(index int, within time.Duration) session.Snapshot {
	f.t.Helper()
	switch m := f.ask(actors.ReleaseShard{Key: f.key(index), Within: within}).(type) {
	case *actors.ShardReleased:
		return m.Snapshot
	case *actors.Refusal:
		f.t.Fatal(m.Err)
	}
	return session.Snapshot{}
}

// adopt adopts a shard; nil: it is.
func (f *fleet) adopt(snapshot session.Snapshot) error {
	f.t.Helper()
	if refusal, ok := f.ask(actors.AdoptShard{Snapshot: snapshot}).(*actors.Refusal); ok {
		return refusal.Err
	}
	return nil
}

// seen are the sequences of the events X that handlers were given, with those that may have come before as negative numbers.
type seen struct {
	mu   sync.Mutex
	seqs []int64
}

func (s *seen) handle(during time.Duration) func(events.Raw, events.Meta) {
	return func(_ events.Raw, at events.Meta) {
		s.mu.Lock()
		if s.seqs = append(s.seqs, at.Seq); at.Redelivered {
			s.seqs[len(s.seqs)-1] = -at.Seq
		}
		s.mu.Unlock()
		time.Sleep(during)
	}
}

func (s *seen) take() (seqs []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seqs, s.seqs = s.seqs, nil
	return seqs
}

func equal(a []int64, b ...int64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestReleasedShardIsHandedOver: what it gives out is exact, nothing is lost or comes twice, and it costs no Identify.
func TestReleasedShardIsHandedOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(2)
		other := f.beside(2, nil)
		var here, there seen
		f.Handle([]events.Type{"X"}, here.handle(time.Second))
		other.Handle([]events.Type{"X"}, there.handle(0))
		first := f.gateway.Shard(0).Dispatch("X", 1)
		f.gateway.Shard(0).Dispatch("X", 2)
		pass(100 * time.Millisecond)
		begun := time.Now()
		snapshot := f.release(0, 0)
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		if snapshot.Seq != first+1 || !snapshot.Exact || snapshot.Fence != 1 || snapshot.Shard != f.key(0).Shard || snapshot.SessionID == "" {
			t.Errorf("%v: exact %v, fence %d", snapshot, snapshot.Exact, snapshot.Fence)
		}
		f.gateway.ShardOf(f.key(0).Shard).Dispatch("X", 3) // while nobody is connected
		pass(time.Minute)                                  // slow ticks
		if shard, _ := f.shard(0); shard.State != session.Closed || shard.Mode != actors.Release || f.gateway.Stats().Live != 1 {
			t.Errorf("it is %v, %v", shard.State, shard.Mode)
		}
		if err := other.adopt(snapshot); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		if shard, _ := other.shard(0); shard.State != session.Ready || shard.Fence != 1 {
			t.Errorf("it is %v there, with fence %d", shard.State, shard.Fence)
		}
		if h, o := here.take(), there.take(); !equal(h, first, first+1) || !equal(o, first+2) {
			t.Errorf("here came %v, there %v", h, o)
		}
		if _, err := other.sendsTo(0).Send(t.Context(), events.Heartbeat{}); err != nil {
			t.Error(err)
		}
		if s := f.gateway.Stats(); s.Identifies != 2 || s.Resumes != 1 {
			t.Errorf("%+v", s)
		}
		f.gateway.RequireNoViolations(t)
	})
}

// TestReleasedShardRunsUnderAHigherFenceAlone: whoever asks, and how often, and after it was forgotten.
func TestReleasedShardRunsUnderAHigherFenceAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.Fence = 40 })
		f.start(1)
		snapshot, key := f.release(0, 0), f.key(0)
		if again := f.release(0, 0); again != snapshot || snapshot.Fence != 41 {
			t.Errorf("given out again it is %v, after %v", again, snapshot)
		}
		f.ask(actors.RestartShard{Key: key})
		f.ask(actors.ReidentifyShard{Key: key})
		if stopping, ok := f.ask(actors.StopShards{}).(*actors.ShardsStopping); !ok || len(stopping.Keys) != 0 {
			t.Errorf("a stop of all: %+v", stopping)
		}
		version := func() uint64 { return f.ask(actors.GetPlan{}).(*actors.Plan).Version }
		for _, m := range []any{
			actors.StartShards{Total: 1},
			actors.SetPlan{From: version(), Change: map[actors.Key]actors.Want{key: {Fence: 40}}},
			actors.SetPlan{From: version(), Change: map[actors.Key]actors.Want{key: {Fence: 40, Mode: actors.Pause}}},
		} {
			var refused *actors.PlanError
			switch answer := f.ask(m).(type) {
			case *actors.ShardsStarted:
				if !errors.As(answer.Err, &refused) {
					t.Errorf("%+v", answer)
				}
			case *actors.Refusal:
				if !errors.As(answer.Err, &refused) {
					t.Errorf("%T: %v", m, answer.Err)
				}
			default:
				t.Errorf("%T is answered with %+v", m, answer)
			}
		}
		f.ask(actors.SetPlan{From: version(), Remove: []actors.Key{key}})
		pass(time.Minute)
		if refusal, ok := f.ask(actors.SetPlan{From: version(), Change: map[actors.Key]actors.Want{key: {Fence: 40}}}).(*actors.Refusal); !ok {
			t.Errorf("forgotten, and named again: %+v", refusal)
		}
		pass(time.Minute)
		if s := f.gateway.Stats(); s.Connections != 1 || s.Live != 0 {
			t.Errorf("it has run: %+v", s)
		}
		f.ask(actors.SetPlan{From: version(), Change: map[actors.Key]actors.Want{key: {Fence: 41}}, Restore: map[actors.Key]session.Snapshot{key: snapshot}})
		pass(time.Minute)
		if s := f.gateway.Stats(); s.Live != 1 {
			t.Errorf("under a higher fence: %+v", s)
		}
	})
}

// TestReleaseComesToOneEnd for all who ask, whatever happens meanwhile.
func TestReleaseComesToOneEnd(t *testing.T) {
	for name, meanwhile := range map[string]func(*fleet) error{ // what comes of it
		"asked twice":          func(f *fleet) error { return nil },
		"the shard crashes":    func(f *fleet) error { f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(0)}); return nil },
		"all is stopped":       func(f *fleet) error { f.ask(actors.StopShards{}); return nil },
		"the plan changes":     func(f *fleet) error { f.setFence(7, actors.Run); return actors.ErrNotReleased },
		"the supervisor stops": func(f *fleet) error { f.stop(f.supervisor); return actors.ErrClosed },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, nil)
				f.start(1)
				var here seen
				f.Handle([]events.Type{"X"}, here.handle(3*time.Second))
				f.gateway.Shard(0).Dispatch("X", 1)
				withhold(f)
				p := f.probe()
				p.ask(f.supervisor, actors.SendEvent{ID: 1, Op: events.OpRequestGuildMembers, Data: members(t)})
				pass(time.Second)
				askers := []*probe{f.probe(), f.probe()}
				for _, asker := range askers {
					asker.ask(f.supervisor, &actors.ReleaseShard{Key: f.key(0)})
					pass(time.Millisecond)
				}
				want := meanwhile(f)
				var given []session.Snapshot
				for _, asker := range askers {
					switch m := asker.next(15 * time.Second).(type) {
					case *actors.ShardReleased:
						given = append(given, m.Snapshot)
					case *actors.Refusal:
						if want == nil || !errors.Is(m.Err, want) {
							t.Error(m.Err)
						}
					default:
						t.Errorf("a %T came", m)
					}
					asker.expectNone(time.Minute)
				}
				if want == nil && (len(given) != 2 || given[0] != given[1] || given[0].SessionID == "" || f.gateway.Stats().Live != 0) {
					t.Errorf("given out: %v", given)
				}
				if name == "the plan changes" && (f.status().Ready() != 1 || f.gateway.Stats().Connections != 1) {
					t.Errorf("%+v", f.status())
				}
			})
		})
	}
}

// setFence changes the plan of the first shard.
func (f *fleet) setFence(fence uint64, mode actors.Mode) {
	f.t.Helper()
	plan := f.ask(actors.GetPlan{}).(*actors.Plan)
	if set, ok := f.ask(actors.SetPlan{From: plan.Version, Change: map[actors.Key]actors.Want{f.key(0): {Fence: fence, Mode: mode}}}).(*actors.PlanSet); !ok {
		f.t.Fatalf("%+v", set)
	}
}

// TestReleaseOfWhatIsNotConnected: a shard that is paused, or quarantined, or was released by a plan; and of what is not here, a refusal.
func TestReleaseOfWhatIsNotConnected(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		f.mode(actors.Pause)
		pass(time.Second)
		paused := f.release(0, 0)
		if paused.SessionID == "" || !paused.Exact || paused.Fence != 1 {
			t.Errorf("%v", paused)
		}
		if err := f.adopt(paused); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		f.setFence(1, actors.Release)
		pass(time.Second)
		if by, ok := f.Released(f.key(0)); !ok || by.Fence != 2 || by.SessionID != paused.SessionID {
			t.Errorf("by a plan: %v, %v", by, ok)
		}
		if by, _ := f.Released(f.key(0)); f.adopt(by) != nil {
			t.Error("what was released by a plan is not adopted")
		}
		f.mode(actors.Pause)
		pass(5 * time.Second)
		f.setFence(2, actors.Release)
		pass(10 * time.Millisecond) // there is no actor whose end is waited for
		if by, ok := f.Released(f.key(0)); !ok || by.Fence != 3 || by.SessionID != paused.SessionID {
			t.Errorf("by a plan, when it was paused: %v, %v", by, ok)
		}
		refusal, ok := f.ask(actors.ReleaseShard{Key: f.key(3)}).(*actors.Refusal)
		if !ok || !errors.Is(refusal.Err, actors.ErrUnknownShard) {
			t.Errorf("%+v", refusal)
		}
		other := f.beside(1, nil)
		if refusal, ok := other.ask(actors.ReleaseShard{Key: f.key(0)}).(*actors.Refusal); !ok || !errors.Is(refusal.Err, actors.ErrNotReleased) {
			t.Errorf("of a shard that waits to be adopted: %+v", refusal)
		}
		if _, err := other.sendsTo(0).Send(t.Context(), events.Heartbeat{}); !errors.Is(err, actors.ErrMoving) {
			t.Errorf("a send there: %v", err)
		}
	})
}
