package recorder_test

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/recorder"
)

// history is what a bot has seen, one line for each thing, by shard and by who has seen it: handlers are not called in one order.
type history struct {
	mu    sync.Mutex
	began time.Time
	lines map[string][]seen
}

// seen is one thing.
type seen struct {
	after time.Duration
	what  string
}

func newHistory() *history { return &history{began: time.Now(), lines: make(map[string][]seen)} }

func (h *history) add(shard int, who, format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := fmt.Sprintf("shard %d, %s", shard, who)
	h.lines[of] = append(h.lines[of], seen{time.Since(h.began), fmt.Sprintf(format, args...)})
}

// secret are values that differ from gateway to gateway.
var secret = regexp.MustCompile(`"(session_id|resume_gateway_url|nonce|token)":"[^"]*"`)

// watch has the bot's history written: every call of a handler, with its contents, and every move.
func (h *history) watch(m *shardmanager.Manager) {
	shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, at events.Meta) {
		h.add(at.Shard.Index, "events", "%d %s %d %v %s", at.Session, raw.Type, at.Seq, at.Replayed, secret.ReplaceAll(raw.Data, []byte(`"$1":"?"`)))
	})
	shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, at events.Meta) {
		h.add(at.Shard.Index, "messages", "%q", e.Content)
	})
}

// OnChange implements shardmanager.HookChange.
func (h *history) OnChange(c shardmanager.Change) {
	cause := fmt.Sprint(c.Cause)
	if strings.HasPrefix(cause, "transport: dial: ") { // how a dial fails differs
		cause = "transport: dial"
	}
	h.add(c.Shard.Index, "moves", "%v to %v, connection %d, session %d, lost %v, failed %d: %v", c.From, c.To, c.Conn, c.Session, c.Lost, c.Failed, cause)
}

// live has a bot live for an hour: it is the same whatever the gateway. happen does what happens at the gateway.
func live(t *testing.T, g *gatewaytest.Server, happen func(minute int), opts ...shardmanager.Option) *history {
	t.Helper()
	h := newHistory()
	m := newManager(t, g, append([]shardmanager.Option{shardmanager.WithHooks(h), shardmanager.WithSeed(7), shardmanager.WithIntents(events.IntentsAll)}, opts...)...)
	h.watch(m)
	start(t, m)
	pass(time.Second)
	for minute := range 60 {
		if minute == 5 || minute == 16 {
			members, err := events.RequestGuildMembers{GuildID: gatewaytest.GuildOf(events.ShardID{Index: minute % 2, Total: 2}, 0), Query: events.Ptr(""), Limit: events.Ptr(0)}.SendEvent(t.Context(), m)
			h.add(minute%2, "answers", "%d members, %v", len(members.Members), err)
		}
		happen(minute)
		pass(time.Minute)
	}
	closeNow(t, m)
	synctest.Wait()
	return h
}

// faults are what happens at the gateway of TestPlayback, by the minute.
func faults(g *gatewaytest.Server, outage bool) func(int) {
	guild := gatewaytest.GuildOf(events.ShardID{Index: 1, Total: 2}, 0)
	return func(minute int) {
		g.World().Message(guild, gatewaytest.Message{Content: fmt.Sprintf("message of minute %d, with \"quotes\" and 日本", minute)})
		one := g.Shard(1)
		switch minute {
		case 3:
			one.Drop()
		case 8:
			one.Reconnect()
		case 13:
			one.InvalidSession(true)
		case 18:
			one.InvalidSession(false)
		case 23:
			one.Close(4000)
		case 28:
			one.Close(4009)
		case 33:
			one.MuteAcks(true)
		case 38:
			one.SendRaw([]byte(`{"op":"none","t":"MESSAGE_CREATE","s":7}`))
		case 43:
			one.Dispatch("A_NEW_EVENT", map[string]any{"token": "interaction-token-that-is-secret", "n": minute})
		case 48:
			g.Outage(outage)
			one.Drop()
		case 49:
			g.Outage(false)
		case 53:
			one.RequestHeartbeat()
			g.Shard(0).Drop()
		}
	}
}

// TestPlayback: a session with faults, played back: the same calls of handlers, the same moves, at the same times; and of a bot with another seed the same but for the
// times, unless dials fail, of which shards are not known.
func TestPlayback(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		seed      uint64
		outage    bool
		tolerance time.Duration
	}{{7, true, 10 * time.Millisecond}, {8, false, time.Minute}} {
		t.Run(fmt.Sprint("seed ", c.seed), func(t *testing.T) {
			t.Parallel()
			var tape bytes.Buffer
			var first *history
			inBubble(t, "record", func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuildsPerShard(1), gatewaytest.WithMembers(1100), gatewaytest.WithMaxConcurrency(2))
				rec := recorder.NewRecording(&tape)
				first = live(t, g, faults(g, c.outage), shardmanager.WithHooks(rec.Hooks()...))
				if err := rec.Close(); err != nil {
					t.Error(err)
				}
			})
			findSecret(t, "the recording", tape.String(), "interaction-token-that-is-secret")
			inBubble(t, "play", func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithRecording(bytes.NewReader(tape.Bytes())), gatewaytest.WithMaxConcurrency(2))
				compare(t, first, live(t, g, func(int) {}, shardmanager.WithSeed(c.seed)), c.tolerance)
				if n := g.Unplayed(); n != 0 {
					t.Errorf("%d steps were not shown", n)
				}
				g.RequireNoViolations(t)
			})
		})
	}
}

func inBubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// compare fails unless two histories are the same, but for some time.
func compare(t *testing.T, first, again *history, tolerance time.Duration) {
	t.Helper()
	total := 0
	for of, was := range first.lines {
		is := again.lines[of]
		total += len(was)
		for i := range max(len(was), len(is)) {
			if i >= len(was) || i >= len(is) || was[i].what != is[i].what || (was[i].after-is[i].after).Abs() > tolerance {
				t.Errorf("%s: it differs at line %d: %v, was %v", of, i, is[min(i, len(is)):min(i+3, len(is))], was[min(i, len(was)):min(i+3, len(was))])
				break
			}
		}
	}
	if len(first.lines) != 7 || len(again.lines) != 7 || total < 180 {
		t.Errorf("only %d lines of history, of %d", total, len(first.lines))
	}
}
