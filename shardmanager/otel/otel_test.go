package otel_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/otel"
)

// bot is a bot on a simulated gateway, whose spans are kept.
type bot struct {
	*testing.T
	g    *gatewaytest.Server
	m    *shardmanager.Manager
	kept *tracetest.SpanRecorder
}

// bubble runs f in virtual time, with a bot of one shard and one guild that was not started.
func bubble(t *testing.T, sampler sdk.Sampler, opts []otel.Option, f func(b *bot)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bot{T: t, kept: tracetest.NewSpanRecorder()}
		provider := sdk.NewTracerProvider(sdk.WithSampler(sampler), sdk.WithSpanProcessor(b.kept))
		b.g = gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithExact(), gatewaytest.WithShards(1), gatewaytest.WithGuilds(guild), gatewaytest.WithToken(token))
		m, err := shardmanager.New(token, shardmanager.WithGateway(b.g), shardmanager.WithLogger(zap.NewNop()),
			shardmanager.WithIntents(events.IntentsAll), shardmanager.WithTracer(otel.New(provider, opts...)))
		if err != nil {
			t.Fatal(err)
		}
		b.m = m
		defer func() {
			if err := m.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		f(b)
	})
}

const (
	token = "a-token-that-nobody-may-see"
	guild = events.Snowflake(81384788765712384)
)

func (b *bot) start() {
	b.Helper()
	if err := b.m.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := b.m.WaitReady(b.Context()); err != nil {
		b.Fatal(err)
	}
	synctest.Wait()
}

// say has the bot receive a message.
func (b *bot) say(content string) {
	b.Helper()
	b.g.Shard(0).Dispatch("MESSAGE_CREATE", map[string]any{"id": "1", "channel_id": "2", "guild_id": guild.String(), "content": content, "author": map[string]any{"id": "7"}})
	synctest.Wait()
}

// spans are those that have ended and have the name.
func (b *bot) spans(name string) (all []sdk.ReadOnlySpan) {
	for _, s := range b.kept.Ended() {
		if s.Name() == name {
			all = append(all, s)
		}
	}
	return all
}

// one is the only span with the name.
func (b *bot) one(name string) sdk.ReadOnlySpan {
	b.Helper()
	all := b.spans(name)
	if len(all) != 1 {
		b.Fatalf("%d spans %q", len(all), name)
	}
	return all[0]
}

func attr(s sdk.ReadOnlySpan, key attribute.Key) string {
	for _, a := range s.Attributes() {
		if a.Key == key {
			return a.Value.Emit()
		}
	}
	return "none"
}

func (b *bot) want(s sdk.ReadOnlySpan, values map[attribute.Key]string) {
	b.Helper()
	for key, value := range values {
		if got := attr(s, key); got != value {
			b.Errorf("%s: %s is %s, want %s", s.Name(), key, got, value)
		}
	}
}

func took(s sdk.ReadOnlySpan) time.Duration { return s.EndTime().Sub(s.StartTime()) }

// TestAnEventIsATrace from the socket to the end of each handler, and what a handler sends is in it.
func TestAnEventIsATrace(t *testing.T) {
	bubble(t, sdk.AlwaysSample(), []otel.Option{otel.WithTypes(events.TypeMessageCreate)}, func(b *bot) {
		shardmanager.On(b.m, func(ctx context.Context, e *events.MessageCreate, at events.Meta) {
			time.Sleep(3 * time.Second)
			if e.Content == "who" {
				if _, err := (events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}}).SendEvent(ctx, b.m); err != nil {
					b.Error(err)
				}
			}
		}, shardmanager.WithName("slow"))
		shardmanager.OnRaw(b.m, func(context.Context, events.Raw, events.Meta) {}, shardmanager.WithName("quick"))
		b.start()
		b.say("first")
		began := time.Now()
		b.say("who")
		time.Sleep(20 * time.Second)
		synctest.Wait()

		receives, processes := b.spans("receive MESSAGE_CREATE"), b.spans("process MESSAGE_CREATE")
		if len(receives) != 2 || len(processes) != 4 || len(b.kept.Started()) != len(b.kept.Ended()) {
			t.Fatalf("%d events, %d handlers, %d begun, %d ended", len(receives), len(processes), len(b.kept.Started()), len(b.kept.Ended()))
		}
		second := receives[1]
		if second.Parent().IsValid() || second.SpanKind() != trace.SpanKindConsumer || second.StartTime().Sub(began) > time.Second || took(second) != 0 {
			t.Errorf("%v %v began %v after it was sent, took %v", second.Parent(), second.SpanKind(), second.StartTime().Sub(began), took(second))
		}
		b.want(second, map[attribute.Key]string{"signalbox.event": "MESSAGE_CREATE", "signalbox.shard": "0", "signalbox.shard_total": "1", "signalbox.generation": "0", "signalbox.replayed": "none"})
		if attr(second, "signalbox.seq") == attr(receives[0], "signalbox.seq") {
			t.Error("two events have one sequence")
		}
		var slow sdk.ReadOnlySpan
		for _, s := range processes {
			if s.SpanContext().TraceID() != second.SpanContext().TraceID() {
				continue
			}
			if s.Parent().SpanID() != second.SpanContext().SpanID() {
				t.Errorf("%s is not below its event", attr(s, "signalbox.handler"))
			}
			if attr(s, "signalbox.handler") == "slow" {
				slow = s
			} else if took(s) != 0 || s.StartTime() != second.EndTime() {
				t.Errorf("quick took %v", took(s))
			}
		}
		if waited := slow.StartTime().Sub(second.EndTime()); waited != 3*time.Second || took(slow) < 3*time.Second { // behind the first
			t.Errorf("slow waited %v and took %v", waited, took(slow))
		}
		sent := b.one("send request_guild_members")
		if sent.Parent().SpanID() != slow.SpanContext().SpanID() || sent.SpanContext().TraceID() != second.SpanContext().TraceID() || sent.SpanKind() != trace.SpanKindClient {
			t.Errorf("the send event is below %v of %v", sent.Parent().SpanID(), sent.Parent().TraceID())
		}
	})
}

// TestReceiveBeginsAtTheSocket: what an event has waited for its only handler is in it.
func TestReceiveBeginsAtTheSocket(t *testing.T) {
	bubble(t, sdk.AlwaysSample(), []otel.Option{otel.WithTypes(events.TypeMessageCreate)}, func(b *bot) {
		shardmanager.On(b.m, func(context.Context, *events.MessageCreate, events.Meta) { time.Sleep(3 * time.Second) })
		b.start()
		b.say("first")
		b.say("second")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if all := b.spans("receive MESSAGE_CREATE"); len(all) != 2 || took(all[0]) != 0 || took(all[1]) != 3*time.Second {
			t.Errorf("%v", all)
		}
	})
}

// withoutSecrets fails if a span shows the token, the guild's id, or what a message says.
func (b *bot) withoutSecrets(more ...string) {
	b.Helper()
	for _, s := range tracetest.SpanStubsFromReadOnlySpans(b.kept.Ended()) {
		said := fmt.Sprintf("%+v", s)
		for _, a := range s.Attributes {
			said += fmt.Sprint(a.Key, a.Value.Emit())
		}
		for _, secret := range append(more, token, guild.String()) {
			if strings.Contains(said, secret) {
				b.Errorf("%s shows %q", s.Name, secret)
			}
		}
	}
}

// TestNothingSecretIsInASpan: no content, no token, no session id, no id, no name that the gateway made up, and nothing that a handler panics with.
func TestNothingSecretIsInASpan(t *testing.T) {
	bubble(t, sdk.AlwaysSample(), nil, func(b *bot) {
		session := ""
		shardmanager.On(b.m, func(_ context.Context, e *events.Ready, _ events.Meta) { session = e.SessionID.Reveal() })
		shardmanager.OnRaw(b.m, func(_ context.Context, raw events.Raw, _ events.Meta) {
			if raw.Type == events.TypeMessageCreate {
				panic("it panics with " + string(raw.Data))
			}
		}, shardmanager.WithName("raw"))
		b.start()
		b.say("a text that nobody may see")
		b.g.Shard(0).Dispatch("A_NAME_MADE_UP", map[string]any{"x": "a text that nobody may see"})
		synctest.Wait()
		if session == "" {
			t.Fatal("no READY came")
		}
		b.withoutSecrets("nobody may see", session, "A_NAME_MADE_UP")
		b.one("receive unknown")
		if s := b.one("process MESSAGE_CREATE"); s.Status() != (sdk.Status{Code: codes.Error, Description: "the handler panicked"}) {
			t.Errorf("%v", s.Status())
		}
	})
}

// TestNoProvider is a mistake that shows at once.
func TestNoProvider(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("it did not panic")
		}
	}()
	otel.New(nil)
}
