package runbook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// scenes are what the page shows, by the name that it has there.
var scenes = map[string]func(*testing.T) string{
	"waits its turn": func(t *testing.T) string {
		return play(t, func(s *stage) {
			m := s.manager()
			if err := m.Start(s.Context()); err != nil {
				s.Fatal(err)
			}
			s.waitReady(m, 12*time.Second)
			status, _ := m.Shard(5).Status()
			s.show("m.Shard(5).Status()", fmt.Sprintf("%v, place %d, expected at %s", status.State, status.Place, status.Expected.Format(time.TimeOnly)))
		}, gatewaytest.WithShards(6))
	},
	"no network": func(t *testing.T) string {
		return play(t, func(s *stage) {
			m := s.begin()
			s.gateway.Outage(true)
			time.Sleep(time.Second)
			s.waitReady(m, 20*time.Second)
			s.shards(m)
		}, gatewaytest.WithShards(1))
	},
	"no discovery": func(t *testing.T) string {
		return play(t, func(s *stage) {
			remove := s.gateway.OnDiscovery(func(w http.ResponseWriter) bool {
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			})
			defer remove()
			m := s.manager()
			ctx, cancel := context.WithTimeout(s.Context(), 3*time.Second)
			defer cancel()
			s.show("m.Start(ctx)", m.Start(ctx))
		}, gatewaytest.WithShards(1))
	},
	"two processes": func(t *testing.T) string {
		return play(t, func(s *stage) {
			store := session.NewMemoryStore()
			s.begin(shardmanager.WithSessionStore(store))
			time.Sleep(time.Minute)
			second := s.manager(shardmanager.WithSessionStore(store), shardmanager.WithLogger(zap.NewNop())) // what the first one says is enough
			if err := second.Start(s.Context()); err != nil {
				s.Fatal(err)
			}
			time.Sleep(4 * time.Second)
		}, gatewaytest.WithShards(1))
	},
	"slow handler": func(t *testing.T) string {
		return play(t, func(s *stage) {
			m := s.manager()
			release := make(chan struct{})
			defer close(release)
			shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) { <-release }, shardmanager.WithName("answers"))
			if err := errors.Join(m.Start(s.Context()), m.WaitReady(s.Context())); err != nil {
				s.Fatal(err)
			}
			for range 5000 {
				s.gateway.World().Message(8<<22, gatewaytest.Message{Content: "hello"})
			}
			time.Sleep(10 * time.Second)
			s.queues(m)
		}, gatewaytest.WithShards(1), gatewaytest.WithGuilds(8<<22))
	},
	"budget": func(t *testing.T) string {
		return play(t, func(s *stage) {
			m := s.manager()
			if err := m.Start(s.Context()); err != nil {
				s.Fatal(err)
			}
			s.waitReady(m, time.Hour)
			s.show("m.Budget()", m.Budget())
		}, gatewaytest.WithShards(3), gatewaytest.WithSessionStarts(1000, 102, 7*time.Hour))
	},
	"foreign": func(t *testing.T) string {
		return play(t, func(s *stage) {
			s.begin()
			time.Sleep(5 * time.Minute)
			s.gateway.SetSessionStarts(880)
			s.gateway.ForgetSessions()
			s.gateway.DropAll()
			time.Sleep(2 * time.Minute)
		}, gatewaytest.WithShards(1))
	},
	"4004": func(t *testing.T) string {
		return play(t, func(s *stage) {
			m := s.begin()
			s.gateway.Shard(0).Close(events.CloseAuthenticationFailed)
			s.ended(m)
		}, gatewaytest.WithShards(1))
	},
	"4004 at the start": func(t *testing.T) string {
		return play(t, func(s *stage) {
			s.show("m.Start(ctx)", s.manager().Start(s.Context()))
		}, gatewaytest.WithShards(1), gatewaytest.WithToken("another"))
	},
	"4010": func(t *testing.T) string {
		return play(t, func(s *stage) {
			m := s.begin(shardmanager.WithShards(2))
			s.gateway.Shard(1).Close(events.CloseInvalidShard)
			time.Sleep(time.Minute)
			s.waitReady(m, time.Minute)
			s.shards(m)
		})
	},
	"4011": func(t *testing.T) string {
		return play(t, func(s *stage) {
			m := s.begin(shardmanager.WithShards(2))
			s.gateway.Shard(1).Close(events.CloseShardingRequired)
			time.Sleep(time.Minute)
			s.waitReady(m, time.Minute)
			var heard atomic.Int64
			shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) { heard.Add(1) })
			s.show("m.Reshard(ctx, 4)", m.Reshard(s.Context(), 4))
			for guild := range 4 { // of each new shard
				s.gateway.World().Message(events.Snowflake(8+guild)<<22, gatewaytest.Message{Content: "hello"})
			}
			time.Sleep(time.Second)
			if n := heard.Load(); n != 4 {
				s.Errorf("after the reshard %d of 4 messages were heard", n)
			}
			s.shards(m)
		}, gatewaytest.WithGuilds(8<<22, 9<<22, 10<<22, 11<<22))
	},
	"4013": func(t *testing.T) string {
		return play(t, func(s *stage) {
			m := s.begin()
			s.gateway.Shard(0).Close(events.CloseInvalidIntents)
			s.ended(m)
		}, gatewaytest.WithShards(1))
	},
	"4014": func(t *testing.T) string {
		return play(t, func(s *stage) {
			m := s.begin(shardmanager.WithIntents(events.IntentGuilds | events.IntentGuildMembers))
			s.gateway.SetAllowedIntents(events.IntentsUnprivileged)
			s.gateway.Shard(0).Close(events.CloseDisallowedIntents)
			s.ended(m)
		}, gatewaytest.WithShards(1))
	},
	"4014 at the start": func(t *testing.T) string {
		return play(t, func(s *stage) {
			s.show("m.Start(ctx)", s.manager(shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMembers)).Start(s.Context()))
		}, gatewaytest.WithShards(1), gatewaytest.WithAllowedIntents(events.IntentsUnprivileged))
	},
	"store": func(t *testing.T) string {
		return play(t, func(s *stage) {
			disk := &disk{Store: session.NewMemoryStore()}
			m := s.begin(shardmanager.WithSessionStore(disk))
			time.Sleep(time.Minute)
			disk.full.Store(true)
			s.gateway.Shard(0).Drop()
			time.Sleep(30 * time.Second)
			s.show("m.Persistence().Err", m.Persistence().Err)
			s.show("m.Persistence().Failures", m.Persistence().Failures)
			disk.full.Store(false)
			time.Sleep(30 * time.Second)
		}, gatewaytest.WithShards(1))
	},
	"store at the start": func(t *testing.T) string {
		return play(t, func(s *stage) {
			disk := &disk{Store: session.NewMemoryStore()}
			disk.full.Store(true)
			m := s.manager(shardmanager.WithSessionStore(disk))
			ctx, cancel := context.WithTimeout(s.Context(), 10*time.Second)
			defer cancel()
			s.show("m.Start(ctx)", m.Start(ctx))
		}, gatewaytest.WithShards(1))
	},
	"store at the end": func(t *testing.T) string {
		return play(t, func(s *stage) {
			disk := &disk{Store: session.NewMemoryStore()}
			m := s.begin(shardmanager.WithSessionStore(disk))
			disk.full.Store(true)
			s.show("m.Close(ctx)", m.Close(context.Background()))
		}, gatewaytest.WithShards(1))
	},
	"reshard": func(t *testing.T) string {
		return play(t, func(s *stage) {
			m := s.manager()
			release := make(chan struct{})
			shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) { <-release }, shardmanager.WithName("answers"))
			if err := errors.Join(m.Start(s.Context()), m.WaitReady(s.Context())); err != nil {
				s.Fatal(err)
			}
			s.gateway.World().Message(8<<22, gatewaytest.Message{Content: "hello"})
			ctx, cancel := context.WithCancel(s.Context())
			done := make(chan error)
			go func() { done <- m.Reshard(ctx, 2) }()
			for range 180 {
				s.gateway.World().Message(8<<22, gatewaytest.Message{Content: "hello"})
				time.Sleep(10 * time.Second)
			}
			p, _ := m.Resharding()
			s.show("m.Resharding()", fmt.Sprintf("%v: %d of %d new shards are warm, %d of %d guilds cut, %d bytes kept", p.Phase, p.Warm, p.To, p.Cut, p.Guilds, p.Kept))
			s.queues(m)
			cancel()
			close(release)
			s.show("m.Reshard(ctx, 2)", <-done)
		}, gatewaytest.WithShards(1), gatewaytest.WithGuilds(8<<22, 9<<22))
	},
}

// disk is a store that may be full.
type disk struct {
	session.Store
	full atomic.Bool
}

func (d *disk) Load(ctx context.Context, id events.ShardID) (session.Snapshot, error) {
	if d.full.Load() {
		return session.Snapshot{}, errors.New("read bot.db: input/output error")
	}
	return d.Store.Load(ctx, id)
}

func (d *disk) Save(ctx context.Context, all ...session.Snapshot) error {
	if d.full.Load() {
		return errors.New("write bot.db: no space left on device")
	}
	return d.Store.Save(ctx, all...)
}
