package events_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// A payload of the gateway is read in two steps: what it is, and then its data. A field that is not of its type costs itself.
func ExampleDecode() {
	raw, err := events.Peek([]byte(`{"op":0,"s":42,"t":"MESSAGE_CREATE","d":{"id":"7","content":"hello","tts":"odd","author":{"id":"9","username":"ann"}}}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(raw.Type, raw.Seq, "of guild", events.GuildOf(&raw))
	event, err := events.Decode(&raw)
	if err != nil {
		log.Fatal(err)
	}
	switch e := event.(type) {
	case *events.MessageCreate:
		fmt.Println(e.Author.Username, "says", e.Content)
	case *events.Raw: // of a type that the package does not know
		fmt.Println(string(e.Data))
	}
	var odd *events.OddFieldsError
	if errors.As(events.DecodeStrict(&raw, new(events.MessageCreate)), &odd) {
		fmt.Println("odd:", odd.Paths)
	}
	// Output:
	// MESSAGE_CREATE 42 of guild 0
	// ann says hello
	// odd: [tts]
}

// The shard of a guild.
func ExampleShardFor() {
	fmt.Println(events.ShardFor(613425648685547541, 16))
	// Output: 8
}

// Intents are bits.
func ExampleIntents() {
	intents := events.IntentGuilds | events.IntentGuildMessages | events.IntentMessageContent
	fmt.Println(intents)
	fmt.Println("privileged:", intents&events.IntentsPrivileged)
	gates, _ := events.TypeGuildBanAdd.Gates()
	fmt.Println("GUILD_BAN_ADD needs", gates)
	// Output:
	// GUILDS|GUILD_MESSAGES|MESSAGE_CONTENT
	// privileged: MESSAGE_CONTENT
	// GUILD_BAN_ADD needs GUILD_MODERATION
}

// A close code says what follows.
func ExampleCloseCode_Verdict() {
	for _, code := range []events.CloseCode{events.CloseRateLimited, events.CloseInvalidSeq, events.CloseAuthenticationFailed} {
		fmt.Println(int(code), code.Verdict())
	}
	// Output:
	// 4008 resume
	// 4007 new session
	// 4004 fatal
}

// A send event is a struct; what carries it is a Sender, such as a Manager.
func ExampleRequestGuildMembers_SendEvent() {
	bot, guild, end := aBot()
	defer end()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	members, err := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1, 2, 99}}.SendEvent(ctx, bot)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(members.Members), "members, by shard", members.Shard, "- not found:", members.NotFound)
	// Output: 2 members, by shard 0/1 - not found: [99]
}

// The whole list of a large guild, chunk by chunk: it never stands in memory whole.
func ExampleRequestGuildMembers_Chunks() {
	bot, guild, end := aBot(gatewaytest.WithMembers(2500))
	defer end()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for chunk, err := range (events.RequestGuildMembers{GuildID: guild, Query: events.Ptr(""), Limit: events.Ptr(0)}).Chunks(ctx, bot) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(chunk.ChunkIndex+1, "of", chunk.ChunkCount, "with", len(chunk.Members))
	}
	// Output:
	// 1 of 3 with 1000
	// 2 of 3 with 1000
	// 3 of 3 with 500
}

// To join a voice channel, to move to another, to mute and to leave is one event. A voice library takes what it returns.
func ExampleUpdateVoiceState_SendEvent() {
	bot, guild, end := aBot()
	defer end()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	voice, err := events.UpdateVoiceState{GuildID: guild, ChannelID: events.Ptr(events.Snowflake(9))}.SendEvent(ctx, bot)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("in channel", *voice.State.ChannelID, "- a server is named:", voice.Server != nil)
	left, err := events.UpdateVoiceState{GuildID: guild}.SendEvent(ctx, bot)
	fmt.Println("left:", left.State.ChannelID == nil, err)
	// Output:
	// in channel 9 - a server is named: true
	// left: true <nil>
}

// aBot is a bot that is ready, on a simulated gateway with one guild.
func aBot(opts ...gatewaytest.Option) (bot *shardmanager.Manager, guild events.Snowflake, end func()) {
	guild = 613425648685547541
	gateway, err := gatewaytest.Start(append(opts, gatewaytest.WithGuilds(guild))...)
	if err != nil {
		log.Fatal(err)
	}
	bot, err = shardmanager.New("token", shardmanager.WithGateway(gateway),
		shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMembers|events.IntentGuildVoiceStates))
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := errors.Join(bot.Start(ctx), bot.WaitReady(ctx)); err != nil {
		log.Fatal(err)
	}
	return bot, guild, func() { bot.Close(context.Background()); gateway.Close() }
}
