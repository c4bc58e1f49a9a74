package otel_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestASendIsASpan from the call to the answer, with the moment when it was written.
func TestASendIsASpan(t *testing.T) {
	bubble(t, sdk.AlwaysSample(), nil, func(b *bot) {
		b.start()
		ask := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}, Nonce: "n"}
		b.g.OnFrame(func(f gatewaytest.Frame) bool { // it answers after two seconds
			if f.Op != events.OpRequestGuildMembers {
				return false
			}
			time.AfterFunc(2*time.Second, func() {
				b.g.Shard(0).Dispatch("GUILD_MEMBERS_CHUNK", map[string]any{"guild_id": guild.String(), "chunk_index": 0, "chunk_count": 1, "nonce": "n", "members": []any{}})
			})
			return true
		})
		began := time.Now()
		if _, err := ask.SendEvent(b.Context(), b.m.Priority(shardmanager.High)); err != nil {
			t.Fatal(err)
		}
		sent := b.one("send request_guild_members")
		b.want(sent, map[attribute.Key]string{"signalbox.op": "8", "signalbox.priority": "1", "signalbox.shard": "0", "signalbox.shard_total": "1",
			"signalbox.queued": "0", "signalbox.round_trip": "2", "signalbox.answer_events": "1", "signalbox.stage": "none", "error.type": "none"})
		if len(sent.Events()) != 1 || sent.Events()[0].Name != "written" || !sent.Events()[0].Time.Equal(began) || took(sent) != 2*time.Second || sent.Status().Code != codes.Unset {
			t.Errorf("%v, took %v, %v", sent.Events(), took(sent), sent.Status())
		}
	})
}

// TestAFailedSendSaysHow, by stage and kind, whoever sends and however.
func TestAFailedSendSaysHow(t *testing.T) {
	ask := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}}
	late := func(b *bot) context.Context {
		b.g.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpRequestGuildMembers })
		ctx, cancel := context.WithTimeoutCause(b.Context(), time.Second, context.DeadlineExceeded)
		b.Cleanup(cancel)
		return ctx
	}
	for name, c := range map[string]struct {
		send        func(b *bot) error
		stage, kind string
	}{
		"no answer": {func(b *bot) error { _, err := ask.SendEvent(late(b), b.m); return err }, "written", "deadline_exceeded"},
		"no answer to a stream": {func(b *bot) (err error) {
			for _, err = range ask.Chunks(late(b), b.m.Shard(0)) {
			}
			return err
		}, "written", "deadline_exceeded"},
		"no such shard": {func(b *bot) error { _, err := ask.SendEvent(b.Context(), b.m.Shard(5)); return err }, "refused", "unknown_shard"},
		"wrong":         {func(b *bot) error { _, err := events.RequestGuildMembers{}.SendEvent(b.Context(), b.m); return err }, "refused", "other"},
		"a cause of the sender's": {func(b *bot) error {
			ctx, cancel := context.WithCancelCause(b.Context())
			late(b)
			time.AfterFunc(time.Second, func() { cancel(errors.New("it says " + token)) })
			_, err := ask.SendEvent(ctx, b.m)
			return err
		}, "written", "other"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, sdk.AlwaysSample(), nil, func(b *bot) {
				b.start()
				if err := c.send(b); err == nil {
					t.Fatal("it was carried out")
				}
				sent := b.kept.Ended()[len(b.kept.Ended())-1]
				if sent.Status() != (sdk.Status{Code: codes.Error, Description: c.stage}) || !strings.HasPrefix(sent.Name(), "send ") {
					t.Errorf("%s: %v", sent.Name(), sent.Status())
				}
				b.want(sent, map[attribute.Key]string{"signalbox.stage": c.stage, "error.type": c.kind})
				b.withoutSecrets()
			})
		})
	}
}
