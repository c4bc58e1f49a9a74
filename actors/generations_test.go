package actors_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// deliveries are the messages that handlers were given, by guild and in order.
type deliveries struct {
	mu  sync.Mutex
	got map[events.Snowflake][]actors.Key
	ids map[events.Snowflake]int // how often each message came
}

func deliveriesOf(f *fleet) *deliveries {
	d := &deliveries{got: make(map[events.Snowflake][]actors.Key), ids: make(map[events.Snowflake]int)}
	f.Handle([]events.Type{"MESSAGE_CREATE"}, func(raw events.Raw, meta events.Meta) {
		var m struct {
			ID    events.Snowflake `json:"id"`
			Guild events.Snowflake `json:"guild_id"`
		}
		if err := json.Unmarshal(raw.Data, &m); err != nil {
			f.t.Error(err)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.got[m.Guild] = append(d.got[m.Guild], meta.Key())
		d.ids[m.ID]++
	})
	return d
}

// TestTwoGenerationsNeverServeOneGuild: the new generation warms up beside the one that serves, and nobody hears of it; then one change of the plan switches.
// Each guild is served by one at a time, and goes to the new one once and for all; sends go where the guild is served. What comes in the very
// moment between is delivered by nobody: to cut over at an event is the business of whoever writes the plans.
func TestTwoGenerationsNeverServeOneGuild(t *testing.T) {
	for name, totals := range map[string][2]int{"more shards": {2, 3}, "fewer shards": {4, 2}, "as many shards": {2, 2}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				before, after := totals[0], totals[1]
				var slow atomic.Bool
				g := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithExact(), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithParallelSessions())
				f := newFleet(t, func(cfg *actors.SupervisorConfig) {
					cfg.URL, cfg.NetDial = g.URL, g.DialContext
					cfg.Identify.Intents |= events.IntentGuildMessages
					cfg.ShardProps = func(key actors.Key) []actor.PropsOption { // those that are to cease to serve have work to do before
						return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
							return func(ctx actor.ReceiverContext, envelope *actor.MessageEnvelope) {
								if key.Generation == 0 && slow.Load() && fmt.Sprintf("%T", envelope.Message) == "*actors.batch" {
									time.Sleep(250 * time.Millisecond)
								}
								next(ctx, envelope)
							}
						})}
					}
				})
				f.gateway = g
				guilds := make([]events.Snowflake, 12)
				for i := range guilds {
					guilds[i] = f.gateway.World().AddGuild(events.Snowflake(i+1)<<22, nil)
				}
				d := deliveriesOf(f)
				f.start(before)
				said := 0
				talk := func(n int) {
					for range n {
						for _, guild := range guilds {
							f.gateway.World().Message(guild, gatewaytest.Message{})
						}
						said++
						pass(100 * time.Millisecond)
					}
				}
				plan := func(old actors.Role, mode actors.Mode, new actors.Role) {
					t.Helper()
					now := f.ask(actors.GetPlan{}).(*actors.Plan)
					change := make(map[actors.Key]actors.Want)
					for index := range before {
						change[keyOf(0, index, before)] = actors.Want{Role: old, Mode: mode}
					}
					for index := range after {
						change[keyOf(1, index, after)] = actors.Want{Role: new}
					}
					if set, ok := f.ask(actors.SetPlan{From: now.Version, Change: change}).(*actors.PlanSet); !ok {
						t.Fatalf("%+v", set)
					}
				}
				served := func(generation uint64) {
					t.Helper()
					for _, guild := range guilds {
						total := map[uint64]int{0: before, 1: after}[generation]
						key, err := f.Route(guild)
						if err != nil || key != keyOf(generation, events.ShardFor(guild, total), total) {
							t.Errorf("guild %d is served by %v, %v", guild, key, err)
						}
						if _, err := f.Client(f.system, f.supervisor).Send(t.Context(), events.RequestChannelInfo{GuildID: guild, Fields: []string{"status"}}); err != nil {
							t.Errorf("guild %d: %v", guild, err)
						}
					}
				}
				talk(10)
				served(0)
				plan(actors.Serving, actors.Run, actors.Warming)
				talk(50)
				if ready := f.status().Ready(); ready != before+after {
					t.Fatalf("%d are ready: %v", ready, stands(f.status()))
				}
				served(0)
				for _, all := range d.got {
					for _, key := range all {
						if key.Generation != 0 {
							t.Fatalf("%v has delivered while it warms up", key)
						}
					}
				}
				slow.Store(true)
				talk(5)
				plan(actors.Retiring, actors.Run, actors.Serving)
				talk(10)
				slow.Store(false)
				talk(10)
				served(1)
				plan(actors.Retiring, actors.Stop, actors.Serving)
				talk(10)
				remove := actors.SetPlan{From: f.ask(actors.GetPlan{}).(*actors.Plan).Version}
				for index := range before {
					remove.Remove = append(remove.Remove, keyOf(0, index, before))
				}
				f.ask(remove)
				talk(10)
				served(1)
				if len(d.got) != len(guilds) {
					t.Errorf("%d guilds were heard of", len(d.got))
				}
				for guild, all := range d.got {
					if len(all) < said-15 {
						t.Errorf("guild %d: %d of %d messages", guild, len(all), said)
					}
					if last := all[len(all)-1]; last != keyOf(1, events.ShardFor(guild, after), after) {
						t.Errorf("guild %d: %v delivers in the end", guild, last)
					}
					for i, key := range all[1:] {
						if key.Generation < all[i].Generation {
							t.Errorf("guild %d: %v delivers after %v", guild, key, all[i])
						}
					}
				}
				for id, times := range d.ids {
					if times != 1 {
						t.Errorf("message %d is delivered %d times", id, times)
					}
				}
				if shards := f.status().Shards; len(shards) != after || f.status().Ready() != after || f.gateway.Stats().Live != after || f.status().Total != after {
					t.Errorf("left are %v, and %d sessions", stands(f.status()), f.gateway.Stats().Live)
				}
				f.gateway.RequireNoViolations(t)
			})
		})
	}
}

// TestNothingIsSentByAGenerationThatWarmsUp: when those that serve are stopped, sends say so; they do not go to the others instead.
func TestNothingIsSentByAGenerationThatWarmsUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		change := map[actors.Key]actors.Want{keyOf(0, 0, 1): {Mode: actors.Stop}, keyOf(1, 0, 2): {Role: actors.Warming}, keyOf(1, 1, 2): {Role: actors.Retiring}}
		if set, ok := f.ask(actors.SetPlan{From: f.ask(actors.GetPlan{}).(*actors.Plan).Version, Change: change}).(*actors.PlanSet); !ok {
			t.Fatalf("%+v", set)
		}
		pass(time.Minute)
		if ready := f.status().Ready(); ready != 2 {
			t.Fatalf("%d are ready: %v", ready, stands(f.status()))
		}
		for name, route := range map[string]func() (actors.Key, error){
			"no guild": func() (actors.Key, error) { return f.Route(0) }, "a guild": func() (actors.Key, error) { return f.Route(1 << 22) },
			"an index": func() (actors.Key, error) { return f.RouteIndex(0) },
		} {
			if key, err := route(); err != nil || key != keyOf(0, 0, 1) {
				t.Errorf("%s: %v, %v", name, key, err)
			}
		}
		if key, err := f.RouteIndex(1); !errors.Is(err, actors.ErrUnknownShard) {
			t.Errorf("an index of those alone that do not serve: %v, %v", key, err)
		}
		for _, e := range []events.Outgoing{events.UpdatePresence{Status: events.StatusIdle}, events.RequestChannelInfo{GuildID: 1 << 22, Fields: []string{"status"}}} {
			if _, err := f.Client(f.system, f.supervisor).Send(t.Context(), e); !errors.Is(err, actors.ErrClosed) {
				t.Errorf("%T: %v", e, err)
			}
		}
		f.gateway.RequireNoViolations(t)
	})
}

// TestShardThatIsNamedAgainBeginsAnew, also when its actor has not ended yet: what was asked of the one before does not count, so that the
// first restart that is asked for is done. Its session goes on if it is named again in time.
func TestShardThatIsNamedAgainBeginsAnew(t *testing.T) {
	for _, c := range []struct {
		name       string
		pause      time.Duration
		identifies int
	}{{"its actor is there still", 0, 2}, {"its actor has ended", time.Minute, 3}} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.ShardProps = endSlowly })
				f.start(2)
				for range 3 {
					f.ask(actors.RestartShard{Key: f.key(1)})
					pass(time.Minute)
				}
				set := func(change actors.SetPlan) {
					t.Helper()
					change.From = f.ask(actors.GetPlan{}).(*actors.Plan).Version
					if answer, ok := f.ask(change).(*actors.PlanSet); !ok {
						t.Fatalf("%+v", answer)
					}
				}
				set(actors.SetPlan{Remove: []actors.Key{f.key(1)}})
				pass(c.pause)
				set(actors.SetPlan{Change: map[actors.Key]actors.Want{f.key(1): {}}})
				pass(time.Minute)
				before, _ := f.shard(1)
				f.ask(actors.RestartShard{Key: f.key(1)})
				pass(time.Minute)
				after, _ := f.shard(1)
				if after.State != session.Ready || after.Conn <= before.Conn {
					t.Errorf("after a restart that was asked for it is %v on connection %d; before it was %v on %d", after.State, after.Conn, before.State, before.Conn)
				}
				if s := f.gateway.Stats(); s.Identifies != c.identifies {
					t.Errorf("%d Identifies, want %d", s.Identifies, c.identifies)
				}
				f.gateway.RequireNoViolations(t)
			})
		})
	}
}

// TestShardThatEndedForGoodRunsWhenItIsNamedAgain, also while its actor has not ended yet.
func TestShardThatEndedForGoodRunsWhenItIsNamedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.ShardProps = endSlowly })
		f.start(2)
		f.gateway.Shard(1).Close(events.CloseInvalidShard)
		pass(time.Millisecond)
		for _, change := range []actors.SetPlan{{Remove: []actors.Key{f.key(1)}}, {Change: map[actors.Key]actors.Want{f.key(1): {}}}} {
			change.From = f.ask(actors.GetPlan{}).(*actors.Plan).Version
			if answer, ok := f.ask(change).(*actors.PlanSet); !ok {
				t.Fatalf("%+v", answer)
			}
		}
		pass(time.Minute)
		if after, _ := f.shard(1); after.State != session.Ready {
			t.Errorf("it is %v: %v", after.State, after.Cause)
		}
	})
}

// endSlowly has a shard's actor be there for a second after it was told to end.
func endSlowly(actors.Key) []actor.PropsOption {
	return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
		return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
			if _, ends := e.Message.(*actor.Stopping); ends {
				time.Sleep(time.Second)
			}
			next(ctx, e)
		}
	})}
}
