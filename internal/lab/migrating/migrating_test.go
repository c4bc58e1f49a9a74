package migrating_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/diamondburned/arikawa/v3/api"
	"github.com/diamondburned/arikawa/v3/utils/httputil"
	"github.com/diamondburned/arikawa/v3/utils/httputil/httpdriver"
	"github.com/disgoorg/disgo/rest"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	fromarikawa "github.com/signalbox-go/signalbox/internal/lab/migrating/arikawa"
	fromdiscordgo "github.com/signalbox-go/signalbox/internal/lab/migrating/discordgo"
	fromdisgo "github.com/signalbox-go/signalbox/internal/lab/migrating/disgo"
	fromseed "github.com/signalbox-go/signalbox/internal/lab/migrating/switchupcb"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const guild events.Snowflake = 1 << 22 // of the second shard of two

// toServer sends what is meant for Discord to the server.
type toServer struct{ server *gatewaytest.Server }

func (s toServer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(s.server.URL, "ws://")
	return s.server.Client().Transport.RoundTrip(r)
}

// bots are the bots of this library, each with the REST client of another.
var bots = map[string]func(ctx context.Context, server *gatewaytest.Server, opts ...shardmanager.Option) error{
	"discordgo": func(ctx context.Context, server *gatewaytest.Server, opts ...shardmanager.Option) error {
		rest, err := discordgo.New("Bot token")
		if err != nil {
			return err
		}
		rest.Client = &http.Client{Transport: toServer{server}}
		return fromdiscordgo.After(ctx, "token", rest, opts...)
	},
	"disgo": func(ctx context.Context, server *gatewaytest.Server, opts ...shardmanager.Option) error {
		client := rest.NewClient("token", rest.WithURL(server.APIBase()), rest.WithHTTPClient(server.Client()), rest.WithLogger(slog.New(slog.DiscardHandler)),
			rest.WithRateLimiter(rest.NewNoopRateLimiter())) // its own has a goroutine that never ends
		return fromdisgo.After(ctx, "token", rest.New(client), opts...)
	},
	"arikawa": func(ctx context.Context, server *gatewaytest.Server, opts ...shardmanager.Option) error {
		client := httputil.NewClient()
		client.Client = httpdriver.WrapClient(http.Client{Transport: toServer{server}})
		return fromarikawa.After(ctx, "token", api.NewCustomClient("Bot token", client), opts...)
	},
	"switchupcb": func(ctx context.Context, server *gatewaytest.Server, opts ...shardmanager.Option) error {
		rest, err := discordgo.New("Bot token") // any client will do
		if err != nil {
			return err
		}
		rest.Client = &http.Client{Transport: toServer{server}}
		return fromseed.After(ctx, "token", func(channel events.Snowflake, text string) { _, _ = rest.ChannelMessageSend(channel.String(), text) }, opts...)
	},
}

// TestAfter: each bot answers, over a lost connection as well, counts members, shows its presence on every shard, and breaks no rule.
func TestAfter(t *testing.T) {
	t.Parallel()
	for name, bot := range bots {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithExact(), gatewaytest.WithShards(2), gatewaytest.WithGuilds(guild), gatewaytest.WithMembers(2500))
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error)
				go func() {
					done <- bot(ctx, server, shardmanager.WithGateway(server), shardmanager.WithLogger(zap.NewNop()))
				}()
				time.Sleep(time.Minute)
				for _, text := range []string{"!ping", "!count"} {
					server.World().Message(guild, gatewaytest.Message{Content: text})
					time.Sleep(10 * time.Second)
				}
				server.Shard(1).Drop()
				server.World().Message(guild, gatewaytest.Message{Content: "!ping"})
				time.Sleep(10 * time.Second)
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
				var said []string
				for _, raw := range server.World().Messages(guild + 1) {
					var m discordgo.Message
					if err := json.Unmarshal(raw, &m); err != nil {
						t.Fatal(err)
					}
					if m.Author.Bot {
						said = append(said, m.Content)
					}
				}
				if want := []string{"pong", "2500 members", "pong"}; !slices.Equal(said, want) {
					t.Errorf("the bot said %q, want %q", said, want)
				}
				for shard := range 2 {
					if !slices.ContainsFunc(server.Frames(shard), func(f gatewaytest.Frame) bool { return strings.Contains(string(f.Data), "with shards") }) {
						t.Errorf("shard %d shows no presence", shard)
					}
				}
				if stats := server.Stats(); stats.Identifies != 2 || stats.Resumes != 1 {
					t.Errorf("%d identifies and %d resumes, want 2 and 1", stats.Identifies, stats.Resumes)
				}
				server.RequireNoViolations(t)
			})
		})
	}
}

// TestPagesQuoteThis: the pages of docs/migrating show what is compiled here, whole and unchanged.
func TestPagesQuoteThis(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"discordgo/before", "discordgo/after", "disgo/before", "disgo/after", "arikawa/before", "arikawa/after", "switchupcb/after"} {
		library, when, _ := strings.Cut(file, "/")
		source, err := os.ReadFile(file + ".go")
		if err != nil {
			t.Fatal(err)
		}
		page, err := os.ReadFile("../../../docs/migrating/" + library + ".md")
		if err != nil {
			t.Fatal(err)
		}
		_, quoted, found := strings.Cut(string(source), "// begin "+when+"\n")
		quoted, _, closed := strings.Cut(quoted, "\n// end")
		if !found || !closed || !strings.Contains(string(page), "```go "+when+"\n"+strings.TrimSpace(quoted)+"\n```\n") {
			t.Errorf("docs/migrating/%s.md does not quote %s.go from its begin to its end, in a block that opens with ```go %s", library, file, when)
		}
	}
}
