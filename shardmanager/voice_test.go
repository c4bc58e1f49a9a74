package shardmanager_test

import (
	"errors"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestVoiceAfter: what a bot that has joined a voice channel meets, and what then answers it. "Alone" is an answer by the state, at once.
func TestVoiceAfter(t *testing.T) {
	t.Parallel()
	guild := gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)
	const here, there = events.Snowflake(77), events.Snowflake(78)
	type bot struct {
		*shardmanager.Manager
		gateway *gatewaytest.Server
		world   *gatewaytest.World
		again   func(store bool) // it restarts, and resumes if it has a store
	}
	outage := func(in func(*bot)) func(*bot) {
		return func(b *bot) {
			b.world.GuildOutage(guild, true)
			pass(time.Minute)
			in(b)
			b.world.GuildOutage(guild, false)
		}
	}
	moves := func(to events.Snowflake) func(*bot) {
		return func(b *bot) { b.world.Voice(guild, gatewaytest.BotID, to, nil) }
	}
	calm := func(*bot) {}
	restart := func(b *bot) { b.again(true) }
	for name, test := range map[string]struct {
		happens func(*bot)
		channel events.Snowflake
		server  bool
		within  time.Duration // zero: at once
	}{
		"mute":                         {calm, here, false, 0},
		"move":                         {calm, there, true, 0},
		"leave":                        {calm, 0, false, 0},
		"moved, move back":             {moves(there), here, true, 0},
		"moved, mute":                  {moves(there), there, false, 0},
		"disconnected, join":           {moves(0), here, true, 0},
		"outage, mute":                 {outage(calm), here, false, 0},
		"outage, move":                 {outage(calm), there, true, 0},
		"outage, leave":                {outage(calm), 0, false, 0},
		"disconnected in outage, join": {outage(moves(0)), here, true, 0},
		"moved in outage, mute":        {outage(moves(there)), there, false, 0},
		"moved in outage, move back":   {outage(moves(there)), here, true, 0},
		"removed and added, join": {func(b *bot) {
			b.world.RemoveGuild(guild)
			pass(time.Minute)
			b.world.AddGuild(guild, nil)
		}, here, true, 0},
		"restart, mute":             {restart, here, false, 5 * time.Second},
		"restart, move":             {restart, there, true, 0},
		"restart, leave":            {restart, 0, false, 0},
		"restart and outage, mute":  {func(b *bot) { restart(b); outage(calm)(b) }, here, false, 5 * time.Second},
		"restart, moved, mute":      {func(b *bot) { restart(b); moves(there)(b) }, there, false, 0},
		"restart, moved, move back": {func(b *bot) { restart(b); moves(there)(b) }, here, true, 0},
		"restart, disconnected":     {func(b *bot) { restart(b); moves(0)(b) }, here, true, 0},
		"new process, take over":    {func(b *bot) { b.again(false) }, here, true, 0},
		"session lost, join":        {func(b *bot) { b.gateway.Shard(0).InvalidSession(false) }, here, true, 0},
		"connection lost, mute":     {func(b *bot) { b.gateway.Shard(0).Drop() }, here, false, 0},
		"crash of the shard, mute": {func(b *bot) {
			b.System().Root.Send(b.Supervisor(), actors.CrashShard{Key: shardKey(b.Manager, 0)})
		}, here, false, 5 * time.Second},
		"moved while away, mute":      {func(b *bot) { b.gateway.Shard(0).Drop(); moves(there)(b) }, there, false, 0},
		"moved while away, move back": {func(b *bot) { b.gateway.Shard(0).Drop(); moves(there)(b) }, here, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
				store := session.NewMemoryStore()
				b := &bot{gateway: g, world: g.World()}
				open := func(store session.Store) {
					b.Manager = newManager(t, g, shardmanager.WithSessionStore(store))
					start(t, b.Manager)
					pass(3 * time.Second)
				}
				b.again = func(resumes bool) {
					closeNow(t, b.Manager)
					if resumes {
						open(store)
					} else {
						open(session.NewMemoryStore())
					}
				}
				open(store)
				ask := func(channel events.Snowflake, mute bool) (events.VoiceConnection, error) {
					e := events.UpdateVoiceState{GuildID: guild, SelfMute: mute}
					if channel != 0 {
						e.ChannelID = &channel
					}
					return e.SendEvent(t.Context(), b)
				}
				if first, err := ask(here, false); err != nil || first.Server == nil {
					t.Fatalf("it did not join: %+v, %v", first, err)
				}
				test.happens(b)
				pass(10 * time.Second)
				got, err := ask(test.channel, true)
				if err != nil || got.State == nil || !got.State.SelfMute || (got.Server != nil) != test.server {
					t.Fatalf("answered by %+v, %v: a server is wanted: %v", got, err, test.server)
				}
				if got.State.ChannelID != nil && *got.State.ChannelID != test.channel || (got.State.ChannelID == nil) != (test.channel == 0) {
					t.Errorf("it is in %v", got.State.ChannelID)
				}
				if got.RoundTrip > test.within+time.Second || got.RoundTrip < test.within {
					t.Errorf("it took %v, want %v", got.RoundTrip, test.within)
				}
				if test.channel == 0 {
					return
				}
				// By now it is known where the bot is.
				again, err := ask(test.channel, false)
				if err != nil || again.Server != nil || again.RoundTrip > time.Second {
					t.Errorf("once more: %+v after %v, %v", again, again.RoundTrip, err)
				}
			})
		})
	}
}

// TestVoiceOfAGuildThatIsGone: a request that nothing will answer any more ends when the guild goes, and not a minute later.
func TestVoiceOfAGuildThatIsGone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		guild := gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g)
		start(t, m)
		pass(3 * time.Second)
		g.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpVoiceStateUpdate }) // it is never carried out
		time.AfterFunc(time.Second, func() { g.World().RemoveGuild(guild) })
		begin := time.Now()
		_, err := events.UpdateVoiceState{GuildID: guild, ChannelID: events.Ptr(events.Snowflake(9))}.SendEvent(t.Context(), m)
		if took := time.Since(begin); !errors.Is(err, session.ErrNoAnswer) || took > 2*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}
