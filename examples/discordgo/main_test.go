package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bwmarrin/discordgo"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const guild events.Snowflake = 613425648685547541

// toServer sends what discordgo means for Discord to the simulated server: its base is fixed, and its HTTP client is not.
type toServer struct{ server *gatewaytest.Server }

func (s toServer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(s.server.URL, "ws://")
	return s.server.Client().Transport.RoundTrip(r)
}

// TestBot: a command, its button and a new member are answered, over a lost connection and through a REST limit as well, and the bot ends in order.
func TestBot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithShards(2), gatewaytest.WithGuilds(guild), gatewaytest.WithToken("token"))
		rest, err := discordgo.New("Bot token")
		if err != nil {
			t.Fatal(err)
		}
		rest.Client = &http.Client{Transport: toServer{server}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			b := &bot{rest: rest, failed: func(err error) { t.Error(err) }}
			done <- run(ctx, "token", b, shardmanager.WithGateway(server), shardmanager.WithLogger(zap.NewNop()))
		}()
		time.Sleep(time.Minute)

		i := server.World().Command(guild, gatewaytest.Command{Name: "count", User: 2})
		time.Sleep(time.Second)
		answered := server.World().Interaction(i.ID).Messages
		if len(answered) != 1 {
			t.Fatalf("the command was answered with %s", answered)
		}
		var message struct{ ID events.Snowflake }
		if err := json.Unmarshal(answered[0], &message); err != nil {
			t.Fatal(err)
		}
		server.World().Component(message.ID, 2, "count-0")
		time.Sleep(time.Second)
		server.DropAll()                                   // the connections are lost,
		server.World().Component(message.ID, 3, "count-1") // and somebody presses meanwhile
		server.LimitCalls("POST /users/@me/channels", 5*time.Second)
		server.World().Join(guild, 77, gatewaytest.Fields{"user": map[string]any{"id": "77", "username": "ann"}})
		time.Sleep(time.Minute)

		var said []string
		for _, call := range server.Calls() {
			var body struct {
				Content string
				Data    struct{ Content string }
			}
			if call.Body != nil && call.Status < 300 && json.Unmarshal(call.Body, &body) == nil && body.Content+body.Data.Content != "" {
				said = append(said, body.Content+body.Data.Content)
			}
		}
		want := []string{"pressed 0 times", "pressed 1 times", "pressed 2 times", "Welcome, ann"}
		slices.SortFunc(said[min(2, len(said)):], strings.Compare) // the last two are of two handlers
		slices.SortFunc(want[2:], strings.Compare)
		if !slices.Equal(said, want) {
			t.Errorf("the bot said %q, want %q", said, want)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if stats := server.Stats(); stats.Identifies != 2 || stats.Resumes != 2 {
			t.Errorf("%d identifies and %d resumes, want two each", stats.Identifies, stats.Resumes)
		}
		server.RequireNoViolations(t)
	})
}
