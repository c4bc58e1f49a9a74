package shardmanager_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestPriorityOrdersWhatWaits: of those that wait for a permit the High ones go first and the Low ones last, through each Sender and whatever
// the event; equals go as they came.
func TestPriorityOrdersWhatWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g, shardmanager.WithShards(1))
		start(t, m)
		useUp(t, m)
		members := func(name string, to events.Sender) func() error {
			return func() error {
				_, err := events.RequestGuildMembers{GuildID: onlyGuild, UserIDs: []events.Snowflake{1}, Nonce: name}.SendEvent(t.Context(), to)
				return err
			}
		}
		chunks := func(name string, to events.Sender) func() error {
			return func() (err error) {
				for _, err = range (events.RequestGuildMembers{GuildID: onlyGuild, UserIDs: []events.Snowflake{1}, Nonce: name}).Chunks(t.Context(), to) {
				}
				return err
			}
		}
		var all sync.WaitGroup
		for _, send := range []func() error{
			members("low 1", m.Priority(shardmanager.Low)),
			chunks("low 2", m.Priority(shardmanager.Low)),
			members("normal 1", m),
			func() error {
				_, err := events.UpdatePresence{Status: events.StatusIdle}.SendEvent(t.Context(), m)
				return err
			},
			members("normal 2", m.Shard(0)),
			members("high 1", m.Shard(0).Priority(shardmanager.High)),
			chunks("high 2", m.Shard(0).Priority(shardmanager.High)),
			members("high 3", m.Priority(shardmanager.High)),
		} {
			all.Go(func() {
				if err := send(); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		if waiting := m.Status().Shards[0].Waiting; waiting != 8 {
			t.Fatalf("%d wait, want 8", waiting)
		}
		all.Wait()
		want := []string{"high 1", "high 2", "high 3", "normal 1", "presence", "normal 2", "low 1", "low 2"}
		if got := written(t, g); !slices.Equal(got, want) {
			t.Errorf("written: %q, want %q", got, want)
		}
		g.RequireNoViolations(t)
	})
}

// TestPriorityOfAPresenceIsItsOwn: a presence overtakes and waits like any other event.
func TestPriorityOfAPresenceIsItsOwn(t *testing.T) {
	for _, test := range []struct {
		priority shardmanager.Priority
		want     []string
	}{
		{shardmanager.High, []string{"presence", "normal"}},
		{shardmanager.Low, []string{"normal", "presence"}},
	} {
		t.Run(fmt.Sprint(test.priority), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
				m := newManager(t, g, shardmanager.WithShards(1))
				start(t, m)
				useUp(t, m)
				var all sync.WaitGroup
				normal := func() {
					if _, err := (events.RequestGuildMembers{GuildID: onlyGuild, UserIDs: []events.Snowflake{1}, Nonce: "normal"}).SendEvent(t.Context(), m); err != nil {
						t.Error(err)
					}
				}
				presence := func() {
					if _, err := (events.UpdatePresence{Status: events.StatusIdle}).SendEvent(t.Context(), m.Priority(test.priority)); err != nil {
						t.Error(err)
					}
				}
				sends := []func(){normal, presence} // the one that is to wait asks first
				if test.priority == shardmanager.Low {
					sends = []func(){presence, normal}
				}
				for _, send := range sends {
					all.Go(send)
					synctest.Wait()
				}
				all.Wait()
				if got := written(t, g); !slices.Equal(got, test.want) {
					t.Errorf("written: %q, want %q", got, test.want)
				}
			})
		})
	}
}

// TestSharedRequestGoesByTheHighestPriority: who shares an answer with a Low one does not wait as long.
func TestSharedRequestGoesByTheHighestPriority(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g, shardmanager.WithShards(1), shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMembers))
		start(t, m)
		useUp(t, m)
		list := events.RequestGuildMembers{GuildID: onlyGuild, Query: events.Ptr(""), Limit: events.Ptr(0), Nonce: "list"}
		some := events.RequestGuildMembers{GuildID: onlyGuild, UserIDs: []events.Snowflake{1}, Nonce: "some"}
		var all sync.WaitGroup
		for _, send := range []struct {
			request  events.RequestGuildMembers
			priority shardmanager.Priority
		}{{list, shardmanager.Low}, {some, shardmanager.Normal}, {list, shardmanager.High}} {
			all.Go(func() {
				if _, err := send.request.SendEvent(t.Context(), m.Priority(send.priority)); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		all.Wait()
		if got, want := written(t, g), []string{"list", "some"}; !slices.Equal(got, want) {
			t.Errorf("written: %q, want %q", got, want)
		}
	})
}

// TestLowWaitsForAllOthers: as long as others keep coming a Low one waits, until its context ends; when they cease it goes.
func TestLowWaitsForAllOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g, shardmanager.WithShards(1))
		start(t, m)
		useUp(t, m)
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := (events.RequestGuildMembers{GuildID: onlyGuild, UserIDs: []events.Snowflake{1}, Nonce: "low"}).SendEvent(t.Context(), m.Priority(shardmanager.Low)); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		for range 4 * 115 { // four minutes' worth of others
			all.Go(func() {
				if _, err := (events.Heartbeat{}).SendEvent(t.Context(), m); err != nil {
					t.Error(err)
				}
			})
		}
		pass(4 * time.Minute)
		if got := written(t, g); len(got) != 0 {
			t.Errorf("while others waited %q was written", got)
		}
		all.Wait()
		if got := written(t, g); !slices.Equal(got, []string{"low"}) {
			t.Errorf("in the end %q was written", got)
		}
	})
}

// TestSendOfWhatCannotBeSentIsRefused: a priority that there is not, and events that there are not.
func TestSendOfWhatCannotBeSentIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newManager(t, newGateway(t), shardmanager.WithShards(1))
		start(t, m)
		for name, send := range map[string]func() error{
			"priority": func() error {
				_, err := events.Heartbeat{}.SendEvent(t.Context(), m.Priority(shardmanager.High+1))
				return err
			},
			"nil":           func() error { _, err := m.Send(t.Context(), nil); return err },
			"nil pointer":   func() error { _, err := m.Send(t.Context(), (*events.UpdatePresence)(nil)); return err },
			"nil, streamed": func() error { _, err := m.Shard(0).Stream(t.Context(), nil, nil); return err },
		} {
			var failed *actors.SendError
			if err := send(); !errors.As(err, &failed) || failed.Stage != actors.Refused {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestEventsByPointerGoAsByValue: to all shards, and split over them.
func TestEventsByPointerGoAsByValue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g, shardmanager.WithShards(2))
		start(t, m)
		if _, err := m.Send(t.Context(), &events.UpdatePresence{Status: events.StatusIdle}); err != nil {
			t.Error(err)
		}
		guilds := []events.Snowflake{gatewaytest.GuildOf(events.ShardID{Index: 0, Total: 2}, 0), gatewaytest.GuildOf(events.ShardID{Index: 1, Total: 2}, 0)}
		if _, err := m.Send(t.Context(), &events.RequestSoundboardSounds{GuildIDs: guilds}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		for shard := range 2 {
			ops := make(map[events.Opcode]int)
			for _, frame := range g.Frames(shard) {
				ops[frame.Op]++
			}
			if ops[events.OpPresenceUpdate] != 1 || ops[events.OpRequestSoundboardSounds] != 1 {
				t.Errorf("shard %d wrote %v", shard, ops)
			}
		}
	})
}

// onlyGuild is the guild of the one shard of these tests.
var onlyGuild = gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)

// useUp uses up the permits of the one shard's connection.
func useUp(t *testing.T, m *shardmanager.Manager) {
	t.Helper()
	for range 115 {
		if answer, err := m.Send(t.Context(), events.Heartbeat{}); err != nil || answer.Queued != 0 {
			t.Fatalf("a send waited %v: %v", answer.Queued, err)
		}
	}
}

// written names what was written of member requests, by nonce, and of presences, in order.
func written(t *testing.T, g *gatewaytest.Server) (names []string) {
	t.Helper()
	for _, frame := range g.Frames(0) {
		switch frame.Op {
		case events.OpPresenceUpdate:
			names = append(names, "presence")
		case events.OpRequestGuildMembers:
			var request struct{ Nonce string }
			if err := json.Unmarshal(frame.Data, &request); err != nil {
				t.Fatal(err)
			}
			names = append(names, request.Nonce)
		}
	}
	return names
}
