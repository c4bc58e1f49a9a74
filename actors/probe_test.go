package actors_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

const optional = events.IntentGuildMembers | events.IntentGuildPresences

// newProbing is a fleet that goes without some intents if it must, as it must.
func newProbing(t *testing.T, change func(*actors.SupervisorConfig), opts ...actor.PropsOption) *fleet {
	t.Helper()
	h := newFleet(t, func(cfg *actors.SupervisorConfig) {
		cfg.Identify.Intents, cfg.OptionalIntents = events.IntentGuilds|optional, optional
		if change != nil {
			change(cfg)
		}
	}, opts...)
	h.gateway.SetAllowedIntents(events.IntentsUnprivileged | events.IntentGuildPresences)
	return h
}

// identifies are those that were written, with the intents that the gateway refused and without.
func identifies(g *gatewaytest.Server, shards int) (written, refused int) {
	for i := range shards {
		for _, f := range g.Frames(i) {
			if f.Op == events.OpIdentify {
				written++
			}
		}
	}
	for _, v := range g.Violations() {
		if v.Rule == "intents" {
			refused++
		}
	}
	return written, refused
}

// TestOptionalIntentsAreLeftOutWhenNobodySaysWhich: after 5 s, and at the price of one Identify.
func TestOptionalIntentsAreLeftOutWhenNobodySaysWhich(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newProbing(t, nil)
		h.ask(actors.StartShards{Total: 8})
		pass(4500 * time.Millisecond)
		if written, refused := identifies(h.gateway, 8); written != 1 || refused != 1 {
			t.Errorf("before the time is up %d Identifies, %d refused", written, refused)
		}
		pass(30 * time.Second)
		status := h.status()
		if written, refused := identifies(h.gateway, 8); written != 9 || refused != 1 || status.Ready() != 8 || status.LeftOut != optional {
			t.Errorf("%d Identifies, %d refused, %d are ready, without %v", written, refused, status.Ready(), status.LeftOut)
		}
	})
}

// TestWhoKnowsWhichIntentsToLeaveOutIsHeard: the others stay, and nobody waits longer than that takes.
func TestWhoKnowsWhichIntentsToLeaveOutIsHeard(t *testing.T) {
	for name, message := range map[string]any{
		"by value": actors.LeaveOut{Intents: events.IntentGuildMembers}, "by pointer": &actors.LeaveOut{Intents: events.IntentGuildMembers},
		"with what is not optional": actors.LeaveOut{Intents: events.IntentGuildMembers | events.IntentGuilds},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newProbing(t, nil)
				h.ask(actors.StartShards{Total: 4})
				pass(time.Second)
				h.system.Root.Send(h.supervisor, message)
				pass(6 * time.Second)
				status := h.status()
				if written, refused := identifies(h.gateway, 4); written != 5 || refused != 1 || status.Ready() != 4 || status.LeftOut != events.IntentGuildMembers {
					t.Errorf("%d Identifies, %d refused, %d are ready, without %v", written, refused, status.Ready(), status.LeftOut)
				}
				for _, shard := range status.Shards {
					if shard.Intents != events.IntentGuilds|events.IntentGuildPresences {
						t.Errorf("shard %v has %v", shard.Shard, shard.Intents)
					}
				}
			})
		})
	}
}

// TestIntentsThatAreLeftOutFromTheStart cost nothing.
func TestIntentsThatAreLeftOutFromTheStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newProbing(t, func(cfg *actors.SupervisorConfig) { cfg.LeftOut = events.IntentGuildMembers | events.IntentGuilds })
		h.ask(actors.StartShards{Total: 4})
		pass(2 * time.Second)
		status := h.status()
		if written, _ := identifies(h.gateway, 4); written != 4 || status.Ready() != 4 || status.LeftOut != events.IntentGuildMembers {
			t.Errorf("%d Identifies, %d are ready, without %v", written, status.Ready(), status.LeftOut)
		}
		h.gateway.RequireNoViolations(t)
	})
}

// TestWhatOneIdentifyFindsOutOutlivesTheSupervisor: whatever message it crashes on, one Identify is refused, and all shards are Ready soon.
func TestWhatOneIdentifyFindsOutOutlivesTheSupervisor(t *testing.T) {
	for _, message := range []string{"actors.askIdentify", "actors.identified", "actors.shardDown", "actors.shardUp", "actors.LeaveOut", "actors.dueTick"} {
		t.Run(message, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var armed atomic.Bool
				armed.Store(true)
				h := newProbing(t, nil, crashesOn(&armed, message), actor.WithGuardian(actors.Guardian()))
				h.ask(actors.StartShards{Total: 8})
				pass(time.Second)
				h.system.Root.Send(h.supervisor, actors.LeaveOut{Intents: events.IntentGuildMembers})
				pass(time.Minute)
				if status := h.status(); armed.Load() {
					t.Error("it did not crash")
				} else if _, refused := identifies(h.gateway, 8); refused != 1 || status.Ready() != 8 || status.LeftOut&events.IntentGuildMembers == 0 {
					t.Errorf("%d Identifies were refused, %d are ready, without %v", refused, status.Ready(), status.LeftOut)
				}
			})
		})
	}
}

// TestShardThatCannotFindOutHoldsNobody: whoever is to find out loses its connection, stops, or crashes; another one does it.
func TestShardThatCannotFindOutHoldsNobody(t *testing.T) {
	for name, end := range map[string]func(*fleet, gatewaytest.Frame){
		"refused":         func(h *fleet, f gatewaytest.Frame) { h.gateway.SendTo(f.Conn, []byte(`{"op":9,"d":false}`)) },
		"connection lost": func(h *fleet, f gatewaytest.Frame) { h.gateway.SendTo(f.Conn, []byte(`{"op":7}`)) },
		"stopped": func(h *fleet, f gatewaytest.Frame) {
			h.ask(actors.StopShards{Keys: []actors.Key{h.key(f.Shard.Index)}})
		},
		"crashed": func(h *fleet, f gatewaytest.Frame) {
			h.system.Root.Send(h.supervisor, actors.CrashShard{Key: h.key(f.Shard.Index)})
		},
		"mute": func(*fleet, gatewaytest.Frame) {},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newProbing(t, nil)
				h.gateway.SetAllowedIntents(events.IntentsAll)
				var first atomic.Pointer[gatewaytest.Frame] // is not answered
				h.gateway.OnFrame(func(f gatewaytest.Frame) bool {
					return f.Op == events.OpIdentify && (first.CompareAndSwap(nil, &f) || first.Load().Shard == f.Shard)
				})
				h.ask(actors.StartShards{Total: 4})
				pass(time.Second)
				if written, _ := identifies(h.gateway, 4); written != 1 {
					t.Fatalf("%d Identifies before anything is known", written)
				}
				end(h, *first.Load())
				pass(6 * time.Second)
				for i := range 4 {
					if other, _ := h.shard(i); other.State != session.Ready && i != first.Load().Shard.Index {
						t.Errorf("shard %d is %v", i, other.State)
					}
				}
			})
		})
	}
}

// TestIntentsThatAreFoundOutLaterAreShown: they are refused when they have been accepted before, and nobody waits to Identify.
func TestIntentsThatAreFoundOutLaterAreShown(t *testing.T) {
	for name, after := range map[string]time.Duration{"soon after": 10 * time.Second, "long after": time.Hour} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newProbing(t, nil)
				f.gateway.SetAllowedIntents(events.IntentsAll)
				f.start(1)
				pass(after)
				f.gateway.SetAllowedIntents(events.IntentsUnprivileged)
				f.gateway.Shard(0).InvalidSession(false)
				for range 100 {
					if pass(100 * time.Millisecond); len(f.gateway.Violations()) > 0 {
						break
					}
				}
				f.ask(actors.StopShards{})
				if status := f.status(); len(f.gateway.Violations()) != 1 || status.LeftOut != 0 {
					t.Fatalf("%v, without %v", f.gateway.Violations(), status.LeftOut)
				}
				pass(6 * time.Second) // 5 s for who knows which of them it is
				if status := f.status(); status.LeftOut != optional {
					t.Errorf("the shard is %v; sessions begin without %v, want %v", stands(status), status.LeftOut, optional)
				}
				f.ask(actors.StartShards{Total: 1})
				pass(10 * time.Second)
				if _, refused := identifies(f.gateway, 1); refused != 1 || f.status().Ready() != 1 {
					t.Errorf("%d Identifies were refused; %v", refused, stands(f.status()))
				}
			})
		})
	}
}

// TestWhatWasFoundOutHoldsForAWhile: shards that begin within a minute need not find out again, and wait for nobody; later they do.
func TestWhatWasFoundOutHoldsForAWhile(t *testing.T) {
	for after, want := range map[time.Duration]int{30 * time.Second: 7, 90 * time.Second: 1} {
		t.Run(after.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newProbing(t, nil)
				f.gateway.SetAllowedIntents(events.IntentsAll)
				f.ask(actors.StartShards{Total: 8, IDs: []int{0}})
				pass(after)
				f.gateway.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpIdentify }) // it is not answered any more
				f.ask(actors.StartShards{Total: 8})
				pass(time.Second)
				if written, _ := identifies(f.gateway, 8); written != 1+want {
					t.Errorf("%d Identifies after the first, want %d", written-1, want)
				}
			})
		})
	}
}

// TestIntentsThatAreLeftOutAlreadyAreNoNews: whoever names them again changes nothing of who finds out.
func TestIntentsThatAreLeftOutAlreadyAreNoNews(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newProbing(t, func(cfg *actors.SupervisorConfig) { cfg.LeftOut = events.IntentGuildMembers })
		f.gateway.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpIdentify })
		f.ask(actors.StartShards{Total: 4})
		pass(time.Second)
		f.system.Root.Send(f.supervisor, actors.LeaveOut{Intents: events.IntentGuildMembers})
		pass(time.Second)
		if written, _ := identifies(f.gateway, 4); written != 1 {
			t.Errorf("%d Identifies while one finds out", written)
		}
	})
}

// TestAnotherFindsOutWhenTheConnectionOfTheFirstIsLost, at once: nobody waits until the first would have been given up.
func TestAnotherFindsOutWhenTheConnectionOfTheFirstIsLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		conns := make(chan net.Conn, 20)
		h := newProbing(t, func(cfg *actors.SupervisorConfig) {
			dial := cfg.NetDial
			cfg.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := dial(ctx, network, addr)
				conns <- conn
				return conn, err
			}
		})
		h.gateway.SetAllowedIntents(events.IntentGuilds | optional)
		var lost atomic.Bool
		h.gateway.OnFrame(func(f gatewaytest.Frame) bool {
			if f.Op != events.OpIdentify || lost.Swap(true) {
				return false
			}
			for range f.Conn - 1 {
				<-conns
			}
			go func() { _ = (<-conns).Close() }()
			return true
		})
		h.ask(actors.StartShards{Total: 8})
		pass(2 * time.Second)
		if n := h.status().Ready(); n < 7 {
			t.Errorf("%d are ready", n)
		}
	})
}
