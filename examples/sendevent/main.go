// Sendevent shows each send event and what answers it, against a simulated gateway.
//
//	go run ./examples/sendevent
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

func main() {
	gateway, err := gatewaytest.Start(gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2), gatewaytest.WithGuildsPerShard(1), gatewaytest.WithMembers(1500))
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()
	m, err := shardmanager.New("simulated", shardmanager.WithGateway(gateway),
		shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMembers|events.IntentGuildVoiceStates))
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := errors.Join(m.Start(ctx), m.WaitReady(ctx)); err != nil {
		log.Fatal(err)
	}
	defer m.Close(ctx)
	if err := show(ctx, m, gatewaytest.GuildOf(events.ShardID{Index: 1, Total: 2}, 0)); err != nil {
		log.Fatal(err)
	}
}

func show(ctx context.Context, m *shardmanager.Manager, guild events.Snowflake) error {
	members, err := events.RequestGuildMembers{GuildID: guild, Query: events.Ptr(""), Limit: events.Ptr(0)}.SendEvent(ctx, m)
	if err != nil {
		return err
	}
	fmt.Printf("members:        %d, by shard %v in %v\n", len(members.Members), members.Shard, members.RoundTrip.Round(time.Microsecond))

	// The whole list of one guild may be asked for once in 30 s. That is known before asking.
	_, err = events.RequestGuildMembers{GuildID: guild, Query: events.Ptr(""), Limit: events.Ptr(0)}.SendEvent(ctx, m)
	var limited *events.RateLimitedError
	if !errors.As(err, &limited) {
		return fmt.Errorf("the second request: %w", err)
	}
	fmt.Printf("again:          retry after %v\n", limited.RetryAfter.Round(time.Second))

	// A large list need not stand in memory whole: it can be had chunk by chunk.
	other := gatewaytest.GuildOf(events.ShardID{Index: 0, Total: 2}, 0)
	for chunk, err := range (events.RequestGuildMembers{GuildID: other, Query: events.Ptr(""), Limit: events.Ptr(0)}).Chunks(ctx, m) {
		if err != nil {
			return err
		}
		fmt.Printf("chunk %d of %d:   %d members\n", chunk.ChunkIndex+1, chunk.ChunkCount, len(chunk.Members))
	}

	sounds, err := events.RequestSoundboardSounds{GuildIDs: []events.Snowflake{guild, other}}.SendEvent(ctx, m)
	if err != nil {
		return err
	}
	fmt.Printf("sounds:         of %d guilds, on two shards\n", len(sounds.Guilds))

	info, err := events.RequestChannelInfo{GuildID: guild, Fields: []string{"status"}}.SendEvent(ctx, m)
	if err != nil {
		return err
	}
	fmt.Printf("channel info:   %q\n", info.Channels[0].Status.Or(""))

	voice, err := events.UpdateVoiceState{GuildID: guild, ChannelID: events.Ptr(events.Snowflake(9))}.SendEvent(ctx, m)
	if err != nil {
		return err
	}
	fmt.Printf("voice:          channel %v, server %s\n", *voice.State.ChannelID, *voice.Server.Endpoint)

	written, err := events.UpdatePresence{Status: events.StatusIdle}.SendEvent(ctx, m)
	if err != nil {
		return err
	}
	fmt.Printf("presence:       written on all shards; nothing answers it (queued %v)\n", written.Queued.Round(time.Microsecond))

	beat, err := events.Heartbeat{}.SendEvent(ctx, m.Shard(0))
	if err != nil {
		return err
	}
	fmt.Printf("heartbeat:      %v to the gateway and back\n", beat.RoundTrip.Round(time.Microsecond))

	// What cannot work is refused before a permit is spent, and says why.
	_, err = events.RequestGuildMembers{GuildID: guild}.SendEvent(ctx, m)
	var failed *actors.SendError
	if !errors.As(err, &failed) || failed.Sent() {
		return fmt.Errorf("an invalid request: %w", err)
	}
	fmt.Printf("invalid:        %v\n", err)
	return nil
}
