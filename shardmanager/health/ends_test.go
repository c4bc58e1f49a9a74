package health_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/health"
)

// TestCloseIsNotReadyAtOnceAndAliveToItsEnd: while handlers have their time it is not to be killed; and then it is of no use any more.
func TestCloseIsNotReadyAtOnceAndAliveToItsEnd(t *testing.T) {
	for name, end := range map[string]func(*shardmanager.Manager, context.Context) error{"Close": (*shardmanager.Manager).Close, "Logout": (*shardmanager.Manager).Logout} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				guild := events.Snowflake(1 << 22)
				g := newGateway(t, 2, gatewaytest.WithGuilds(guild))
				m := newManager(t, g)
				shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) { time.Sleep(5 * time.Second) })
				ask := newAsker(t, m)
				begin(t, m)
				g.World().Message(guild, gatewaytest.Message{})
				pass(time.Millisecond)
				over := make(chan error, 1)
				go func() { over <- end(m, context.Background()) }()
				pass(time.Second)
				ask.alive(true, health.Closing)
				if r := ask.is(false, health.Closing); !strings.HasPrefix(r.Reason, "it was asked to end: ") {
					t.Error(r.Reason)
				}
				if err := <-over; err != nil {
					t.Error(err)
				}
				ask.alive(false, health.Closed)
				ask.is(false, health.Closed)
			})
		})
	}
}

// TestManagerThatIsClosedBeforeStartIsOver.
func TestManagerThatIsClosedBeforeStartIsOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newManager(t, newGateway(t, 1))
		ask := newAsker(t, m)
		if err := m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		ask.alive(false, health.Closed)
		ask.is(false, health.Closed)
	})
}

// TestManagerThatCannotGoOnIsDead, and says why: from when it is known, whether it has ended yet or not.
func TestManagerThatCannotGoOnIsDead(t *testing.T) {
	for name, test := range map[string]struct {
		end func(*gatewaytest.Server, *shardmanager.Manager)
		say string
	}{
		"the supervisor has ended": {func(_ *gatewaytest.Server, m *shardmanager.Manager) { m.System().Root.Stop(m.Supervisor()) }, actors.ErrSupervisorEnded.Error()},
		"the token is refused": {func(g *gatewaytest.Server, _ *shardmanager.Manager) {
			g.Shard(0).Close(events.CloseAuthenticationFailed)
		}, "4004"},
		"all shards have ended": {func(g *gatewaytest.Server, _ *shardmanager.Manager) {
			g.Shard(0).Close(events.CloseShardingRequired)
			g.Shard(1).Close(events.CloseShardingRequired)
		}, "4011"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				guild := events.Snowflake(1 << 22)
				g := newGateway(t, 2, gatewaytest.WithGuilds(guild))
				m := newManager(t, g)
				shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) { time.Sleep(5 * time.Second) })
				ask := newAsker(t, m)
				begin(t, m)
				g.World().Message(guild, gatewaytest.Message{})
				pass(time.Millisecond)
				test.end(g, m)
				pass(time.Second)
				if l := ask.alive(false, health.Closing); !strings.HasPrefix(l.Reason, "it cannot go on, and ends: ") || !strings.Contains(l.Reason, test.say) {
					t.Error(l.Reason)
				}
				ask.is(false, health.Closing)
				<-m.Done()
				if l := ask.alive(false, health.Closed); !strings.Contains(l.Reason, test.say) {
					t.Error(l.Reason)
				}
				ask.is(false, health.Closed)
			})
		})
	}
}

// TestStartThatFailsIsDead.
func TestStartThatFailsIsDead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, 1)
		g.OnDiscovery(func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusUnauthorized); return true })
		m := newManager(t, g)
		ask := newAsker(t, m)
		if err := m.Start(t.Context()); !errors.Is(err, shardmanager.ErrAuthentication) {
			t.Fatal(err)
		}
		if l := ask.alive(false, health.Closed); !strings.Contains(l.Reason, "does not accept the token") {
			t.Error(l.Reason)
		}
		ask.is(false, health.Closed)
	})
}

// TestShardsThatAreHandedOver by hand: whoever gives them is ready for what it has, and then for nothing; whoever gets them is ready with the last.
func TestShardsThatAreHandedOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, 4)
		store := session.NewMemoryStore()
		old := newManager(t, g, shardmanager.WithSessionStore(store))
		next := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithStandby())
		gives, gets, some := newAsker(t, old), newAsker(t, next), newAsker(t, next, health.WithPickedShards())
		begin(t, old)
		pass(3 * time.Second)
		if err := next.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		some.is(false, health.TakingOver)
		for shard := range 4 {
			gets.alive(true, health.Running)
			if r := gets.is(false, health.TakingOver); r.Shards.Away != 4-shard || r.Away[0].Kind != health.KindNotTakenOver || !r.Away[0].Counted {
				t.Errorf("%+v", r)
			}
			snapshot, err := old.Release(t.Context(), shard)
			if err != nil {
				t.Fatal(err)
			}
			state := health.HandingOver
			if shard == 3 {
				state = health.HandedOver
			}
			gives.alive(true, health.Running)
			if r := gives.is(shard != 3, state); r.Shards.Released != shard+1 || r.Shards.Wanted != 3-shard {
				t.Errorf("%+v", r)
			}
			if err := next.Adopt(t.Context(), snapshot); err != nil {
				t.Fatal(err)
			}
			pass(time.Second)
			some.is(true, health.Running)
		}
		gets.is(true, health.Running)
		snapshot, err := next.Release(t.Context(), 2) // and one goes back
		if err != nil {
			t.Fatal(err)
		}
		if err := old.Adopt(t.Context(), snapshot); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		gives.is(true, health.HandingOver)
		gets.is(true, health.HandingOver)
	})
}
