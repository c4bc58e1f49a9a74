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

// TestSendsOfAProcessWithoutShard0: what has no guild goes to the lowest shard that runs here, and a presence to
// all that do. What is another process's shard's is refused, and nothing is written for it.
func TestSendsOfAProcessWithoutShard0(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g, shardmanager.WithShards(5, 4, 2), allMembers)
		start(t, m)
		elsewhere := gatewaytest.GuildOf(events.ShardID{Index: 0, Total: 5}, 0)
		beats := func(shard int) int { return counted(g, shard, events.OpHeartbeat) }
		two, four := beats(2), beats(4) // there may be some of the sessions' own
		beat, err := events.Heartbeat{}.SendEvent(t.Context(), m)
		if err != nil || beat.Shard != (events.ShardID{Index: 2, Total: 5}) || beats(2) != two+1 || beats(4) != four {
			t.Errorf("a heartbeat: %+v, %v", beat, err)
		}
		if _, err := (events.UpdatePresence{Status: events.StatusIdle}).SendEvent(t.Context(), m); err != nil {
			t.Errorf("a presence: %v", err)
		}
		pass(time.Second)
		for index := range 5 {
			want := map[int]int{2: 1, 4: 1}[index]
			if n := counted(g, index, events.OpPresenceUpdate); n != want {
				t.Errorf("%d presences of shard %d, want %d", n, index, want)
			}
		}
		for _, test := range []struct {
			name string
			to   events.Sender
			send func(context.Context, events.Sender) error
		}{
			{"members of a guild that is not here", m, func(ctx context.Context, to events.Sender) error {
				return second(fullList(elsewhere).SendEvent(ctx, to))
			}},
			{"the same, of its shard", m.ForGuild(elsewhere), func(ctx context.Context, to events.Sender) error {
				return second(fullList(elsewhere).SendEvent(ctx, to))
			}},
			{"sounds of one guild that is not here", m, func(ctx context.Context, to events.Sender) error {
				return second(events.RequestSoundboardSounds{GuildIDs: []events.Snowflake{elsewhere}}.SendEvent(ctx, to))
			}},
			{"a heartbeat of shard 0", m.Shard(0), func(ctx context.Context, to events.Sender) error {
				return second(events.Heartbeat{}.SendEvent(ctx, to))
			}},
			{"a presence of shard 3", m.Shard(3), func(ctx context.Context, to events.Sender) error {
				return second(events.UpdatePresence{Status: events.StatusIdle}.SendEvent(ctx, to))
			}},
			{"a presence of shard 5", m.Shard(5), func(ctx context.Context, to events.Sender) error {
				return second(events.UpdatePresence{Status: events.StatusIdle}.SendEvent(ctx, to))
			}},
			{"a stream", m, func(ctx context.Context, to events.Sender) error {
				return second(m.Stream(ctx, fullList(elsewhere), func(events.Raw) bool { return true }))
			}},
		} {
			var failure *actors.SendError
			if err := test.send(t.Context(), test.to); !errors.Is(err, actors.ErrUnknownShard) || !errors.As(err, &failure) || failure.Stage != actors.Refused || failure.Retryable() {
				t.Errorf("%s: %v", test.name, err)
			}
		}
		pass(time.Second)
		if n := counted(g, 2, events.OpRequestGuildMembers) + counted(g, 4, events.OpRequestGuildMembers); n != 0 {
			t.Errorf("%d requests were written", n)
		}
		g.RequireNoViolations(t)
	})
}

// TestOrdersForAShardThatIsNotHereChangeNothing: the Manager refuses them; the supervisor, which actors send
// them to, does nothing; and the shards that run go on as they were.
func TestOrdersForAShardThatIsNotHereChangeNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g, shardmanager.WithShards(5, 4, 2))
		start(t, m)
		before := m.Status()
		for _, index := range []int{-1, 0, 5, 1 << 40} {
			if err := m.Restart(t.Context(), index); !errors.Is(err, actors.ErrUnknownShard) {
				t.Errorf("Restart(%d): %v", index, err)
			}
			if status, here := m.Shard(index).Status(); here {
				t.Errorf("Shard(%d): %+v", index, status)
			}
			root := m.System().Root
			root.Send(m.Supervisor(), actors.RestartShard{Key: shardKey(m, index)})
			root.Send(m.Supervisor(), actors.CrashShard{Key: shardKey(m, index)})
			if _, err := root.RequestFuture(m.Supervisor(), actors.StopShards{Keys: []actors.Key{shardKey(m, index)}}, time.Minute).Result(); err != nil {
				t.Errorf("StopShards(%d): %v", index, err)
			}
		}
		pass(time.Minute)
		after := m.Status()
		if len(after.Shards) != 2 || after.Ready() != 2 || g.Stats().Connections != 2 || after.Shards[0].Crashes != 0 || after.Shards[0].Since != before.Shards[0].Since {
			t.Errorf("before: %+v\nafter: %+v", before, after)
		}
	})
}

// TestRestartWhileTheShardBacksOff: the shard does not wait for its time but connects at once, and resumes.
func TestRestartWhileTheShardBacksOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithResumeTimeout(time.Hour))
		m := newManager(t, g)
		start(t, m)
		g.Outage(true)
		var status shardmanager.ShardStatus
		for range 10 * 60 * 10 {
			pass(100 * time.Millisecond)
			if status, _ = m.Shard(0).Status(); status.State == session.Backoff && time.Until(status.Retry) > 5*time.Second {
				break
			}
		}
		if status.State != session.Backoff || time.Until(status.Retry) < 5*time.Second {
			t.Fatalf("it does not back off: %+v", status)
		}
		g.Outage(false)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := m.Restart(ended, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("Restart for somebody who has left: %v", err)
		}
		pass(time.Second)
		if now, _ := m.Shard(0).Status(); now.State != session.Backoff || now.Retry != status.Retry {
			t.Errorf("it was restarted all the same: %+v", now)
		}
		if err := m.Restart(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if now, _ := m.Shard(0).Status(); now.State != session.Ready {
			t.Errorf("a second later: %+v", now)
		}
		pass(5 * time.Minute)
		wantResumed(t, g, m, 1)
	})
}
