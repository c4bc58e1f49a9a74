package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/disgoorg/disgo"
	"github.com/disgoorg/disgo/bot"
	disgoevents "github.com/disgoorg/disgo/events"
	"github.com/disgoorg/disgo/gateway"
	"github.com/disgoorg/disgo/rest"
	disgosharding "github.com/disgoorg/disgo/sharding"
	"github.com/disgoorg/snowflake/v2"
	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// client is a bot made with one of the libraries.
type client interface {
	open(ctx context.Context) error // until it is connected, or as long as the library takes
	close(ctx context.Context)
	ask(ctx context.Context, guild events.Snowflake) error // one Update Voice State: to join a channel
}

// setting is all that a client is told. Everything else is its library's default.
type setting struct {
	api     string // the REST base, http://…/api/v10
	shards  int    // as many as discovery recommends; 0: one, and no sharding
	handler func(content string)
	dial    func(ctx context.Context, network, addr string) (net.Conn, error) // nil: the library's own
}

// library is one column of the table.
type library struct {
	name     string
	module   string // as the build information names it
	settings string // what differs from the defaults
	new      func(setting) (client, error)
}

// token is no bot's. Its first part decodes to a user id, which disgo requires.
const token = "OTAwMDAwMDAwMDAwMDAwMDAx.x.y"

var libraries = []library{
	{"signalbox", "github.com/signalbox-go/signalbox", "WithAPIURL, WithIntents(unprivileged)", newSignalbox},
	{"discordgo", "github.com/bwmarrin/discordgo", "EndpointGateway of the server; APIVersion 10 (its default 9 is not spoken there); Open called once (a session for each of several shards, 50 at a time)", newDiscordgo},
	{"disgo", "github.com/disgoorg/disgo", "rest.WithURL, gateway.WithIntents(non-privileged); OpenGateway called once (of several shards: WithShardManagerConfigOpts, OpenShardManager)", newDisgo},
}

type signalbox struct{ m *shardmanager.Manager }

func newSignalbox(set setting) (client, error) {
	opts := []shardmanager.Option{shardmanager.WithAPIURL(set.api), shardmanager.WithIntents(events.IntentsUnprivileged)}
	if set.dial != nil {
		opts = append(opts, shardmanager.WithNetDial(set.dial))
	}
	m, err := shardmanager.New(token, opts...)
	if err != nil {
		return nil, err
	}
	shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, _ events.Meta) { set.handler(e.Content) })
	return signalbox{m}, nil
}

func (c signalbox) open(ctx context.Context) error {
	if err := c.m.Start(ctx); err != nil {
		return err
	}
	return c.m.WaitReady(ctx)
}

func (c signalbox) close(ctx context.Context) { _ = c.m.Close(ctx) }

func (c signalbox) ask(ctx context.Context, guild events.Snowflake) error {
	_, err := events.UpdateVoiceState{GuildID: guild, ChannelID: events.Ptr(events.Snowflake(7))}.SendEvent(ctx, c.m)
	return err
}

// discordgoBot has a session for each shard. When to open which is its application's business.
type discordgoBot []*discordgo.Session

func newDiscordgo(set setting) (client, error) {
	discordgo.APIVersion = "10"
	discordgo.EndpointGateway = set.api + "/gateway"
	var all discordgoBot
	for shard := range max(1, set.shards) {
		s, err := discordgo.New("Bot " + token)
		if err != nil {
			return nil, err
		}
		if set.shards > 0 {
			s.ShardID, s.ShardCount = shard, set.shards
		}
		if set.dial != nil {
			s.Dialer = dialer(set)
		}
		s.AddHandler(func(_ *discordgo.Session, e *discordgo.MessageCreate) { set.handler(e.Content) })
		all = append(all, s)
	}
	return all, nil
}

func (c discordgoBot) open(context.Context) error {
	errs, gate := make([]error, len(c)), make(chan struct{}, 50)
	var all sync.WaitGroup
	for i, s := range c {
		gate <- struct{}{}
		all.Go(func() {
			defer func() { <-gate }()
			errs[i] = s.Open()
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (c discordgoBot) close(context.Context) {
	for _, s := range c {
		_ = s.Close()
	}
}

func (c discordgoBot) ask(_ context.Context, guild events.Snowflake) error {
	return c[0].ChannelVoiceJoinManual(guild.String(), "7", false, false)
}

type disgoBot struct {
	c       *bot.Client
	connect func(*bot.Client, context.Context) error
}

func newDisgo(set setting) (client, error) {
	opts := []gateway.ConfigOpt{gateway.WithIntents(gateway.IntentsNonPrivileged)}
	if set.dial != nil {
		opts = append(opts, gateway.WithDialer(dialer(set)))
	}
	sharding, connect := bot.WithGatewayConfigOpts(opts...), (*bot.Client).OpenGateway
	if set.shards > 0 {
		sharding, connect = bot.WithShardManagerConfigOpts(disgosharding.WithGatewayConfigOpts(opts...)), (*bot.Client).OpenShardManager
	}
	c, err := disgo.New(token,
		bot.WithRestClientConfigOpts(rest.WithURL(set.api)),
		sharding,
		bot.WithEventListenerFunc(func(e *disgoevents.MessageCreate) { set.handler(e.Message.Content) }))
	if err != nil {
		return nil, err
	}
	return disgoBot{c, connect}, nil
}

func (c disgoBot) open(ctx context.Context) error { return c.connect(c.c, ctx) }
func (c disgoBot) close(ctx context.Context)      { c.c.Close(ctx) }

func (c disgoBot) ask(ctx context.Context, guild events.Snowflake) error {
	channel := snowflake.ID(7)
	return c.c.UpdateVoiceState(ctx, snowflake.ID(guild), &channel, false, false)
}

// dialer is websocket.DefaultDialer, which both libraries use, with another network.
func dialer(set setting) *websocket.Dialer {
	return &websocket.Dialer{NetDialContext: set.dial, HandshakeTimeout: 45 * time.Second}
}
