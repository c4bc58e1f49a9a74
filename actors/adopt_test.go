package actors_test

import (
	"errors"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestAdoptionThatIsRefused: nothing has changed, and the error says what stands in its way.
func TestAdoptionThatIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const token = "MTAw.a.b" // of the bot 100
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.Identify.Token = token })
		if err := f.adopt(session.Snapshot{Shard: events.ShardID{Total: 2}, Fence: 1}); !errors.Is(err, actors.ErrUnknownShard) {
			t.Errorf("before anything was started: %v", err)
		}
		f.start(2)
		good := f.release(1, 0)
		running := good
		running.Shard.Index = 0
		before := f.ask(actors.GetPlan{}).(*actors.Plan)
		for name, refused := range map[string]struct {
			of  session.Snapshot
			why error
		}{
			"it runs here":      {running, actors.ErrRunsHere},
			"the fence is its":  {with(good, func(s *session.Snapshot) { s.Fence-- }), session.ErrFenced},
			"no fence":          {with(good, func(s *session.Snapshot) { s.Fence = 0 }), session.ErrFenced},
			"another total":     {with(good, func(s *session.Snapshot) { s.Shard.Total = 4 }), actors.ErrOtherTotal},
			"beyond the total":  {with(good, func(s *session.Snapshot) { s.Shard.Index = 2 }), actors.ErrUnknownShard},
			"another bot":       {with(good, func(s *session.Snapshot) { s.Bot = 101 }), actors.ErrOtherBot},
			"a damaged URL":     {with(good, func(s *session.Snapshot) { s.ResumeURL = "gopher://x" }), nil},
			"a damaged place":   {with(good, func(s *session.Snapshot) { s.Seq = -1 }), nil},
			"of tomorrow":       {with(good, func(s *session.Snapshot) { s.SavedAt = time.Now().Add(24 * time.Hour) }), nil},
			"of no shard":       {session.Snapshot{Fence: 9}, actors.ErrOtherTotal},
			"a damaged session": {with(good, func(s *session.Snapshot) { s.SessionID = "a b\n" }), nil},
		} {
			var adopt *actors.AdoptError
			err := f.adopt(refused.of)
			if !errors.As(err, &adopt) || adopt.Shard != refused.of.Shard || refused.why != nil && !errors.Is(err, refused.why) {
				t.Errorf("%s: %v", name, err)
			}
		}
		pass(time.Minute)
		if after := f.ask(actors.GetPlan{}).(*actors.Plan); after.Version != before.Version || f.gateway.Stats().Live != 1 {
			t.Errorf("something has changed: %+v", after)
		}
		if err := f.adopt(good); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		if err := f.adopt(good); !errors.Is(err, actors.ErrRunsHere) {
			t.Errorf("a second time: %v", err)
		}
		f.ask(actors.StopShards{Keys: []actors.Key{f.key(1)}})
		pass(5 * time.Second)
		if err := f.adopt(good); !errors.Is(err, session.ErrFenced) {
			t.Errorf("after it has run: %v", err)
		}
		f.gateway.RequireNoViolations(t)
	})
}

func with(s session.Snapshot, change func(*session.Snapshot)) session.Snapshot {
	change(&s)
	return s
}

// TestAdoptionWithoutASessionThatCanBeResumed: the shard runs all the same, with a new session, and who asks is told why.
func TestAdoptionWithoutASessionThatCanBeResumed(t *testing.T) {
	for name, how := range map[string]func(*fleet, *session.Snapshot){
		"there was none":            func(_ *fleet, s *session.Snapshot) { s.SessionID, s.ResumeURL, s.Seq = "", "", 0 },
		"with other intents":        func(_ *fleet, s *session.Snapshot) { s.Terms.Intents |= events.IntentGuildMessages },
		"the gateway has forgotten": func(f *fleet, _ *session.Snapshot) { f.gateway.ForgetSessions() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, nil)
				f.start(1)
				snapshot := f.release(0, 0)
				how(f, &snapshot)
				pass(10 * time.Second) // the two share no limiter
				lost, terms := false, false
				other := f.beside(1, func(cfg *actors.SupervisorConfig) {
					cfg.Changed = func(_ actors.Key, c session.Change) {
						lost = lost || c.Lost
						terms = terms || errors.As(c.Cause, new(*session.TermsError))
					}
				})
				if err := other.adopt(snapshot); err != nil {
					t.Fatal(err)
				}
				pass(20 * time.Second)
				if shard, _ := other.shard(0); shard.State != session.Ready || shard.Identifies != 1 {
					t.Errorf("%+v", shard)
				}
				if lost != (name != "there was none") || terms != (name == "with other intents") {
					t.Errorf("lost %v, terms %v", lost, terms)
				}
			})
		})
	}
}

// TestShardThatComesBack: what handlers here have seen of its sessions before is told apart from what they see now, and it does not go back.
func TestShardThatComesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		var here, there seen
		sessions := make(map[uint64]bool)
		f.Handle([]events.Type{"X"}, func(raw events.Raw, at events.Meta) { sessions[at.Session] = true; here.handle(0)(raw, at) })
		other := f.beside(1, nil)
		other.Handle([]events.Type{"X"}, there.handle(0))
		first := f.gateway.Shard(0).Dispatch("X", 1)
		pass(time.Second)
		if err := other.adopt(f.release(0, 0)); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		second := f.gateway.Shard(0).Dispatch("X", 2)
		pass(time.Second)
		back := other.release(0, 0)
		if back.Fence != 2 || back.Seq != second || !back.Exact {
			t.Errorf("%v, fence %d, exact %v", back, back.Fence, back.Exact)
		}
		if err := f.adopt(back); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		if again, _, ok := f.Session(f.key(0)); !ok || again.Seq < second {
			t.Errorf("%v", again)
		}
		third := f.gateway.Shard(0).Dispatch("X", 3)
		pass(time.Second)
		if h, o := here.take(), there.take(); !equal(h, first, third) || !equal(o, second) || len(sessions) != 1 {
			t.Errorf("here %v, there %v, in sessions %v", h, o, sessions)
		}
		last := f.release(0, 0)
		if last.Seq != third || !last.Exact || last.Fence != 3 {
			t.Errorf("%v, fence %d, exact %v", last, last.Fence, last.Exact)
		}
		last.SessionID = "" // and a new one begins here
		pass(10 * time.Second)
		if err := f.adopt(last); err != nil {
			t.Fatal(err)
		}
		pass(20 * time.Second)
		f.gateway.Shard(0).Dispatch("X", 4)
		pass(time.Second)
		if len(sessions) != 2 || f.gateway.Stats().Identifies != 2 {
			t.Errorf("sessions %v, %+v", sessions, f.gateway.Stats())
		}
		f.gateway.RequireNoViolations(t)
	})
}

// TestShardThatIsPassedOn before handlers have finished anything: it is where it was when it came.
func TestShardThatIsPassedOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		other := f.beside(1, nil)
		var there, last seen
		other.Handle([]events.Type{"X"}, there.handle(time.Minute))
		begun := f.release(0, 0)
		if err := other.adopt(begun); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		first := f.gateway.Shard(0).Dispatch("X", 1)
		f.gateway.Shard(0).Dispatch("X", 2)
		pass(time.Second)
		on := other.release(0, time.Second)
		if on.Seq != begun.Seq && on.Seq != first-1 || on.Exact {
			t.Errorf("it came with %d, the first event is %d, and it is given out with %d, exact %v", begun.Seq, first, on.Seq, on.Exact)
		}
		third := f.beside(1, nil)
		third.Handle([]events.Type{"X"}, last.handle(0))
		if err := third.adopt(on); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		if seqs := last.take(); !equal(seqs, -first, -first-1) {
			t.Errorf("there came %v of %d", seqs, first)
		}
		pass(2 * time.Minute)
	})
}

// TestReleaseWaitsForAnIdentifyThatWasSpent: its session is handed over, instead of another Identify.
func TestReleaseWaitsForAnIdentifyThatWasSpent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		identifying := make(chan struct{}, 1)
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.Changed = func(_ actors.Key, c session.Change) {
				if c.To == session.Identifying {
					identifying <- struct{}{}
				}
			}
		})
		f.gateway.OnFrame(func(frame gatewaytest.Frame) bool {
			if frame.Op == events.OpIdentify {
				time.Sleep(time.Second)
			}
			return false
		})
		asker := f.probe()
		f.ask(actors.StartShards{Total: 1})
		<-identifying
		asker.ask(f.supervisor, actors.ReleaseShard{Key: f.key(0)})
		if m := expect[*actors.ShardReleased](asker, 10*time.Second); m.Snapshot.SessionID == "" || f.gateway.Stats().Identifies != 1 {
			t.Errorf("%v, %+v", m.Snapshot, f.gateway.Stats())
		}
	})
}

// TestReleaseOfAShardThatDoesNotServe: nobody is to hear of its events, so it is exact; but what handlers have in hand from when it served is not done.
func TestReleaseOfAShardThatDoesNotServe(t *testing.T) {
	for role, busy := range map[actors.Role]bool{actors.Warming: false, actors.Retiring: true} {
		t.Run(role.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, nil)
				key := keyOf(0, 0, 1)
				plan := func(role actors.Role) {
					t.Helper()
					now := f.ask(actors.GetPlan{}).(*actors.Plan)
					if set, ok := f.ask(actors.SetPlan{From: now.Version, Change: map[actors.Key]actors.Want{key: {Role: role}}}).(*actors.PlanSet); !ok {
						t.Fatalf("%+v", set)
					}
					pass(5 * time.Second)
				}
				var here seen
				f.Handle([]events.Type{"X"}, here.handle(time.Minute))
				served := int64(0)
				if busy {
					plan(actors.Serving)
					served = f.gateway.Shard(0).Dispatch("X", 1)
					pass(time.Second)
				}
				plan(role)
				last := f.gateway.Shard(0).Dispatch("X", 2)
				pass(time.Second)
				released, ok := f.ask(actors.ReleaseShard{Key: key, Within: 2 * time.Second}).(*actors.ShardReleased)
				if !ok {
					t.Fatal("it is not released")
				}
				if s := released.Snapshot; s.SessionID == "" || busy && (s.Seq != served-1 || s.Exact) || !busy && (s.Seq != last || !s.Exact) {
					t.Errorf("%v: exact %v; handlers have %d in hand, and the last was %d", s, s.Exact, served, last)
				}
				if got := here.take(); busy != equal(got, served) || !busy && got != nil {
					t.Errorf("handlers were given %v", got)
				}
				pass(time.Minute)
			})
		})
	}
}

// TestStandbyNamesOnlyWhatIsNotNamedYet: those wait to be adopted, and a shard that runs or has stopped here goes on as it is.
func TestStandbyNamesOnlyWhatIsNotNamedYet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.ask(actors.StartShards{Total: 3, IDs: []int{0, 1}})
		pass(10 * time.Second)
		f.ask(actors.StopShards{Keys: []actors.Key{keyOf(0, 1, 3)}})
		pass(time.Second)
		if started := f.ask(actors.StartShards{Total: 3, Standby: true}).(*actors.ShardsStarted); started.Err != nil {
			t.Fatal(started.Err)
		}
		pass(time.Minute)
		plan := f.ask(actors.GetPlan{}).(*actors.Plan)
		for index, want := range []actors.Mode{actors.Run, actors.Stop, actors.Release} {
			if mode := plan.Wants[keyOf(0, index, 3)].Mode; mode != want {
				t.Errorf("shard %d is to %v, want %v", index, mode, want)
			}
		}
		if s := f.gateway.Stats(); s.Connections != 2 || s.Live != 1 {
			t.Errorf("%+v", s)
		}
	})
}
