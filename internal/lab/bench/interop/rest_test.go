package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/disgo/gateway"
	"github.com/disgoorg/disgo/rest"
	"github.com/disgoorg/snowflake/v2"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

const (
	guild   = 2 << 22
	channel = guild + 1
	bot     = snowflake.ID(gatewaytest.BotID)
)

// told is a server on a virtual network, and what it tells of a type of event, as JSON.
func told(t *testing.T) (server *gatewaytest.Server, last func(events.Type) []byte) {
	happened := make(map[events.Type][]byte)
	server = gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithGuilds(guild), gatewaytest.WithTrace(func(e gatewaytest.Entry) {
		if e.Kind == gatewaytest.Happened {
			happened[e.Type] = e.Data
		}
	}))
	return server, func(kind events.Type) []byte { return happened[kind] }
}

// TestDisgoREST: disgo's REST client reads what the simulated server answers, and is understood by it.
func TestDisgoREST(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, last := told(t)
		client := rest.NewClient("token", rest.WithURL(server.APIBase()), rest.WithHTTPClient(server.Client()), rest.WithLogger(slog.New(slog.DiscardHandler)),
			rest.WithRateLimiter(rest.NewNoopRateLimiter())) // its own has a goroutine that never ends
		api := rest.New(client)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Error(err)
			}
		}
		application, err := api.GetCurrentApplication()
		if must(err); err == nil && (application.ID != bot || application.Flags&discord.ApplicationFlagGatewayMessageContentLimited == 0) {
			t.Errorf("application %+v", application)
		}
		_, err = api.GetBotApplicationInfo()
		must(err)
		info, err := api.GetGuild(guild, true)
		if must(err); err == nil && (info.ID != guild || len(info.Roles) != 1) {
			t.Errorf("guild %+v", info)
		}
		channels, err := api.GetGuildChannels(guild)
		if must(err); len(channels) != 2 {
			t.Errorf("channels %v", channels)
		}
		member, err := api.GetMember(guild, 2)
		if must(err); err == nil && member.User.Username != "member-2" {
			t.Errorf("member %+v", member)
		}
		members, err := api.GetMembers(guild, 1000, 0)
		if must(err); len(members) != 4 {
			t.Errorf("members %v", members)
		}
		message, err := api.CreateMessage(channel, discord.MessageCreate{Content: "hello", Files: []*discord.File{discord.NewFile("a.txt", "", strings.NewReader("text"))}})
		if must(err); err != nil || message.Content != "hello" || len(message.Attachments) != 1 || message.Author.ID != bot {
			t.Fatalf("message %+v", message)
		}
		content := "hello, you"
		message, err = api.UpdateMessage(channel, message.ID, discord.MessageUpdate{Content: &content})
		if must(err); err == nil && (message.Content != content || message.EditedTimestamp == nil || len(message.Attachments) != 1) {
			t.Errorf("edited %+v", message)
		}
		history, err := api.GetMessages(channel, 0, 0, 0, 10)
		if must(err); len(history) != 1 {
			t.Errorf("history %v", history)
		}
		must(api.DeleteMessage(channel, message.ID))
		direct, err := api.CreateDMChannel(2)
		if must(err); err == nil {
			_, err = api.CreateMessage(direct.ID(), discord.MessageCreate{Content: "psst"})
			must(err)
		}
		commands, err := api.SetGlobalCommands(bot, []discord.ApplicationCommandCreate{discord.SlashCommandCreate{Name: "roll", Description: "Rolls"}})
		if must(err); len(commands) != 1 || commands[0].Name() != "roll" {
			t.Errorf("commands %v", commands)
		}

		server.World().Command(guild, gatewaytest.Command{Name: "roll", Options: []gatewaytest.CommandOption{{Name: "who", Value: events.Snowflake(2)}}})
		event, err := gateway.UnmarshalEventData(last("INTERACTION_CREATE"), gateway.EventTypeInteractionCreate)
		if err != nil {
			t.Fatal(err)
		}
		i, ok := event.(gateway.EventInteractionCreate).Interaction.(discord.ApplicationCommandInteraction)
		if !ok || i.Data.CommandID() != commands[0].ID() || i.SlashCommandInteractionData().User("who").Username != "member-2" || i.Member().User.ID != 1 {
			t.Fatalf("interaction %+v", event)
		}
		response, err := api.CreateInteractionResponseWithCallback(i.ID(), i.Token(), discord.InteractionResponse{
			Type: discord.InteractionResponseTypeDeferredCreateMessage, Data: discord.MessageCreate{Flags: discord.MessageFlagEphemeral},
		})
		if must(err); err == nil && !response.Interaction.ResponseMessageLoading {
			t.Errorf("response %+v", response)
		}
		message, err = api.UpdateInteractionResponse(i.ApplicationID(), i.Token(), discord.MessageUpdate{Content: &content})
		if must(err); err == nil && (message.Content != content || message.Flags != discord.MessageFlagEphemeral) {
			t.Errorf("original %+v", message)
		}
		message, err = api.CreateFollowupMessage(i.ApplicationID(), i.Token(), discord.MessageCreate{Content: "more"})
		if must(err); err == nil {
			must(api.DeleteFollowupMessage(i.ApplicationID(), i.Token(), message.ID))
		}
		must(api.DeleteInteractionResponse(i.ApplicationID(), i.Token()))
		var refused *rest.Error
		if _, err := api.GetChannel(77); !errors.As(err, &refused) || refused.Code != rest.JSONErrorCodeUnknownChannel {
			t.Errorf("an unknown channel: %v", err)
		}
	})
}

// toServer sends what is meant for Discord to the server.
type toServer struct{ server *gatewaytest.Server }

func (s toServer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(s.server.URL, "ws://")
	return s.server.Client().Transport.RoundTrip(r)
}

// TestDiscordgoREST: the same for discordgo, which speaks version 9.
func TestDiscordgoREST(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, last := told(t)
		s, err := discordgo.New("Bot token")
		if err != nil {
			t.Fatal(err)
		}
		s.Client = &http.Client{Transport: toServer{server}}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Error(err)
			}
		}
		me, err := s.User("@me")
		if must(err); err == nil && me.ID != bot.String() {
			t.Errorf("me %+v", me)
		}
		_, err = s.GatewayBot()
		must(err)
		guilds, err := s.UserGuilds(10, "", "", false)
		if must(err); len(guilds) != 1 {
			t.Errorf("guilds %v", guilds)
		}
		_, err = s.Application("@me")
		must(err)
		found, err := s.GuildMembersSearch(fmt.Sprint(guild), "member-2", 1)
		if must(err); len(found) != 1 || found[0].User.ID != "2" {
			t.Errorf("members %v", found)
		}
		written, err := s.ChannelMessageSendComplex(fmt.Sprint(channel), &discordgo.MessageSend{Content: "hello", Embeds: []*discordgo.MessageEmbed{{Title: "title"}},
			Components: []discordgo.MessageComponent{discordgo.ActionsRow{Components: []discordgo.MessageComponent{discordgo.Button{CustomID: "again", Label: "Again"}}}}})
		if must(err); err != nil || written.Content != "hello" || len(written.Embeds) != 1 {
			t.Fatalf("written %+v", written)
		}
		answered, err := s.ChannelMessageSendReply(fmt.Sprint(channel), "and you?", written.Reference())
		if must(err); err == nil && (answered.MessageReference == nil || answered.Type != discordgo.MessageTypeReply) {
			t.Errorf("answered %+v", answered)
		}
		must(s.ChannelTyping(fmt.Sprint(channel)))
		must(s.ChannelMessagesBulkDelete(fmt.Sprint(channel), []string{answered.ID, "77"}))

		var id events.Snowflake
		must(json.Unmarshal([]byte(`"`+written.ID+`"`), &id))
		server.World().Component(id, 2, "again")
		var i discordgo.InteractionCreate
		if err := json.Unmarshal(last("INTERACTION_CREATE"), &i); err != nil || i.MessageComponentData().CustomID != "again" || i.Message.ID != written.ID {
			t.Fatalf("interaction %+v: %v", i, err)
		}
		must(s.InteractionRespond(i.Interaction, &discordgo.InteractionResponse{Type: discordgo.InteractionResponseUpdateMessage, Data: &discordgo.InteractionResponseData{Content: "again"}}))
		original, err := s.InteractionResponse(i.Interaction)
		if must(err); err == nil && original.Content != "again" {
			t.Errorf("original %+v", original)
		}
		_, err = s.FollowupMessageCreate(i.Interaction, true, &discordgo.WebhookParams{Content: "more", Files: []*discordgo.File{{Name: "a.txt", Reader: io.LimitReader(strings.NewReader("text"), 4)}}})
		must(err)
		if all := server.World().Messages(channel); len(all) != 2 {
			t.Errorf("the channel has %s", all)
		}
		server.LimitCalls("", 3*time.Second)
		begun := time.Now()
		if _, err = s.User("2"); err != nil || time.Since(begun) < 3*time.Second {
			t.Errorf("it came again after %v: %v", time.Since(begun), err)
		}
	})
}
