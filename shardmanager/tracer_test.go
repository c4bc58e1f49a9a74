package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// tracing is a Tracer that notes what it is told, and does what a test wants at each call.
type tracing struct {
	mu   sync.Mutex
	said []string
	does func(where string)
	nils bool // it returns nothing
}

type followedBy struct{}

func (f *tracing) say(where, format string, args ...any) {
	f.mu.Lock()
	f.said = append(f.said, fmt.Sprintf(format, args...))
	f.mu.Unlock()
	if f.does != nil {
		f.does(where)
	}
}

func (f *tracing) told() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(slices.Values(f.said))
}

func (f *tracing) Receive(ctx context.Context, e shardmanager.Received) context.Context {
	if e.Type != events.TypeMessageCreate {
		return nil
	}
	f.say("receive", "receive")
	return context.WithValue(ctx, followedBy{}, "event")
}

func (f *tracing) Handle(ctx context.Context, h shardmanager.Handling) (context.Context, func(bool)) {
	f.say("handle", "%s handles %s", h.Handler, h.Type)
	if f.nils {
		return nil, nil
	}
	return context.WithValue(ctx, followedBy{}, h.Handler), func(panicked bool) { f.say("handled", "%s panicked: %v", h.Handler, panicked) }
}

func (f *tracing) Send(ctx context.Context, s shardmanager.Sending) (context.Context, func(shardmanager.SendEnd)) {
	if ctx == nil {
		f.say("send", "no context")
		return nil, nil
	}
	f.say("send", "send %v by shard %d, %d, for %v", s.Op, s.Shard, s.Priority, ctx.Value(followedBy{}))
	if f.nils {
		return nil, nil
	}
	return ctx, func(end shardmanager.SendEnd) {
		stage := "done"
		if failed := new(actors.SendError); errors.As(end.Err, &failed) {
			stage = failed.Stage.String()
		} else if end.Err != nil {
			stage = "no answer taken"
		}
		f.say("sent", "sent: %s by %d of %d, %d events", stage, end.Shard.Index, end.Shard.Total, end.Events)
	}
}

// TestTracerFollowsEveryHandler: On and OnRaw, of one goroutine or several, and of each way to overflow.
func TestTracerFollowsEveryHandler(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, f := newGateway(t, gatewaytest.WithShards(1)), new(tracing)
		m := newManager(t, g, shardmanager.WithTracer(f))
		ways := map[string]shardmanager.SubOption{
			"workers": shardmanager.WithWorkers(4), "oldest": shardmanager.WithOverflow(shardmanager.DropOldest), "queue": shardmanager.WithQueue(3),
			"newest of a key": shardmanager.WithOverflow(shardmanager.CoalesceBy(func(events.Raw) string { return "key" })),
		}
		want := []string{"receive"}
		for name, way := range ways {
			shardmanager.OnRaw(m, func(ctx context.Context, raw events.Raw, _ events.Meta) {
				if got := ctx.Value(followedBy{}); raw.Type == events.TypeMessageCreate && got != name {
					t.Errorf("%s has the context of %v", name, got)
				}
			}, shardmanager.WithName(name), way)
			shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) {}, shardmanager.WithName("typed "+name), way)
			want = append(want, name+" handles MESSAGE_CREATE", name+" panicked: false", "typed "+name+" handles MESSAGE_CREATE", "typed "+name+" panicked: false")
		}
		start(t, m)
		g.Shard(0).Dispatch("MESSAGE_CREATE", map[string]any{"id": "1", "channel_id": "2"})
		synctest.Wait()
		if slices.Sort(want); !slices.Equal(f.told(), want) {
			t.Errorf("got  %q\nwant %q", f.told(), want)
		}
	})
}

// TestTracerFollowsEverySend, once, whoever sends, with the outcome that the sender gets.
func TestTracerFollowsEverySend(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, f := newGateway(t, gatewaytest.WithGuildsPerShard(1)), new(tracing)
		m := newManager(t, g, shardmanager.WithShards(3), shardmanager.WithTracer(f))
		start(t, m)
		const at = 1
		guild := gatewaytest.GuildOf(events.ShardID{Index: at, Total: 3}, 0)
		ask := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}}
		ctx := context.WithValue(t.Context(), followedBy{}, "me")
		send := func(want []string, send func() error) {
			t.Helper()
			f.mu.Lock()
			f.said = nil
			f.mu.Unlock()
			if err := send(); (err != nil) != strings.Contains(fmt.Sprint(want), "refused") && want != nil {
				t.Error(err)
			}
			if !slices.Equal(f.told(), want) {
				t.Errorf("got %q, want %q", f.told(), want)
			}
		}
		one := fmt.Sprintf("sent: done by %d of 3, 1 events", at)
		op := events.OpRequestGuildMembers
		send([]string{fmt.Sprintf("send %v by shard -1, 0, for me", op), one}, func() error { _, err := ask.SendEvent(ctx, m); return err })
		send([]string{fmt.Sprintf("send %v by shard -1, 1, for me", op), one}, func() error { _, err := ask.SendEvent(ctx, m.Priority(shardmanager.High)); return err })
		send([]string{fmt.Sprintf("send %v by shard %d, -1, for me", op, at), one}, func() error {
			_, err := ask.SendEvent(ctx, m.Shard(at).Priority(shardmanager.Low))
			return err
		})
		for _, to := range []events.Sender{m, m.Shard(at)} {
			shard := -1
			if to != events.Sender(m) {
				shard = at
			}
			send([]string{fmt.Sprintf("send %v by shard %d, 0, for me", op, shard), fmt.Sprintf("sent: done by %d of 3, 0 events", at)}, func() (err error) {
				for _, err = range ask.Chunks(ctx, to) {
				}
				return err
			})
		}
		f.said = nil
		if _, err := (events.UpdatePresence{Status: events.StatusIdle}).SendEvent(ctx, m); err != nil {
			t.Error(err)
		}
		if told := f.told(); len(told) != 2 || told[0] != fmt.Sprintf("send %v by shard -1, 0, for me", events.OpPresenceUpdate) {
			t.Errorf("of a presence for all: %q", told)
		}
		send([]string{fmt.Sprintf("send %v by shard 9, 0, for me", op), "sent: refused by 0 of 0, 0 events"}, func() error { _, err := ask.SendEvent(ctx, m.Shard(9)); return err })
		send([]string{"send Dispatch (0) by shard -1, 0, for me", "sent: refused by 0 of 0, 0 events"}, func() error { _, err := m.Send(ctx, nil); return err })
		var noContext context.Context
		for _, to := range []events.Sender{m, m.Shard(at)} {
			send(nil, func() error {
				if _, err := to.Send(noContext, ask); !errors.Is(err, actors.ErrNilContext) {
					t.Error(err)
				}
				return nil
			})
		}
		send(nil, func() error { var none *shardmanager.Shard; _, err := none.Send(ctx, ask); return err })
	})
}

// TestTracerHearsOfAStreamThatPanics, which goes on to whoever streams.
func TestTracerHearsOfAStreamThatPanics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, f := newGateway(t, gatewaytest.WithGuildsPerShard(1)), new(tracing)
		m := newManager(t, g, shardmanager.WithShards(1), shardmanager.WithTracer(f))
		start(t, m)
		func() {
			defer func() {
				if value := recover(); value != "mine" {
					t.Errorf("it panics with %v", value)
				}
			}()
			_, _ = m.Stream(t.Context(), events.RequestGuildMembers{GuildID: onlyGuild, UserIDs: []events.Snowflake{1}}, func(events.Raw) bool { panic("mine") })
		}()
		if told := f.told(); len(told) != 2 || told[1] != "sent: no answer taken by 0 of 0, 0 events" {
			t.Errorf("%q", told)
		}
	})
}

// TestTracerCostsItsOwnTracesAlone: it panics, ends its goroutine or returns nothing, wherever it is called: events are handled, and send events are sent.
func TestTracerCostsItsOwnTracesAlone(t *testing.T) {
	for what, does := range map[string]func(){"panics": func() { panic(canary) }, "ends its goroutine": runtime.Goexit, "returns nothing": nil} {
		for _, where := range []string{"receive", "handle", "handled", "send", "sent"} {
			t.Run(where+" "+what, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					var log syncBuffer
					core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewDevelopmentEncoderConfig()), &log, zap.ErrorLevel)
					g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
					f := &tracing{nils: does == nil, does: func(at string) {
						if at == where && does != nil {
							does()
						}
					}}
					m := newManager(t, g, shardmanager.WithShards(1), shardmanager.WithTracer(f), shardmanager.WithLogger(zap.New(core)))
					handled, sent := 0, 0
					shardmanager.On(m, func(ctx context.Context, _ *events.MessageCreate, _ events.Meta) {
						handled++
						if _, err := (events.RequestGuildMembers{GuildID: onlyGuild, UserIDs: []events.Snowflake{1}}).SendEvent(ctx, m); err == nil {
							sent++
						} else {
							t.Error(err)
						}
					})
					start(t, m)
					for range 3 {
						g.Shard(0).Dispatch("MESSAGE_CREATE", map[string]any{"id": "1", "channel_id": "2"})
					}
					synctest.Wait()
					if handled != 3 || sent != 3 {
						t.Errorf("%d handled, %d sent", handled, sent)
					}
					text := log.String()
					if n := strings.Count(text, `"M":"tracer panicked"`); does != nil && n != 3 || does == nil && text != "" {
						t.Errorf("%d times in the log: %s", n, text)
					}
					findSecret(t, "log", text, canary)
				})
			})
		}
	}
}

// TestNilTracer: a nil interface is none, a nil pointer a mistake.
func TestNilTracer(t *testing.T) {
	t.Parallel()
	if _, err := shardmanager.New("token", shardmanager.WithTracer(nil)); err != nil {
		t.Error(err)
	}
	var problem *shardmanager.OptionError
	if _, err := shardmanager.New("token", shardmanager.WithTracer((*tracing)(nil))); !errors.As(err, &problem) || problem.Option != "WithTracer" {
		t.Error(err)
	}
}
