package shardmanager_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// guildsOf are the first n guilds of a shard.
func guildsOf(shard events.ShardID, n int) (guilds []events.Snowflake) {
	for i := range n {
		guilds = append(guilds, gatewaytest.GuildOf(shard, i))
	}
	return guilds
}

// soundRequests are the guilds that a shard was asked for, request by request.
func soundRequests(t *testing.T, g *gatewaytest.Server, shard int) (requests [][]events.Snowflake) {
	t.Helper()
	for _, f := range g.Frames(shard) {
		if f.Op != events.OpRequestSoundboardSounds {
			continue
		}
		var request events.RequestSoundboardSounds
		if err := json.Unmarshal(f.Data, &request); err != nil {
			t.Fatal(err)
		}
		requests = append(requests, request.GuildIDs)
	}
	return requests
}

// TestSoundsAreAskedOfEachShardOnce: a request for guilds of several shards goes to each of them
// once, with its own guilds, and comes back as one answer, in the order of the shards. A guild that
// is named several times is asked for once. Shards without a guild of it are not asked.
func TestSoundsAreAskedOfEachShardOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(4), gatewaytest.WithMaxConcurrency(4), gatewaytest.WithGuildsPerShard(2))
		m := newManager(t, g)
		start(t, m)
		var asked []events.Snowflake
		for _, index := range []int{3, 0, 1} {
			asked = append(asked, guildsOf(events.ShardID{Index: index, Total: 4}, 2)...)
		}
		asked = append(asked, asked[0], asked[3])
		answer, err := m.Send(t.Context(), events.RequestSoundboardSounds{GuildIDs: asked})
		if err != nil {
			t.Fatal(err)
		}
		var order []int
		got := make(map[events.Snowflake]int)
		for _, raw := range answer.Events {
			var sounds events.SoundboardSounds
			if err := events.DecodeInto(&raw, &sounds); err != nil {
				t.Fatal(err)
			}
			got[sounds.GuildID]++
			order = append(order, events.ShardFor(sounds.GuildID, 4))
		}
		if len(answer.Events) != 6 || len(got) != 6 || !slices.IsSorted(order) {
			t.Errorf("answers for %v, of shards %v", got, order)
		}
		for index := range 4 {
			want := guildsOf(events.ShardID{Index: index, Total: 4}, 2)
			requests := soundRequests(t, g, index)
			if index == 2 && len(requests) != 0 || index != 2 && (len(requests) != 1 || !slices.Equal(requests[0], want)) {
				t.Errorf("shard %d was asked for %v", index, requests)
			}
		}
		g.RequireNoViolations(t)
	})
}

// TestManySoundsOfOneShardFitIntoTheirPayloads: more guilds than fit into one payload are asked for in
// several, each guild once, however often it is named.
func TestManySoundsOfOneShardFitIntoTheirPayloads(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		base := guildsOf(events.ShardID{Total: 1}, 400)
		for i := range base {
			base[i] += 1 << 60 // as long as guild ids become
		}
		sounds, err := events.RequestSoundboardSounds{GuildIDs: append(base, base...)}.SendEvent(t.Context(), m)
		if err != nil || len(sounds.Guilds) != 400 {
			t.Errorf("%d guilds, %v", len(sounds.Guilds), err)
		}
		all := slices.Concat(soundRequests(t, g, 0)...)
		slices.Sort(all)
		if n := counted(g, 0, events.OpRequestSoundboardSounds); n != 3 || !slices.Equal(all, base) {
			t.Errorf("%d requests for %d guilds", n, len(all))
		}
		g.RequireNoViolations(t)
	})
}

// TestSoundsOfTheOthersComeWhenOneShardFails: the guilds of the shards that answered are returned,
// beside an error that names the shard which did not, and why.
func TestSoundsOfTheOthersComeWhenOneShardFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g, shardmanager.WithShards(4, 1, 2, 3))
		start(t, m)
		m.System().Root.Send(m.Supervisor(), actors.StopShards{Keys: []actors.Key{shardKey(m, 3)}})
		pass(time.Second)
		var asked []events.Snowflake
		for index := range 4 {
			asked = append(asked, guildsOf(events.ShardID{Index: index, Total: 4}, 1)...)
		}
		answer, err := m.Send(t.Context(), events.RequestSoundboardSounds{GuildIDs: asked})
		if len(answer.Events) != 2 || answer.Receipt.Shard.Total != 4 {
			t.Errorf("answers of %d guilds, receipt %+v", len(answer.Events), answer.Receipt)
		}
		if !errors.Is(err, actors.ErrUnknownShard) || !errors.Is(err, actors.ErrClosed) {
			t.Errorf("a shard that runs elsewhere, and one that was stopped: %v", err)
		}
		failed := make(map[int]actors.Stage)
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, each := range joined.Unwrap() {
				if failure := (*actors.SendError)(nil); errors.As(each, &failure) {
					failed[failure.Shard.Index] = failure.Stage
				}
			}
		}
		if len(failed) != 2 || failed[0] != actors.Refused || failed[3] != actors.Refused {
			t.Errorf("failures by shard: %v, in %v", failed, err)
		}
		g.RequireNoViolations(t)
	})
}

// TestReceiptOfSeveralShardsIsTheSlowests: who asks several shards is told how long the last of them took.
func TestReceiptOfSeveralShardsIsTheSlowests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(3), gatewaytest.WithMaxConcurrency(3))
		m := newManager(t, g)
		start(t, m)
		g.Shard(1).Freeze(true)
		time.AfterFunc(3*time.Second, func() { g.Shard(1).Freeze(false) })
		sounds, err := events.RequestSoundboardSounds{GuildIDs: []events.Snowflake{
			gatewaytest.GuildOf(events.ShardID{Index: 0, Total: 3}, 0), gatewaytest.GuildOf(events.ShardID{Index: 1, Total: 3}, 0),
			gatewaytest.GuildOf(events.ShardID{Index: 2, Total: 3}, 0),
		}}.SendEvent(t.Context(), m)
		if err != nil || sounds.Shard.Index != 1 || sounds.RoundTrip != 3*time.Second {
			t.Errorf("%+v, %v", sounds.Receipt, err)
		}
	})
}

// TestSoundsOfNoGuildAreRefused: a request that names none, or 0, is refused whole before any shard is asked.
func TestSoundsOfNoGuildAreRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
		m := newManager(t, g)
		start(t, m)
		for _, guilds := range [][]events.Snowflake{nil, {0}, {gatewaytest.GuildOf(events.ShardID{Index: 1, Total: 2}, 0), 0}} {
			_, err := m.Send(t.Context(), events.RequestSoundboardSounds{GuildIDs: guilds})
			var failure *actors.SendError
			var invalid *events.InvalidError
			if !errors.As(err, &failure) || failure.Stage != actors.Refused || !errors.As(err, &invalid) {
				t.Errorf("%v: %v", guilds, err)
			}
		}
		pass(time.Second)
		if n := len(soundRequests(t, g, 0)) + len(soundRequests(t, g, 1)); n != 0 {
			t.Errorf("%d requests were sent", n)
		}
	})
}

// TestSoundsOfShardsThatRunElsewhere, whichever they are, cost only their own guilds.
func TestSoundsOfShardsThatRunElsewhere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g, shardmanager.WithShards(3, 2))
		start(t, m)
		var asked []events.Snowflake
		for index := range 3 {
			asked = append(asked, guildsOf(events.ShardID{Index: index, Total: 3}, 1)...)
		}
		answer, err := m.Send(t.Context(), events.RequestSoundboardSounds{GuildIDs: asked})
		if len(answer.Events) != 1 || !errors.Is(err, actors.ErrUnknownShard) {
			t.Errorf("%d answers, %v", len(answer.Events), err)
		}
	})
}

// TestSoundsOfAManagerThatHasClosed are refused, of one shard and of several.
func TestSoundsOfAManagerThatHasClosed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
		m := newManager(t, g)
		start(t, m)
		closeNow(t, m)
		guilds := append(guildsOf(events.ShardID{Total: 2}, 1), guildsOf(events.ShardID{Index: 1, Total: 2}, 1)...)
		for n := range guilds {
			_, err := m.Send(t.Context(), events.RequestSoundboardSounds{GuildIDs: guilds[:n+1]})
			if failure := (*actors.SendError)(nil); !errors.As(err, &failure) || failure.Stage != actors.Refused || !errors.Is(err, shardmanager.ErrClosed) {
				t.Errorf("of %d shards: %v", n+1, err)
			}
		}
	})
}
