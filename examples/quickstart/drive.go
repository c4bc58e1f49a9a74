package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// asker sends send events: to guilds of the simulated gateway, or to those that are seen.
type asker struct {
	m      *shardmanager.Manager
	t      *tally
	mu     sync.Mutex
	guilds []events.Snowflake
}

func newAsker(m *shardmanager.Manager, gateway *gatewaytest.Server, t *tally) *asker {
	a := &asker{m: m, t: t}
	if gateway != nil {
		for _, shard := range m.Status().Shards {
			a.guilds = append(a.guilds, gatewaytest.GuildOf(shard.Shard, 0))
		}
		return a
	}
	shardmanager.On(m, func(_ context.Context, e *events.GuildCreate, _ events.Meta) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.guilds = append(a.guilds, e.ID)
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
	guild := a.guild()
	if guild == 0 {
		return
	}
	members, err := a.members(ctx, guild)
	if err != nil {
		fmt.Println("RequestGuildMembers:", err)
		return
	}
	fmt.Printf("RequestGuildMembers of guild %v, by shard %v: %d members, queued %v, answered in %v\n", guild,
		members.Receipt.Shard, len(members.Members), members.Queued.Round(time.Microsecond), members.RoundTrip.Round(time.Microsecond))
	for _, member := range members.Members[:min(3, len(members.Members))] {
		fmt.Printf("          %v  %s\n", member.User.ID, member.User.Username)
	}
}

func (a *asker) members(ctx context.Context, guild events.Snowflake) (events.GuildMembers, error) {
	a.t.asked.Add(1)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	members, err := events.RequestGuildMembers{GuildID: guild, Query: events.Ptr("member"), Limit: events.Ptr(10)}.SendEvent(ctx, a.m)
	if err != nil {
		a.t.failed.Add(1)
	} else {
		a.t.answered.Add(1)
	}
	return members, err
}

// run asks ten times a second until ctx ends; those that were asked end in their own time.
func (a *asker) run(ctx context.Context) {
	var asked sync.WaitGroup
	defer asked.Wait()
	tick := time.NewTicker(100 * time.Millisecond)
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
			fmt.Printf("          cutting the connection of shard %d\n", shard)
			g.Shard(shard).Drop()
			t.drops.Add(1)
		case 1:
			fmt.Printf("          asking shard %d to reconnect\n", shard)
			g.Shard(shard).Reconnect()
			t.reconnects.Add(1)
		case 2:
			fmt.Printf("          making the actor of shard %d panic\n", shard)
			crash(m, shard)
			t.crashes.Add(1)
		}
	}
}
