package shardmanager_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

var (
	allMembers = shardmanager.WithIntents(events.IntentGuilds | events.IntentGuildMembers | events.IntentGuildPresences)
	aGuild     = gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)
)

func fullList(guild events.Snowflake) events.RequestGuildMembers {
	return events.RequestGuildMembers{GuildID: guild, Query: events.Ptr(""), Limit: events.Ptr(0)}
}

// counted is how many frames with an opcode the gateway has read.
func counted(g *gatewaytest.Server, shard int, op events.Opcode) (n int) {
	for _, f := range g.Frames(shard) {
		if f.Op == op {
			n++
		}
	}
	return n
}

// TestChannelInfoIsAskedOneByOne: its answer does not say which fields were asked for, so that a
// guild has one request under way; the same ones share it.
func TestChannelInfoIsAskedOneByOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g)
		start(t, m)
		var busy, most atomic.Int32
		g.OnFrame(func(f gatewaytest.Frame) bool {
			if f.Op == events.OpRequestChannelInfo {
				most.Store(max(busy.Add(1), most.Load()))
				go func() {
					time.Sleep(time.Second)
					busy.Add(-1)
					data := `{"guild_id":"%v","channels":[{"id":"1","status":"x"}]}`
					if string(f.Data) != fmt.Sprintf(`{"guild_id":"%v","fields":["status"]}`, aGuild) {
						data = `{"guild_id":"%v","channels":[{"id":"1","voice_start_time":5}]}`
					}
					g.Shard(0).Dispatch("CHANNEL_INFO", json.RawMessage(fmt.Sprintf(data, aGuild)))
				}()
				return true
			}
			return false
		})
		var all sync.WaitGroup
		for i := range 10 {
			field := []string{"status", "voice_start_time"}[i%2]
			all.Go(func() {
				info, err := events.RequestChannelInfo{GuildID: aGuild, Fields: []string{field}}.SendEvent(t.Context(), m)
				if err != nil || len(info.Channels) != 1 {
					t.Errorf("%s: %+v, %v", field, info, err)
					return
				}
				if _, status := info.Channels[0].Status.Get(); status != (field == "status") {
					t.Errorf("asked for %s and got the other one's answer", field)
				}
			})
		}
		all.Wait()
		if n := counted(g, 0, events.OpRequestChannelInfo); most.Load() != 1 || n != 2 {
			t.Errorf("%d requests, %d at once", n, most.Load())
		}
	})
}

// chunksAt has the gateway answer each request of members with chunks, one so long after the other.
func chunksAt(t *testing.T, g *gatewaytest.Server, gaps ...time.Duration) {
	g.OnFrame(func(f gatewaytest.Frame) bool {
		if f.Op != events.OpRequestGuildMembers {
			return false
		}
		request, err := events.ParseRequest(f.Op, f.Data)
		if err != nil {
			t.Error(err)
		}
		go func() {
			for i, gap := range gaps {
				time.Sleep(gap)
				g.Shard(0).Dispatch("GUILD_MEMBERS_CHUNK", map[string]any{"guild_id": request.Guild, "nonce": request.Nonce,
					"chunk_index": i, "chunk_count": len(gaps), "members": []any{map[string]any{"user": map[string]any{"id": i}}}})
			}
		}()
		return true
	})
}

// TestChunkThatCameMeanwhileIsThereAtOnce: who is slow with one chunk has the next right after it, and does not wait for another to come.
func TestChunkThatCameMeanwhileIsThereAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g, allMembers)
		start(t, m)
		chunksAt(t, g, time.Second, time.Second, 20*time.Second)
		begun := time.Now()
		var took []time.Duration
		for _, err := range fullList(aGuild).Chunks(t.Context(), m) {
			if err != nil {
				t.Error(err)
			}
			took = append(took, time.Since(begun))
			time.Sleep(5 * time.Second)
		}
		if want := []time.Duration{time.Second, 6 * time.Second, 22 * time.Second}; !slices.Equal(took, want) {
			t.Errorf("chunks after %v, want %v", took, want)
		}
	})
}

// TestMembersArriveChunkByChunk: an iterator has the first chunk before the last was sent.
func TestMembersArriveChunkByChunk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g, allMembers)
		start(t, m)
		chunksAt(t, g, time.Second, time.Second, time.Second)
		begun, got := time.Now(), 0
		for chunk, err := range fullList(aGuild).Chunks(t.Context(), m) {
			if err != nil || chunk.ChunkIndex != got || time.Since(begun) != time.Duration(got+1)*time.Second {
				t.Errorf("chunk %d after %v: %+v, %v", got, time.Since(begun), chunk, err)
			}
			got++
		}
		if got != 3 {
			t.Errorf("%d chunks", got)
		}
		begun, got = time.Now(), 0
		for chunk, err := range fullList(aGuild+1<<30).Chunks(t.Context(), m) { // given up after the first
			if err != nil || chunk.ChunkIndex != 0 {
				t.Errorf("%+v, %v", chunk, err)
			}
			got++
			break
		}
		if took := time.Since(begun); got != 1 || took != time.Second {
			t.Errorf("given up after %d chunks, and %v", got, took)
		}
		ctx, end := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer end()
		var all []error
		for _, err := range (events.RequestGuildMembers{GuildID: aGuild, Query: events.Ptr("a"), Limit: events.Ptr(5)}).Chunks(ctx, m.Shard(0)) {
			all = append(all, err)
		}
		if len(all) != 2 || all[0] != nil || !errors.Is(all[1], context.DeadlineExceeded) {
			t.Errorf("an end after the first chunk: %v", all)
		}
		pass(time.Minute)
	})
}

// TestNobodyGetsAnothersAnswer: a hundred at once ask for different members.
// Failures: F73, F83.
func TestNobodyGetsAnothersAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuildsPerShard(1), gatewaytest.WithMembers(1000))
		m := newManager(t, g, allMembers)
		start(t, m)
		var all sync.WaitGroup
		for i := range 100 {
			ids := []events.Snowflake{events.Snowflake(i + 1), events.Snowflake(i + 500), events.Snowflake(5000 + i)}
			all.Go(func() {
				got, err := events.RequestGuildMembers{GuildID: aGuild, UserIDs: ids, Presences: events.Ptr(true)}.SendEvent(t.Context(), m)
				if err != nil || len(got.Members) != 2 || got.Members[0].User.ID != ids[0] || got.Members[1].User.ID != ids[1] ||
					len(got.NotFound) != 1 || got.NotFound[0] != ids[2] || len(got.Presences) != 2 || got.Presences[1].User.ID != ids[1] {
					t.Errorf("%v: %+v, %v", ids, got, err)
				}
			})
			if i%20 == 10 {
				synctest.Wait()
				g.Shard(0).Drop()
				pass(time.Minute)
			}
		}
		all.Wait()
		g.RequireNoViolations(t)
	})
}

var abandoned = flag.Int("abandoned", 100_000, "how many requests TestAbandonedRequestsLeaveNothing abandons")

// TestAbandonedRequestsLeaveNothing: requests that their callers give up leave the heap as it was,
// whether they were written or not.
// Failures: F84, F139.
func TestAbandonedRequestsLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // not parallel: it measures the heap
		g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuildsPerShard(1), gatewaytest.WithMembers(10))
		m := newManager(t, g, allMembers)
		start(t, m)
		g.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpRequestGuildMembers }) // silence
		abandon := func(n int) {
			ctx, cancel := context.WithCancel(t.Context())
			for range n / 500 {
				var all sync.WaitGroup
				batch, end := context.WithCancel(ctx)
				for range 500 {
					all.Go(func() {
						_, err := events.RequestGuildMembers{GuildID: aGuild, UserIDs: []events.Snowflake{1}}.SendEvent(batch, m)
						if !errors.Is(err, context.Canceled) {
							t.Errorf("%v", err)
						}
					})
				}
				synctest.Wait()
				end()
				all.Wait()
				pass(time.Minute) // of 500, the connection's limit lets 115 be written
			}
			cancel()
			pass(3 * time.Minute) // the session gives up what was written
		}
		heap := func() uint64 {
			var stats runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&stats)
			return stats.HeapAlloc
		}
		abandon(80_000) // by when the simulated gateway's log of frames has its full size
		before := heap()
		abandon(*abandoned)
		after := heap()
		t.Logf("%d requests abandoned: the heap went from %d to %d KiB", *abandoned, before>>10, after>>10)
		if after > before+4<<20 { // that log goes up and down by 3 MiB; what was written leaves 10 if it stays
			t.Errorf("%d bytes more", after-before)
		}
	})
}

// TestMemberListIsNotLimitedByAFrameThatNeverWent: a whole list that was admitted onto a
// connection, and came back since that one had ended, is asked for on the next.
func TestMemberListIsNotLimitedByAFrameThatNeverWent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuildsPerShard(20), gatewaytest.WithMembers(3))
		m := newManager(t, g, allMembers)
		start(t, m)
		for i := range 20 {
			m.System().Root.Send(m.Supervisor(), actors.RestartShard{Key: shardKey(m, 0)}) // and the request right behind it
			guild := gatewaytest.GuildOf(events.ShardID{Total: 1}, i)
			if members, err := fullList(guild).SendEvent(t.Context(), m); err != nil || len(members.Members) != 3 {
				t.Errorf("%d members, %v", len(members.Members), err)
			}
			pass(time.Minute)
		}
	})
}
