package metrics_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/metrics"
)

func TestIdentifiesThatWaitAreTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBot(t, setting{gateway: []gatewaytest.Option{gatewaytest.WithShards(4)}})
		if err := b.m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		now := float64(time.Now().UnixMilli()) / 1000
		b.want("identify_waiting", 3)
		b.wantBetween("identify_next_timestamp_seconds", now, now+5)
		b.want(`shards{role="serving",state="queued"}`, 3)
		b.wantBetween("longest_unready_seconds", 1.9, 2.1)
		pass(time.Minute)
		b.want("identify_waiting", 0)
		b.wantGone("identify_next_timestamp_seconds")
		b.wantBetween(`state_seconds_sum{state="queued"}`, 5+10+15, 5+10+15+4)
	})
}

func TestForeignIdentifiesAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newReady(t, setting{gateway: fleet(2, 1)})
		b.g.SetSessionStarts(900) // of 1000
		b.g.ForgetSessions()
		b.g.DropAll()
		pass(10 * time.Minute)
		b.wantBetween("foreign_identifies_total", 90, 100)
		b.wantBetween(`discoveries_total{outcome="answered"}`, 2, 20)
	})
}

func TestDiscoveryThatFailsIsCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBot(t, setting{gateway: fleet(1, 1)})
		n := 0
		b.g.OnDiscovery(func(w http.ResponseWriter) bool {
			if n++; n > 2 {
				w.WriteHeader(http.StatusUnauthorized)
			} else {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return true
		})
		if err := b.m.Start(t.Context()); err == nil {
			t.Fatal("it has started")
		}
		b.want(`discoveries_total{outcome="failed"}`, 2)
		b.want(`discoveries_total{outcome="unauthorized"}`, 1)
		b.want("discovery_seconds_count", 3)
		b.want("running", 0)
	})
}

func TestOptionalIntentsThatAreLeftOutAreTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newReady(t, setting{
			gateway: append(fleet(1, 1), gatewaytest.WithAllowedIntents(events.IntentsUnprivileged)),
			manager: []shardmanager.Option{shardmanager.WithOptionalIntents(events.IntentGuildMembers | events.IntentGuildPresences)},
		})
		b.want("intents_left_out", 2)
	})
}

func TestMoreShardsAreAdvised(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newReady(t, setting{gateway: fleet(1, 5), manager: []shardmanager.Option{shardmanager.WithReshardAdvice(5)}})
		pass(2 * time.Minute)
		b.want("reshard_advised_total", 1)
		b.want("shard_guilds_max", 5)
	})
}

func TestDeafSessionsAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const shards = 4
		b := newReady(t, setting{gateway: fleet(shards, 1), manager: []shardmanager.Option{
			shardmanager.WithDeafSessionPolicy(shardmanager.DeafSession{Window: 20 * time.Second, Least: 10})}, metrics: []metrics.Option{metrics.WithPerShard()}})
		talk := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
				for i := range shards {
					b.g.World().Message(guildOf(i, shards), gatewaytest.Message{Content: "hi"})
				}
			}
		}
		talk(17 * 20 * time.Second)
		b.g.Shard(2).Lose(1 << 30)
		talk(30 * time.Second)
		b.wantBetween("oldest_event_age_seconds", 29, 32)
		b.wantBetween(`shard_event_age_seconds{shard="2/4"}`, 29, 32)
		b.wantBetween("newest_event_age_seconds", 0, 1.1)
		talk(90 * time.Second)
		b.wantBetween(`deaf_sessions_total{step="resumed"}`, 1, 1)
		b.wantBetween(`reconnects_total{cause="deaf",during="ready"}`, 1, 2)
	})
}

func TestSendsThatWaitAreTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newReady(t, setting{gateway: fleet(1, 1), metrics: []metrics.Option{metrics.WithPerShard()},
			manager: []shardmanager.Option{shardmanager.WithIntents(events.IntentsUnprivileged | events.IntentGuildMembers)}})
		guild := guildOf(0, 1)
		b.wantBetween("send_permits_min", 110, 119)
		b.wantBetween(`shard_send_permits{shard="0/1"}`, 110, 119)
		for i := range 130 {
			go func() {
				ask := events.RequestGuildMembers{GuildID: guild, Query: events.Ptr(fmt.Sprint(i)), Limit: events.Ptr(1)}
				_, _ = ask.SendEvent(t.Context(), b.m)
			}()
		}
		pass(time.Second)
		b.wantBetween("sends_waiting", 10, 30)
		b.wantBetween(`shard_sends_waiting{shard="0/1"}`, 10, 30)
		b.want("send_permits_min", 0)
		b.want(`shard_send_permits{shard="0/1"}`, 0)
		pass(2 * time.Minute)
		b.want("sends_waiting", 0)
		b.want("send_wait_seconds_count", 130)

		b.g.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpRequestGuildMembers })
		for range 3 {
			go func() {
				_, _ = events.RequestGuildMembers{GuildID: guild, Query: events.Ptr(""), Limit: events.Ptr(0)}.SendEvent(t.Context(), b.m)
			}()
		}
		pass(time.Second)
		b.want("sends_sharing", 3)
	})
}

func TestReshardIsFollowed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newReady(t, setting{gateway: fleet(2, 2), metrics: []metrics.Option{metrics.WithPerShard()}})
		b.wantGone("reshard_age_seconds")
		over := make(chan error, 1)
		go func() { over <- b.m.Reshard(t.Context(), 4, shardmanager.WithRetirement(time.Minute)) }()
		pass(10 * time.Second)
		b.want(`shards{role="serving",state="ready"}`, 2)
		b.want(`shards{role="warming",state="ready"}`, 4)
		b.want("shards_wanted", 2)
		b.want("reshard_warm_ratio", 1)
		b.wantBetween(`reshard_phase{phase="comparing"}`, 1, 1)
		b.want(`reshard_phase{phase="warming"}`, 0)
		b.wantBetween(`reshard_guilds{stage="told"}`, 4, 9)
		b.want(`reshard_guilds{stage="cut"}`, 0)
		b.wantBetween("reshard_age_seconds", 9, 11)
		b.want("reshard_extra_sessions", 4)
		b.wantBetween("reshard_kept_bytes", 0, 1e6)
		b.wantBetween("reshard_left_seconds", 1, 3600)
		b.want(`shard_ready{shard="1/2"}`, 1)
		b.wantBetween(`shard_connections{shard="1/2"}`, 1, 1)
		b.want(`shard_ready{shard="3/4#1"}`, 1)
		b.wantBetween(`shard_guilds{shard="1/2"}`, 2, 2)
		if err := <-over; err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		b.want(`shards{role="retiring",state="ready"}`, 2)
		b.want(`reshard_phase{phase="retiring"}`, 1)
		pass(2 * time.Minute)
		b.want(`shards{role="serving",state="ready"}`, 4)
		b.want(`shards{role="retiring",state="ready"}`, 0)
		b.wantGone("reshard_age_seconds")
		b.wantGone(`shard_ready{shard="1/2"}`)
	})
}
