package slash_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/events/discord"
	"github.com/signalbox-go/signalbox/examples/slash"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const guild events.Snowflake = 613425648685547541

// run runs the bot in virtual time, and gives what went wrong in it.
func run(t *testing.T, f func(t *testing.T, gateway *gatewaytest.Server)) []error {
	t.Helper()
	var mu sync.Mutex
	var failures []error
	synctest.Test(t, func(t *testing.T) {
		gateway := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithStrict(), gatewaytest.WithGuilds(guild), gatewaytest.WithToken("token"))
		bot := slash.New(gateway.APIBase(), gateway.Client(), "token", func(err error) {
			mu.Lock()
			defer mu.Unlock()
			failures = append(failures, err)
		})
		m, err := shardmanager.New("token", shardmanager.WithGateway(gateway), shardmanager.WithLogger(zap.NewNop()))
		if err != nil {
			t.Fatal(err)
		}
		bot.Attach(m)
		if err := errors.Join(bot.Register(t.Context(), gateway.BotID()), m.Start(t.Context()), m.WaitReady(t.Context())); err != nil {
			t.Fatal(err)
		}
		f(t, gateway)
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
		bot.Wait()
	})
	return failures
}

// written are the messages that the bot wrote in answer to an interaction.
func written(t *testing.T, gateway *gatewaytest.Server, i gatewaytest.Interaction) (all []discord.Message) {
	t.Helper()
	for _, text := range gateway.World().Interaction(i.ID).Messages {
		var m discord.Message
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// TestRoll: an interaction goes in, and a callback comes out, which is a message in the channel.
func TestRoll(t *testing.T) {
	t.Parallel()
	failures := run(t, func(t *testing.T, gateway *gatewaytest.Server) {
		roll := gatewaytest.Command{Name: "roll", User: 2, Options: []gatewaytest.CommandOption{{Name: "sides", Value: 6}}}
		i := gateway.World().Command(guild, roll)
		time.Sleep(time.Second)
		if got := written(t, gateway, i); len(got) != 1 || !regexp.MustCompile(`^You rolled [1-6] of 6\.$`).MatchString(got[0].Content) {
			t.Errorf("the bot wrote %+v", got)
		}
		if all := gateway.World().Messages(guild + 1); len(all) != 1 {
			t.Errorf("%d messages in the channel, want the answer", len(all))
		}
		var routes []string
		for _, call := range gateway.Calls() {
			routes = append(routes, call.Route)
		}
		want := []string{"PUT /applications/{application_id}/commands", "GET /gateway/bot", "POST /interactions/{interaction_id}/{token}/callback"}
		if !slices.Equal(routes, want) {
			t.Errorf("calls %q, want %q", routes, want)
		}
	})
	if failures != nil {
		t.Errorf("failures: %v", failures)
	}
}

// TestReminder: the answer is for the user alone, and the reminder comes when it is due, though the connection was lost and
// the first call comes too early.
func TestReminder(t *testing.T) {
	t.Parallel()
	failures := run(t, func(t *testing.T, gateway *gatewaytest.Server) {
		i := gateway.World().Command(guild, gatewaytest.Command{Name: "remind", Options: []gatewaytest.CommandOption{{Name: "minutes", Value: 10}, {Name: "of", Value: "the tea"}}})
		time.Sleep(time.Second)
		if got := written(t, gateway, i); len(got) != 1 || got[0].Content != "In 10 minutes." || got[0].Flags&64 == 0 {
			t.Errorf("the bot wrote %+v", got)
		}
		gateway.Shard(0).Drop()
		time.Sleep(9 * time.Minute)
		gateway.LimitCalls("POST /webhooks/{application_id}/{token}", 2*time.Minute)
		time.Sleep(90 * time.Second)
		if got := written(t, gateway, i); len(got) != 1 {
			t.Errorf("after ten minutes and a half, while it may not, the bot wrote %+v", got)
		}
		time.Sleep(time.Minute)
		if got := written(t, gateway, i); len(got) != 2 || got[1].Content != "Remember: the tea" {
			t.Errorf("in the end the bot wrote %+v", got)
		}
	})
	if failures != nil {
		t.Errorf("failures: %v", failures)
	}
}

// TestTooLate: an answer that may not be given within 3 s is none, and the bot says so.
func TestTooLate(t *testing.T) {
	t.Parallel()
	failures := run(t, func(t *testing.T, gateway *gatewaytest.Server) {
		gateway.LimitCalls("POST /interactions/{interaction_id}/{token}/callback", 5*time.Second)
		i := gateway.World().Command(guild, gatewaytest.Command{Name: "roll"})
		time.Sleep(time.Minute)
		if stands := gateway.World().Interaction(i.ID); stands.Callback != 0 || stands.Messages != nil {
			t.Errorf("answered: %+v", stands)
		}
	})
	if len(failures) != 1 {
		t.Errorf("failures: %v, want one", failures)
	}
}
