package metrics_test

import (
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/metrics"
)

// TestAwayIsCountedFromEachLoss: what is over is not counted again, and a shard that is Ready is not away.
func TestAwayIsCountedFromEachLoss(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newReady(t, setting{gateway: fleet(1, 1), metrics: []metrics.Option{metrics.WithPerShard()}})
		for range 3 {
			b.g.Shard(0).Drop()
			pass(10 * time.Minute)
			b.wantGone(`shard_unready_seconds{shard="0/1"}`)
		}
		b.want(`unready_seconds_count{how="resumed"}`, 3)
		b.wantBetween(`unready_seconds_sum{how="resumed"}`, 0, 3*30) // and not the ten minutes between
		if err := b.m.Reidentify(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		b.want(`unready_seconds_count{how="resumed"}`, 3)
		b.want(`unready_seconds_count{how="identified"}`, 1)
	})
}

// TestSessionThatBeginsWhileReadyIsNoTimeAway: the gateway has begun another, on the same connection.
func TestSessionThatBeginsWhileReadyIsNoTimeAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newReady(t, setting{gateway: fleet(1, 1)})
		pass(time.Minute)
		b.g.SendTo(1, []byte(`{"op":0,"t":"READY","s":1,"d":{"session_id":"another","resume_gateway_url":"`+b.g.URL+`","user":{"id":"7"}}}`))
		pass(5 * time.Second)
		b.want("sessions_lost_total", 1)
		b.want(`unready_seconds_count{how="started"}`, 1)
		b.want(`unready_seconds_count{how="identified"}`, 0)
	})
}

// TestShardThatIsNotToRunIsNotAway, while it ends, and after that; nor does it count as one that is to serve.
func TestShardThatIsNotToRunIsNotAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newReady(t, setting{gateway: fleet(2, 1), metrics: []metrics.Option{metrics.WithPerShard()}})
		b.g.Outage(true)
		pass(time.Minute)
		b.wantBetween("longest_unready_seconds", 59, 61)
		b.wantBetween(`shard_unready_seconds{shard="0/2"}`, 59, 61)
		if err := b.m.Drain(t.Context(), 0, 1); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			pass(1100 * time.Millisecond)
			b.want("shards_wanted", 0)
			b.want("longest_unready_seconds", 0)
			b.wantGone(`shard_unready_seconds{shard="0/2"}`)
		}
	})
}

// TestShardThatWarmsIsNotCountedAmongThoseThatServe: neither its guilds nor its silence, nor that it is not Ready yet.
func TestShardThatWarmsIsNotCountedAmongThoseThatServe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newReady(t, setting{gateway: fleet(2, 2), metrics: []metrics.Option{metrics.WithPerShard()}})
		pass(5 * time.Minute)
		b.want("guilds", 4)
		over := make(chan error, 1)
		go func() { over <- b.m.Reshard(t.Context(), 4, shardmanager.WithRetirement(time.Minute)) }()
		pass(10 * time.Second)
		b.want(`shards{role="warming",state="ready"}`, 4)
		b.want("guilds", 4)
		b.want("shards_wanted", 2)
		b.wantBetween("newest_event_age_seconds", 300, 400) // the new ones have heard READY since
		b.wantBetween("oldest_event_age_seconds", 300, 400)
		b.g.Outage(true)
		pass(5 * time.Second)
		b.want(`shards{role="`+actors.Warming.String()+`",state="ready"}`, 0)
		b.want("guilds", 4)
		b.wantBetween("longest_unready_seconds", 4, 6)
		b.wantBetween(`shard_unready_seconds{shard="1/2"}`, 4, 6)
		b.wantGone(`shard_unready_seconds{shard="3/4#1"}`) // it is not to serve yet
		b.g.Outage(false)
		if err := <-over; err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Minute)
	})
}

// slowHook never comes back.
type slowHook struct{ hang chan struct{} }

func (h slowHook) OnHeartbeat(actors.HeartbeatAcknowledged) { <-h.hang }
func (h slowHook) OnFrames(actors.FramesRead)               { <-h.hang }

// TestMissedHooksAreCounted, also over the end of a Manager.
func TestMissedHooksAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		slow := slowHook{make(chan struct{})}
		defer close(slow.hang)
		b := newBot(t, setting{gateway: fleet(16, 1)})
		b.follow(setting{manager: []shardmanager.Option{shardmanager.WithHooks(slow)}})
		b.start()
		b.want("hooks_missed_total", 0)
		pass(4 * time.Hour)
		missed := b.m.HooksMissed()
		if missed < 1000 {
			t.Fatalf("%d calls are missed", missed)
		}
		b.want("hooks_missed_total", float64(missed))
		if err := b.m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.follow(setting{})
		b.start()
		b.want("hooks_missed_total", float64(missed))
	})
}
