package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// talk has members write to the shards that are connected, each second, until the context ends.
func talk(ctx context.Context, server *gatewaytest.Server, o *options, report *report) {
	chances := make(map[events.ShardID]*rand.Rand) // of each shard, since others come and go as they like
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for _, shard := range server.Shards() {
			if shard.State != gatewaytest.ShardReady || o.events == 0 {
				continue
			}
			id := shard.Shard
			if chances[id] == nil {
				chances[id] = rand.New(rand.NewPCG(o.seed, uint64(id.Total)<<32|uint64(id.Index)))
			}
			write(server, id, o, chances[id])
		}
		report.stats(server)
	}
}

// write has members write to one shard.
func write(server *gatewaytest.Server, shard events.ShardID, o *options, chance *rand.Rand) {
	guilds := server.World().Guilds(shard)
	if len(guilds) == 0 {
		return
	}
	for range o.events {
		guild, author := guilds[chance.IntN(len(guilds))], events.Snowflake(1+chance.IntN(o.members))
		say(server.World(), guild, author, o.say)
	}
}

// say has a member write, unless the guild or the member has just gone.
func say(world *gatewaytest.World, guild, author events.Snowflake, text string) {
	defer func() {
		if panicked := recover(); panicked != nil {
			var gone *gatewaytest.WorldError
			if err, ok := panicked.(error); !ok || !errors.As(err, &gone) {
				panic(panicked)
			}
		}
	}()
	world.Message(guild, gatewaytest.Message{Author: author, Content: text})
}
