package shardmanager_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

func TestFirstLight(t *testing.T) {
	for _, compression := range []events.Compression{
		events.CompressionNone, events.CompressionPayload, events.CompressionZlib, events.CompressionZstd,
	} {
		t.Run(string(compression), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(4), gatewaytest.WithMaxConcurrency(2), gatewaytest.WithGuildsPerShard(2))
				m := newManager(t, g, shardmanager.WithCompression(compression),
					shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMembers|events.IntentGuildMessages))
				var got atomic.Int64
				shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, at events.Meta) {
					if e.Content == "hello" && at.Shard == (events.ShardID{Index: 3, Total: 4}) {
						got.Add(1)
					}
				})
				start(t, m)
				g.Shard(3).Dispatch("MESSAGE_CREATE", map[string]any{"id": "1", "content": "hello", "timestamp": time.Now()})
				pass(time.Second)
				if got.Load() != 1 {
					t.Errorf("the handler got %d messages, want 1", got.Load())
				}
				guild := gatewaytest.GuildOf(events.ShardID{Index: 2, Total: 4}, 0)
				members, err := events.RequestGuildMembers{GuildID: guild, Query: events.Ptr(""), Limit: events.Ptr(0)}.SendEvent(t.Context(), m)
				if err != nil || len(members.Members) != 3 || members.Receipt.Shard.Index != 2 {
					t.Errorf("members: %d, %v, %v", len(members.Members), members.Receipt, err)
				}
				g.Shard(1).Drop()
				pass(time.Minute)
				if s := g.Stats(); s.Identifies != 4 || s.Resumes != 1 {
					t.Errorf("identifies %d, resumes %d, want 4 and 1", s.Identifies, s.Resumes)
				}
				if s := m.Status(); s.Ready() != 4 {
					t.Errorf("ready: %+v", s)
				}
				g.RequireNoViolations(t)
			})
		})
	}
}
