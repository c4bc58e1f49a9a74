package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const token = "a-token-that-is-secret"

// TestProblems: each mistake is named by its variable, all at once, and the token is in no error.
func TestProblems(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		environ []string
		want    []string
	}{
		"nothing":        {nil, []string{"DISCORD_TOKEN is not set"}},
		"empty":          {[]string{"DISCORD_TOKEN="}, []string{"DISCORD_TOKEN is not set"}},
		"both":           {[]string{"DISCORD_TOKEN=" + token, "DISCORD_TOKEN_FILE=" + empty}, []string{"are both set", "is empty"}},
		"no file":        {[]string{"DISCORD_TOKEN_FILE=" + empty + "x"}, []string{"DISCORD_TOKEN_FILE: open", "no such file"}},
		"a prefix":       {[]string{"DISCORD_TOKEN=Bot " + token}, []string{"token: it begins with a prefix"}},
		"misspelt":       {[]string{"DISCORD_TOKEN=" + token, "BOT_SHARD=4"}, []string{"BOT_SHARD: there is no such setting"}},
		"no intent":      {[]string{"DISCORD_TOKEN=" + token, "BOT_INTENTS=GUILDS,GILD_MEMBERS"}, []string{`BOT_INTENTS: events: "GILD_MEMBERS" is no intent`}},
		"no shards":      {[]string{"DISCORD_TOKEN=" + token, "BOT_SHARDS=many"}, []string{`BOT_SHARDS: "many" is no number of shards`}},
		"shards outside": {[]string{"DISCORD_TOKEN=" + token, "BOT_SHARDS=4:2-4"}, []string{`BOT_SHARDS: "2-4" are not some of 4 shards`, "0-3"}},
		"no store":       {[]string{"DISCORD_TOKEN=" + token, "BOT_STORE=" + filepath.Join(empty, "bot.db")}, []string{"BOT_STORE: ", "not a directory"}},
		"all at once": {[]string{"BOT_DRAIN=soon", "BOT_LOG=loud", "BOT_OPTIONAL_INTENTS=x", "DISCORD_TOKEN=" + token},
			[]string{`BOT_DRAIN: "soon" is no duration`, `BOT_LOG: "loud" is no level`, `BOT_OPTIONAL_INTENTS: events: "x"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := run(t.Context(), &bytes.Buffer{}, test.environ)
			var unusable *unusableError
			if !errors.As(err, &unusable) {
				t.Fatalf("run: %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("it does not say %q: %v", want, err)
				}
			}
			if strings.Contains(err.Error(), token) {
				t.Errorf("the token is told: %v", err)
			}
		})
	}
}

// TestRun: the bot runs with what it is given, shows it without the token, resumes from its store, and ends with its context.
func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(dir, "token")
	if err := os.WriteFile(secret, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := []string{"DISCORD_TOKEN_FILE=" + secret, "BOT_SHARDS=4:2-3", "BOT_INTENTS=GUILDS, guild_messages", "BOT_OPTIONAL_INTENTS=MESSAGE_CONTENT",
		"BOT_DRAIN=2s", "BOT_LOG=error", "BOT_STORE=" + filepath.Join(dir, "bot.db"), "HOME=/nowhere"}
	synctest.Test(t, func(t *testing.T) {
		gateway := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithToken(token), gatewaytest.WithGuilds(2<<22))
		var out bytes.Buffer
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() {
				done <- run(ctx, &out, environ, shardmanager.WithGateway(gateway), shardmanager.WithLogger(zap.NewNop()))
			}()
			time.Sleep(20 * time.Second)
			gateway.World().Message(2<<22, gatewaytest.Message{})
			time.Sleep(time.Second)
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		shown := fmt.Sprintf("token of %d bytes store=%q intents=GUILDS|GUILD_MESSAGES optional=MESSAGE_CONTENT shards=4:2-3 drain=2s log=error\n", len(token), filepath.Join(dir, "bot.db"))
		if got := out.String(); strings.Count(got, shown) != 2 || strings.Count(got, "shard 2/4 message") != 2 || strings.Contains(got, token) {
			t.Errorf("it printed\n%s", got)
		}
		if stats := gateway.Stats(); stats.Identifies != 2 || stats.Resumes != 2 {
			t.Errorf("%d identifies and %d resumes, want two each", stats.Identifies, stats.Resumes)
		}
		for _, shard := range gateway.Shards() {
			if shard.Shard.Index < 2 || shard.Shard.Total != 4 {
				t.Errorf("shard %v runs", shard.Shard)
			}
		}
		gateway.RequireNoViolations(t)
	})
}

// TestIntentsFromHandlers: a bot that is told of no intents asks for those of its handlers.
func TestIntentsFromHandlers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gateway := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithAllowedIntents(events.IntentGuildMessages|events.IntentDirectMessages))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := run(ctx, &bytes.Buffer{}, []string{"DISCORD_TOKEN=" + token}, shardmanager.WithGateway(gateway), shardmanager.WithLogger(zap.NewNop())); err != nil {
			t.Error(err)
		}
		if gateway.Stats().Identifies != 1 {
			t.Errorf("%+v", gateway.Stats())
		}
		gateway.RequireNoViolations(t)
	})
}
