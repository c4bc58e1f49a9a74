package main

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// asker asks for members of the guilds that the bot is told of.
type asker struct {
	m      *shardmanager.Manager
	t      *tally
	every  time.Duration
	mu     sync.Mutex
	guilds []events.Snowflake
	told   chan struct{} // closed when there is a guild
}

// newAsker listens for guilds. It must be called before Start, or it misses the first of them.
func newAsker(m *shardmanager.Manager, t *tally, every time.Duration) *asker {
	a := &asker{m: m, t: t, every: every, told: make(chan struct{})}
	shardmanager.On(m, func(_ context.Context, e *events.GuildCreate, _ events.Meta) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.guilds = append(a.guilds, e.ID); len(a.guilds) == 1 {
			close(a.told)
		}
	})
	return a
}

func (a *asker) guild() events.Snowflake {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.guilds) == 0 {
		return 0
	}
	return a.guilds[rand.IntN(len(a.guilds))]
}

// first asks once and shows the answer.
func (a *asker) first(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // a guild is told of soon after READY, if the bot is in one
	defer cancel()
	select {
	case <-a.told:
	case <-ctx.Done():
		a.t.say("no guild was told of: is the bot in one? Its members will be asked for when it is")
		return
	}
	guild := a.guild()
	members, err := a.members(ctx, guild)
	if err != nil {
		a.t.say("RequestGuildMembers: %v", err)
		return
	}
	a.t.say("RequestGuildMembers of guild %v, by shard %v: %d members whose names begin with m, queued %v, answered in %v", guild,
		members.Receipt.Shard, len(members.Members), members.Queued.Round(time.Microsecond), members.RoundTrip.Round(time.Microsecond))
	for _, member := range members.Members[:min(3, len(members.Members))] {
		a.t.say("          %v  %s", member.User.ID, member.User.Username)
	}
}

func (a *asker) members(ctx context.Context, guild events.Snowflake) (events.GuildMembers, error) {
	a.t.asked.Add(1)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	members, err := events.RequestGuildMembers{GuildID: guild, Query: events.Ptr("m"), Limit: events.Ptr(10)}.SendEvent(ctx, a.m)
	if err != nil {
		a.t.failed.Add(1)
	} else {
		a.t.answered.Add(1)
	}
	return members, err
}

// run asks again and again until ctx ends; those that were asked end in their own time.
func (a *asker) run(ctx context.Context) {
	var asked sync.WaitGroup
	defer asked.Wait()
	tick := time.NewTicker(a.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if guild := a.guild(); guild != 0 {
				asked.Go(func() { _, _ = a.members(context.WithoutCancel(ctx), guild) }) // counted there
			}
		case <-ctx.Done():
			return
		}
	}
}

// simulate lets events flow, and meanwhile cuts connections, asks to reconnect, and makes a
// shard's actor panic.
func simulate(ctx context.Context, m *shardmanager.Manager, g *gatewaytest.Server, t *tally, length time.Duration) {
	shards := len(m.Status().Shards)
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { report(ctx, m, t) })
	all.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			for range 20 {
				shard := rand.IntN(shards)
				g.Shard(shard).Dispatch("MESSAGE_CREATE", map[string]any{
					"id": strconv.Itoa(n + 1), "channel_id": "1", "content": "hello", "timestamp": time.Now(),
					"author": map[string]any{"id": "7", "username": "somebody"},
				})
			}
		}
	})
	// The last fault comes early enough to be repaired while events still flow.
	trouble := time.NewTicker(max(length/8, 200*time.Millisecond))
	defer trouble.Stop()
	for n := range 6 {
		select {
		case <-trouble.C:
		case <-ctx.Done():
			return
		}
		shard := rand.IntN(shards)
		switch n % 3 {
		case 0:
			t.say("          cutting the connection of shard %d", shard)
			g.Shard(shard).Drop()
			t.drops.Add(1)
		case 1:
			t.say("          asking shard %d to reconnect", shard)
			g.Shard(shard).Reconnect()
			t.reconnects.Add(1)
		case 2:
			t.say("          making the actor of shard %d panic", shard)
			crash(m, shard)
			t.crashes.Add(1)
		}
	}
}
