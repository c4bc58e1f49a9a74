package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// ours is a bot of our own library, in this process.
type ours struct {
	t     *testing.T
	m     *shardmanager.Manager
	ended chan struct{}
}

func (b ours) stop() {
	if err := b.m.Close(context.Background()); err != nil {
		b.t.Error(err)
	}
}
func (b ours) done() <-chan struct{} { return b.ended }
func (b ours) last() string          { return "exit status 3: Error: it is tired" }

// starting makes what starts it. Of each message that it gets it tells what as makes of it.
func starting(t *testing.T, as func(line) line) func(*gatewaytest.Server, func(line)) (bot, error) {
	return func(server *gatewaytest.Server, tell func(line)) (bot, error) {
		m, err := shardmanager.New(token, shardmanager.WithGateway(server), shardmanager.WithLogger(zap.NewNop()),
			shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMembers|events.IntentGuildMessages|events.IntentMessageContent))
		if err != nil {
			return nil, err
		}
		tell(line{Event: "library", Version: "v1"})
		shardmanager.On(m, func(_ context.Context, e *events.Ready, _ events.Meta) {
			tell(line{Event: "ready", Shard: e.Shard.Index})
		})
		shardmanager.On(m, func(ctx context.Context, e *events.MessageCreate, _ events.Meta) {
			tell(as(line{Event: "message", Content: e.Content, Author: e.Author.Username, Guild: e.GuildID.String()}))
			if e.Content == "!members" {
				all, _ := events.RequestGuildMembers{GuildID: e.GuildID, Query: events.Ptr(""), Limit: events.Ptr(0)}.SendEvent(ctx, m)
				tell(line{Event: "members", Guild: e.GuildID.String(), Count: len(all.Members)}) // 0 where it was refused
			}
		})
		return ours{t, m, make(chan struct{})}, m.Start(context.Background())
	}
}

func asItIs(l line) line { return l }

// TestTrial: all that a bot does well is in its row.
func TestTrial(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, err := try(t.Context(), 2, time.Minute, starting(t, asItIs), gatewaytest.WithVirtualNetwork())
		if err != nil {
			t.Fatal(err)
		}
		o.library, o.compression = "signalbox", "none"
		const want = "signalbox | v1 | 2 | none | 2 of 2 | 2 of 2 | 2400 of 2400 | 2 resumed | 2 resumed | 2 resumed | 2 began anew | nothing"
		if got := strings.Join(cells(o), " | "); got != want {
			t.Errorf("%s, want\n%s", got, want)
		}
		if err := promise([]outcome{o}); err != nil {
			t.Error(err)
		}
	})
}

// TestTrialSeesWhatIsWrong: what a bot does wrong is in its row as well, and is no error of the trial.
func TestTrialSeesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		start func(*testing.T) func(*gatewaytest.Server, func(line)) (bot, error)
		row   string
		kept  bool // the gateway's promise
	}{
		{"nobody", func(t *testing.T) func(*gatewaytest.Server, func(line)) (bot, error) {
			return func(*gatewaytest.Server, func(line)) (bot, error) { return nil, errors.New("no node") }
		}, " | 1 | not run: no node |  |  |  |  |  |  | ", true},
		{"cannot", func(t *testing.T) func(*gatewaytest.Server, func(line)) (bot, error) {
			return func(_ *gatewaytest.Server, tell func(line)) (bot, error) {
				tell(line{Event: "library", Version: "v2"})
				tell(line{Event: "unavailable", Why: "no zlib-sync"})
				return still{}, nil
			}
		}, "v2 | 1 | not run: no zlib-sync |  |  |  |  |  |  | ", true},
		{"mute", func(t *testing.T) func(*gatewaytest.Server, func(line)) (bot, error) {
			return func(*gatewaytest.Server, func(line)) (bot, error) { return still{}, nil }
		}, " | 1 | 0 of 1 | 0 of 1 | 0 of 1200 | 1 not there | 1 not there | 1 not there | 1 not there | nothing", false},
		{"ended", func(t *testing.T) func(*gatewaytest.Server, func(line)) (bot, error) {
			return func(*gatewaytest.Server, func(line)) (bot, error) {
				ended := make(chan struct{})
				close(ended)
				return still{ended}, nil
			}
		}, " | 1 | 0 of 1 | 0 of 1 | 0 of 1200 | 1 not there | 1 not there | 1 not there | 1 not there | it ended by itself", false},
		{"no author", func(t *testing.T) func(*gatewaytest.Server, func(line)) (bot, error) {
			return starting(t, func(l line) line { l.Author = ""; return l })
		}, "v1 | 1 | 1 of 1 | 0 of 1 | 1200 of 1200 | 1 resumed, 1 lost a message | 1 resumed, 1 lost a message | 1 resumed, 1 lost a message | 1 began anew, 1 lost a message | nothing", false},
		{"another guild", func(t *testing.T) func(*gatewaytest.Server, func(line)) (bot, error) {
			return starting(t, func(l line) line { l.Guild = "1"; return l })
		}, "v1 | 1 | 1 of 1 | 0 of 1 | 1200 of 1200 | 1 resumed, 1 lost a message | 1 resumed, 1 lost a message | 1 resumed, 1 lost a message | 1 began anew, 1 lost a message | nothing", false},
		{"no events after a while", func(t *testing.T) func(*gatewaytest.Server, func(line)) (bot, error) {
			return func(server *gatewaytest.Server, tell func(line)) (bot, error) {
				server.OnConnect(func(conn int) bool { return conn > 2 }) // as if it waited too long
				return starting(t, asItIs)(server, tell)
			}
		}, "v1 | 1 | 1 of 1 | 1 of 1 | 1200 of 1200 | 1 resumed | 1 did not return | 1 not there | 1 not there | nothing", true},
		{"two at once", func(t *testing.T) func(*gatewaytest.Server, func(line)) (bot, error) {
			return func(server *gatewaytest.Server, tell func(line)) (bot, error) {
				first, err := starting(t, asItIs)(server, func(line) {})
				if err != nil {
					return nil, err
				}
				second, err := starting(t, asItIs)(server, tell)
				return both{first, second}, err
			}
		}, "violation: identify concurrency (1); violation: identify spacing (1); violation: two sessions (1); requests answered with RATE_LIMITED (1)", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o, err := try(t.Context(), 1, time.Minute, test.start(t), gatewaytest.WithVirtualNetwork())
				if err != nil {
					t.Fatal(err)
				}
				row := strings.Join(cells(o)[1:], " | ")
				if row = strings.Replace(row, " |  | ", " | ", 1); !strings.Contains(row, test.row) {
					t.Errorf("%q, want %q", row, test.row)
				}
				if err := promise([]outcome{o}); (err == nil) != test.kept {
					t.Errorf("the promise: %v", err)
				}
			})
		})
	}
}

// still is a bot that does nothing.
type still struct{ ended chan struct{} }

func (still) stop()                   {}
func (s still) done() <-chan struct{} { return s.ended }
func (still) last() string            { return "by itself" }

// both are two bots.
type both struct{ bot, second bot }

func (b both) stop()                 { b.bot.stop(); b.second.stop() }
func (b both) done() <-chan struct{} { return b.bot.done() }
func (b both) last() string          { return b.bot.last() }

// TestTrialIsInterrupted: then it is an error, and no row that would look like the library's fault.
func TestTrialIsInterrupted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		_, err := try(ctx, 1, time.Minute, func(*gatewaytest.Server, func(line)) (bot, error) { return still{}, nil }, gatewaytest.WithVirtualNetwork())
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

func TestPromiseNamesTheClient(t *testing.T) {
	t.Parallel()
	well := outcome{library: "a", version: "1", shards: 4, ready: 4, messages: 4}
	deaf := outcome{library: "b", version: "2", shards: 4, compression: "zlib-stream", ready: 4, messages: 3}
	if err := promise([]outcome{well, deaf}); err == nil || !strings.HasPrefix(err.Error(), "b 2, 4 shards, zlib-stream: 4 were ready, and 3 ") {
		t.Errorf("%v", err)
	}
	if err := promise([]outcome{well, {library: "c", shards: 1, absent: "no python"}}); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(comeback{resumed: 3, nothing: 1}); got != "3 resumed, 1 did not return" {
		t.Errorf("%q", got)
	}
}
