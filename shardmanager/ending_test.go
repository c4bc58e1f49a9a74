package shardmanager_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestHookComesTooLateToSaveTheLastShard: when the last shard has ended for good the Manager ends, and then hooks are told. Whether one that
// restarts the shard is in time must not be a matter of luck.
func TestHookComesTooLateToSaveTheLastShard(t *testing.T) {
	for range 20 {
		t.Run("", func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(1))
				var m *shardmanager.Manager
				told := make(chan error, 1)
				m = newManager(t, g, shardmanager.WithHooks(changes(func(c shardmanager.Change) {
					if c.To == session.Closed && c.Cause != nil && m.Err() == nil {
						told <- errors.New("a hook was told before the Manager had begun to end")
					} else if c.To == session.Closed {
						told <- m.Restart(context.Background(), 0)
					}
				})))
				start(t, m)
				g.Shard(0).Close(events.CloseInvalidShard)
				if err := <-told; !errors.Is(err, shardmanager.ErrClosed) {
					t.Errorf("Restart: %v", err)
				}
				pass(10 * time.Second)
				select {
				case <-m.Done():
				default:
					t.Error("the Manager has not ended")
				}
			})
		})
	}
}

// TestStopThatIsAskedForEndsNothingElse: a shard has ended for good, and then the user stops the others, which may lose their connection on the way. They may start again.
func TestStopThatIsAskedForEndsNothingElse(t *testing.T) {
	for name, stop := range map[string]func(*testing.T, *gatewaytest.Server, *shardmanager.Manager){
		"it is stopped": func(t *testing.T, _ *gatewaytest.Server, m *shardmanager.Manager) {
			m.System().Root.Send(m.Supervisor(), actors.StopShards{Keys: []actors.Key{shardKey(m, 1)}})
		},
		"it loses its connection while it drains": func(t *testing.T, g *gatewaytest.Server, m *shardmanager.Manager) {
			g.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpRequestGuildMembers })
			guild := gatewaytest.GuildOf(events.ShardID{Index: 1, Total: 2}, 0)
			go func() {
				_, _ = m.Send(t.Context(), events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}})
			}()
			pass(time.Second)
			if err := m.Drain(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			pass(time.Second)
			if status, _ := m.Shard(1).Status(); status.State != session.Ready {
				t.Errorf("it does not wait for an answer: %v", status.State)
			}
			g.Shard(1).Drop()
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2), gatewaytest.WithGuildsPerShard(1))
				m := newManager(t, g)
				start(t, m)
				g.Shard(0).Close(events.CloseInvalidShard)
				pass(time.Second)
				stop(t, g, m)
				pass(10 * time.Second)
				if err := m.Err(); err != nil {
					t.Fatalf("the Manager has ended: %v", err)
				}
				if status, _ := m.Shard(1).Status(); status.State != session.Closed {
					t.Errorf("shard 1 is %v", status.State)
				}
				if err := errors.Join(m.Restart(t.Context(), 1), m.Unpause(t.Context(), 1)); err != nil {
					t.Error(err)
				}
				pass(10 * time.Second)
				if status, _ := m.Shard(1).Status(); status.State != session.Ready {
					t.Errorf("and then %v", status.State)
				}
			})
		})
	}
}
