package metrics_test

import (
	"context"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/metrics"
)

// fleet is a gateway of so many shards, each with guilds.
func fleet(shards, guilds int) []gatewaytest.Option {
	return []gatewaytest.Option{gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(shards), gatewaytest.WithGuildsPerShard(guilds)}
}

func guildOf(shard, total int) events.Snowflake {
	return gatewaytest.GuildOf(events.ShardID{Index: shard, Total: total}, 0)
}

func TestShardsAreCountedByState(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBot(t, setting{gateway: fleet(3, 2)})
		b.want("running", 0)
		b.wantGone(`shards{role="serving",state="ready"}`)
		b.start()
		b.want("running", 1)
		b.want("fleet_shards", 3)
		b.want("shards_wanted", 3)
		b.want("guilds", 6)
		b.want("shard_guilds_max", 2)
		b.want(`shards{role="serving",state="ready"}`, 3)
		b.want(`shards{role="serving",state="backoff"}`, 0)
		b.want(`unready_seconds_count{how="started"}`, 3)
		b.want(`state_seconds_count{state="queued"}`, 3)
		b.want(`state_seconds_count{state="ready"}`, 0)
		b.want("longest_unready_seconds", 0)

		b.g.Outage(true)
		pass(time.Minute)
		b.want(`shards{role="serving",state="ready"}`, 0)
		b.want("shards_wanted", 3)
		b.want(`state_seconds_count{state="ready"}`, 3)
		b.want(`reconnects_total{cause="network",during="ready"}`, 3)
		b.wantBetween(`reconnects_total{cause="dial",during="dialling"}`, 3, 100)
		b.want(`shards_in_trouble{cause="dial"}`, 3)
		b.wantBetween("longest_unready_seconds", 59, 61)

		b.g.Outage(false)
		pass(2 * time.Minute)
		b.want(`shards{role="serving",state="ready"}`, 3)
		b.want("longest_unready_seconds", 0)
		b.wantGone(`shards_in_trouble{cause="dial"}`)
		b.want(`unready_seconds_count{how="resumed"}`, 3)
		b.wantBetween(`unready_seconds_sum{how="resumed"}`, 3*60, 3*180)
		b.want(`resumes_total{outcome="resumed"}`, 3)

		if err := b.m.Pause(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		b.want("shards_wanted", 2)
		b.want("longest_unready_seconds", 0)
	})
}

func TestNothingLooksAliveAfterTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newReady(t, setting{gateway: fleet(2, 1), metrics: []metrics.Option{metrics.WithPerShard()}})
		b.want(`shard_ready{shard="0/2"}`, 1)
		if err := b.m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := b.scrape() // at once: what was read a moment ago is not told again
		if all["signalbox_running"] != 0 {
			t.Error("running is not 0")
		}
		if all[`signalbox_events_total{type="READY"}`] != 2 {
			t.Error("what has happened is gone")
		}
		families, err := b.r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetType().String() == "GAUGE" && f.GetName() != "signalbox_running" {
				t.Errorf("%s is there", f.GetName())
			}
		}

		b.follow(setting{})
		b.start()
		b.want("running", 1)
		b.want(`events_total{type="READY"}`, 4)
		b.want(`unready_seconds_count{how="started"}`, 4)
	})
}

func TestEventsAreCountedByType(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newReady(t, setting{gateway: fleet(2, 1)})
		b.want(`events_total{type="READY"}`, 2)
		b.want(`events_total{type="GUILD_CREATE"}`, 2)
		before := b.scrape()
		for range 3 {
			b.g.World().Message(guildOf(0, 2), gatewaytest.Message{Content: "hi"})
		}
		b.g.Shard(1).Dispatch("SOMETHING_NEW", map[string]any{})
		b.g.Shard(1).Dispatch("SOMETHING_ELSE", map[string]any{})
		pass(2 * time.Second)
		after := b.scrape()
		b.want(`events_total{type="MESSAGE_CREATE"}`, 3)
		b.want(`events_total{type="unknown"}`, 2)
		b.wantBetween("event_delay_seconds_count", before["signalbox_event_delay_seconds_count"]+1, after["signalbox_frames_total"])
		if frames := after["signalbox_frames_total"] - before["signalbox_frames_total"]; frames < 5 {
			t.Errorf("%v frames were read, want 5", frames)
		}
		bytes := before["signalbox_frame_bytes_total"]
		b.wantBetween("frame_bytes_total", bytes+300, bytes+10000)
		b.wantBetween("wire_bytes_total", 1, after["signalbox_frame_bytes_total"]*.9) // compressed
		b.wantBetween("frame_age_seconds", 0, 2.1)
		b.wantBetween("newest_event_age_seconds", 1.9, 2.1)
		pass(time.Minute)
		b.wantBetween("newest_event_age_seconds", 61, 63)
		b.wantBetween("frame_age_seconds", 0, 42)

		b.g.Shard(0).Drop()
		b.g.World().Message(guildOf(0, 2), gatewaytest.Message{Content: "missed"})
		pass(5 * time.Second)
		b.want("events_replayed_total", 1)
		b.want(`events_total{type="RESUMED"}`, 1)
	})
}

func TestWithoutEventsNoneIsCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newReady(t, setting{gateway: fleet(1, 1), metrics: []metrics.Option{metrics.WithoutEvents()}})
		b.want(`events_total{type="READY"}`, 0)
		b.wantBetween("frames_total", 2, 100)
		b.wantBetween("event_delay_seconds_count", 2, 100)
	})
}

func TestHeartbeatsAreMeasured(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newReady(t, setting{gateway: fleet(1, 1), metrics: []metrics.Option{metrics.WithPerShard()}})
		pass(3 * time.Minute)
		b.wantBetween("heartbeat_round_trip_seconds_count", 4, 6)
		b.wantBetween("heartbeat_lateness_seconds_count", 4, 6)
		b.want("heartbeat_lateness_seconds_sum", 0)
		b.wantBetween(`shard_latency_seconds{shard="0/1"}`, 0, 1)
		b.wantBetween(`shard_heartbeat_age_seconds{shard="0/1"}`, 0, 42)
		b.wantBetween("oldest_heartbeat_age_seconds", 0, 42)
		b.wantBetween(`shard_frame_age_seconds{shard="0/1"}`, 0, 42)
		b.wantBetween(`shard_event_age_seconds{shard="0/1"}`, 180, 190)

		b.g.Shard(0).MuteAcks(true)
		pass(80 * time.Second)
		b.wantBetween("reconnects_total{cause=\"zombie\",during=\"ready\"}", 0, 1)
		b.g.Outage(true)
		pass(time.Second)
		b.wantGone(`shard_latency_seconds{shard="0/1"}`) // what was measured before says nothing now
		b.wantGone("oldest_heartbeat_age_seconds")
		b.wantGone(`shard_heartbeat_age_seconds{shard="0/1"}`)
		b.wantGone(`shard_event_age_seconds{shard="0/1"}`)
		b.wantGone(`shard_send_permits{shard="0/1"}`)
		b.wantGone("send_permits_min")
		b.wantBetween(`shard_frame_age_seconds{shard="0/1"}`, 0, 90)
		b.want(`shard_ready{shard="0/1"}`, 0)
		b.wantBetween(`shard_unready_seconds{shard="0/1"}`, 0, 90)
	})
}

func TestReconnectsHaveTheirCauses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newReady(t, setting{gateway: fleet(4, 1), manager: []shardmanager.Option{shardmanager.WithCompression(events.CompressionNone)}})
		b.g.Shard(0).Reconnect()
		b.g.Shard(1).Close(events.CloseSessionTimedOut)
		b.g.Shard(2).InvalidSession(false)
		b.g.Shard(3).SendRaw([]byte("[]"))
		pass(20 * time.Second)
		b.want(`reconnects_total{cause="reconnect_asked",during="ready"}`, 1)
		b.want(`reconnects_total{cause="close_4009",during="ready"}`, 1)
		b.want(`reconnects_total{cause="invalid_session",during="ready"}`, 1)
		b.want(`reconnects_total{cause="bad_frame",during="ready"}`, 1)
		b.wantBetween("sessions_lost_total", 1, 2)
		b.wantBetween(`identifies_total{stage="written"}`, 5, 6)
		b.wantBetween(`unready_seconds_count{how="identified"}`, 1, 2)

		b.g.ForgetSessions()
		b.g.Shard(0).Drop()
		pass(20 * time.Second)
		b.want(`resumes_total{outcome="session_lost"}`, 1)
		b.wantBetween("dials_total", 9, 12)
		b.wantBetween("dial_seconds_count", 9, 12)
	})
}

func TestCrashesAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newReady(t, setting{gateway: fleet(2, 1)})
		key := b.m.Status().Shards[0].Key()
		b.m.System().Root.Send(b.m.Supervisor(), &actors.CrashShard{Key: key})
		pass(20 * time.Second)
		b.want("shard_crashes_total", 1)
		b.want(`reconnects_total{cause="crash",during="ready"}`, 1)
		b.want("shards_ended", 0)
		b.g.Shard(1).Close(events.CloseInvalidShard)
		pass(5 * time.Second)
		b.want("shards_ended", 1)
		b.want(`shards_in_trouble{cause="close_4010"}`, 1)
		b.want("running", 1)
	})
}

func TestBudgetIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newReady(t, setting{gateway: append(fleet(3, 1), gatewaytest.WithSessionStarts(100, 20, 24*time.Hour)), manager: []shardmanager.Option{shardmanager.WithIdentifyReserve(10)}})
		b.want("identify_budget", 100)
		b.want("identify_budget_remaining", 17)
		b.want("identify_budget_spent", 3)
		b.want("identify_budget_reserve", 10)
		b.want("identify_budget_spare", 7)
		b.want("identify_max_concurrency", 3)
		b.want("identify_waiting", 0)
		now := float64(time.Now().Unix())
		b.wantBetween("identify_budget_reset_timestamp_seconds", now, now+24*3600)
		b.wantGone("identify_next_timestamp_seconds")
		b.want(`forecast_affordable{work="identify_all"}`, 1)
		b.wantBetween(`forecast_seconds{work="resume_all"}`, .001, 60)
		b.wantBetween(`forecast_seconds{work="identify_all"}`, .001, 60)
		b.want(`identifies_total{stage="asked"}`, 3)
		b.want(`identifies_total{stage="granted"}`, 3)
		b.want(`identifies_total{stage="written"}`, 3)
		b.want(`discoveries_total{outcome="answered"}`, 1)
		b.want("discovery_seconds_count", 1)

		for range 2 { // each costs three
			b.g.ForgetSessions()
			b.g.DropAll()
			pass(20 * time.Second)
		}
		pass(30 * time.Second)
		b.wantBetween("identify_budget_spare", 0, 2)
		b.want(`forecast_affordable{work="identify_all"}`, 0)
		b.want(`forecast_affordable{work="resume_all"}`, 1)
	})
}

func TestSendsAreCountedByOutcome(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newReady(t, setting{gateway: fleet(1, 1)})
		guild := guildOf(0, 1)
		ask := events.RequestGuildMembers{GuildID: guild, Query: events.Ptr("a"), Limit: events.Ptr(1)}
		if _, err := ask.SendEvent(t.Context(), b.m); err != nil {
			t.Fatal(err)
		}
		b.want(`sends_total{op="request_guild_members",outcome="done"}`, 1)
		b.want(`send_round_trip_seconds_count{op="request_guild_members"}`, 1)
		b.want("send_wait_seconds_count", 1)

		b.g.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpRequestGuildMembers })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := ask.SendEvent(ctx, b.m); err == nil {
			t.Fatal("there was an answer")
		}
		b.want(`sends_total{op="request_guild_members",outcome="given_up"}`, 1)

		if _, err := (events.UpdatePresence{Status: events.StatusIdle}).SendEvent(t.Context(), b.m); err != nil {
			t.Fatal(err)
		}
		b.want(`sends_total{op="presence_update",outcome="done"}`, 1)
		b.want("sends_waiting", 0)
	})
}
