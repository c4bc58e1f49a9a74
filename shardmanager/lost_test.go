package shardmanager_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// asks are the send events that the gateway answers, one call of each.
var asks = map[string]struct {
	op   events.Opcode
	send func(context.Context, events.Sender) error
}{
	"Heartbeat": {events.OpHeartbeat, func(ctx context.Context, to events.Sender) error {
		_, err := events.Heartbeat{}.SendEvent(ctx, to)
		return err
	}},
	"UpdateVoiceState": {events.OpVoiceStateUpdate, func(ctx context.Context, to events.Sender) error {
		_, err := events.UpdateVoiceState{GuildID: aGuild, ChannelID: events.Ptr(events.Snowflake(9))}.SendEvent(ctx, to)
		return err
	}},
	"RequestGuildMembers": {events.OpRequestGuildMembers, func(ctx context.Context, to events.Sender) error {
		_, err := events.RequestGuildMembers{GuildID: aGuild, UserIDs: []events.Snowflake{1}}.SendEvent(ctx, to)
		return err
	}},
	"the whole member list": {events.OpRequestGuildMembers, func(ctx context.Context, to events.Sender) error {
		_, err := fullList(aGuild).SendEvent(ctx, to)
		return err
	}},
	"Chunks": {events.OpRequestGuildMembers, func(ctx context.Context, to events.Sender) (last error) {
		for _, err := range (events.RequestGuildMembers{GuildID: aGuild, UserIDs: []events.Snowflake{1}}).Chunks(ctx, to) {
			last = err
		}
		return last
	}},
	"RequestSoundboardSounds": {events.OpRequestSoundboardSounds, func(ctx context.Context, to events.Sender) error {
		_, err := events.RequestSoundboardSounds{GuildIDs: []events.Snowflake{aGuild}}.SendEvent(ctx, to)
		return err
	}},
	"RequestChannelInfo": {events.OpRequestChannelInfo, func(ctx context.Context, to events.Sender) error {
		_, err := events.RequestChannelInfo{GuildID: aGuild, Fields: []string{"status"}}.SendEvent(ctx, to)
		return err
	}},
}

// losses are the ways to lose an answer after the request was written, and what the caller is
// told. A heartbeat has its own: without an ACK the connection is given up.
var losses = map[string]struct {
	happen func(g *gatewaytest.Server, m *shardmanager.Manager, giveUp func())
	want   error
}{
	"silence":                 {func(*gatewaytest.Server, *shardmanager.Manager, func()) {}, session.ErrNoAnswer},
	"the connection is lost":  {func(g *gatewaytest.Server, _ *shardmanager.Manager, _ func()) { g.Shard(0).Drop() }, session.ErrConnectionLost},
	"the gateway reconnects":  {func(g *gatewaytest.Server, _ *shardmanager.Manager, _ func()) { g.Shard(0).Reconnect() }, session.ErrConnectionLost},
	"the session is lost":     {func(g *gatewaytest.Server, _ *shardmanager.Manager, _ func()) { g.ForgetSessions(); g.Shard(0).Drop() }, session.ErrSessionLost},
	"the session is declared": {func(g *gatewaytest.Server, _ *shardmanager.Manager, _ func()) { g.Shard(0).InvalidSession(false) }, session.ErrSessionLost},
	"the actor crashes": {func(_ *gatewaytest.Server, m *shardmanager.Manager, _ func()) {
		m.System().Root.Send(m.Supervisor(), actors.CrashShard{Key: shardKey(m, 0)})
	}, session.ErrConnectionLost},
	"the operator restarts": {func(_ *gatewaytest.Server, m *shardmanager.Manager, _ func()) { _ = m.Restart(context.Background(), 0) }, session.ErrConnectionLost},
	"the manager closes":    {func(_ *gatewaytest.Server, m *shardmanager.Manager, _ func()) { _ = m.Close(context.Background()) }, actors.ErrClosed},
	"the caller gives up":   {func(_ *gatewaytest.Server, _ *shardmanager.Manager, giveUp func()) { giveUp() }, context.Canceled},
}

// TestEachWayToLoseAnAnswer: every send event, lost in every way, ends once, with the reason,
// and with the word that it may have been carried out; and the same call succeeds afterwards.
// Failures: F85.
func TestEachWayToLoseAnAnswer(t *testing.T) {
	t.Parallel()
	for name, ask := range asks {
		for way, loss := range losses {
			t.Run(name+"/"+way, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { loseOne(t, ask.op, ask.send, way, loss.happen, loss.want) })
			})
		}
	}
}

func loseOne(t *testing.T, op events.Opcode, send func(context.Context, events.Sender) error, way string,
	happen func(*gatewaytest.Server, *shardmanager.Manager, func()), want error) {
	g := newGateway(t, gatewaytest.WithShards(1), gatewaytest.WithGuildsPerShard(1), gatewaytest.WithMembers(3))
	m := newManager(t, g, shardmanager.WithIntents(events.IntentsAll))
	start(t, m)
	pass(time.Second)
	var answers atomic.Bool
	var asked atomic.Int32
	g.OnFrame(func(f gatewaytest.Frame) bool {
		silent := f.Op == op && !answers.Load()
		if silent {
			asked.Add(1)
		}
		return silent
	})
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	ended := make(chan error, 1)
	go func() { ended <- send(ctx, m) }()
	synctest.Wait()
	if n := asked.Load(); n != 1 {
		t.Fatalf("the gateway was asked %d times before it happened", n)
	}
	happen(g, m, giveUp)
	select {
	case err := <-ended:
		if op == events.OpHeartbeat && way == "silence" {
			want = session.ErrConnectionLost
		}
		var failure *actors.SendError
		if !errors.Is(err, want) || !errors.As(err, &failure) || !actors.Sent(err) {
			t.Errorf("%v, sent %v; want %v", err, actors.Sent(err), want)
		}
	case <-time.After(5 * time.Minute):
		t.Error("no outcome after five minutes")
	}
	answers.Store(true)
	if way == "the manager closes" {
		return
	}
	pass(time.Minute)
	if err := send(t.Context(), m); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestRefusals: what can be known beforehand costs no permit and no frame.
// Failures: F88, F90.
func TestRefusals(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g, shardmanager.WithIntents(0))
		voice := events.UpdateVoiceState{GuildID: gatewaytest.GuildOf(events.ShardID{Total: 2}, 0)}
		if _, err := voice.SendEvent(t.Context(), m); !errors.Is(err, shardmanager.ErrNotStarted) {
			t.Errorf("before Start: %v", err)
		}
		start(t, m)
		before := g.Stats().Frames
		done, cancel := context.WithCancel(t.Context())
		cancel()
		other := gatewaytest.GuildOf(events.ShardID{Index: 1, Total: 2}, 0)
		members := func(e events.RequestGuildMembers) error {
			_, err := e.SendEvent(t.Context(), m)
			return err
		}
		for name, c := range map[string]struct {
			err  error
			want error
		}{
			"voice without its intent":    {second(voice.SendEvent(t.Context(), m)), actors.ErrMissingIntent},
			"all members without it":      {members(fullList(other)), actors.ErrMissingIntent},
			"presences without theirs":    {members(events.RequestGuildMembers{GuildID: other, UserIDs: []events.Snowflake{1}, Presences: events.Ptr(true)}), actors.ErrMissingIntent},
			"members of no guild":         {members(events.RequestGuildMembers{}), new(events.InvalidError)},
			"members on another shard":    {second(events.RequestGuildMembers{GuildID: other, UserIDs: []events.Snowflake{1}}.SendEvent(t.Context(), m.Shard(0))), actors.ErrWrongShard},
			"sounds on another shard":     {second(events.RequestSoundboardSounds{GuildIDs: []events.Snowflake{other}}.SendEvent(t.Context(), m.Shard(0))), actors.ErrWrongShard},
			"sounds of no guild":          {second(events.RequestSoundboardSounds{}.SendEvent(t.Context(), m)), new(events.InvalidError)},
			"channel info without fields": {second(events.RequestChannelInfo{GuildID: other}.SendEvent(t.Context(), m)), new(events.InvalidError)},
			"an unknown status":           {second(events.UpdatePresence{Status: "busy"}.SendEvent(t.Context(), m)), new(events.InvalidError)},
			"a presence too large":        {second(events.UpdatePresence{Activities: []events.Activity{{Name: string(make([]byte, 5000))}}}.SendEvent(t.Context(), m)), events.ErrTooLarge},
			"a heartbeat of no shard":     {second(events.Heartbeat{}.SendEvent(t.Context(), m.Shard(7))), actors.ErrUnknownShard},
			"a heartbeat too late":        {second(events.Heartbeat{}.SendEvent(done, m)), context.Canceled},
			"Identify":                    {second(events.Identify{}.SendEvent(t.Context(), m)), events.ErrReservedEvent},
			"Resume":                      {second(events.Resume{}.SendEvent(t.Context(), m)), events.ErrReservedEvent},
		} {
			invalid := new(events.InvalidError)
			if _, any := c.want.(*events.InvalidError); any && errors.As(c.err, &invalid) {
				continue
			}
			if !errors.Is(c.err, c.want) || actors.Sent(c.err) {
				t.Errorf("%s: %v, want %v", name, c.err, c.want)
			}
		}
		if after := g.Stats().Frames; after != before {
			t.Errorf("%d frames were sent", after-before)
		}
	})
}

func second[T any](_ T, err error) error { return err }
