package otel_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/otel"
)

// TestChosenBeforeTheSampler: each n-th event of the types, and no other, is what the sampler is asked about.
func TestChosenBeforeTheSampler(t *testing.T) {
	asked := &counting{Sampler: sdk.AlwaysSample()}
	bubble(t, asked, []otel.Option{otel.WithEvery(4), otel.WithTypes(events.TypeMessageCreate), nil}, func(b *bot) {
		handled := 0
		shardmanager.OnRaw(b.m, func(ctx context.Context, raw events.Raw, _ events.Meta) {
			if raw.Type != events.TypeMessageCreate {
				return
			}
			if handled++; trace.SpanContextFromContext(ctx).IsValid() != (handled%4 == 0) {
				t.Errorf("event %d: %v", handled, trace.SpanContextFromContext(ctx))
			}
		})
		b.start()
		for range 10 {
			b.say("text")
			b.g.Shard(0).Dispatch("TYPING_START", map[string]any{})
		}
		synctest.Wait()
		want := []string{"receive MESSAGE_CREATE", "process MESSAGE_CREATE", "receive MESSAGE_CREATE", "process MESSAGE_CREATE"}
		if handled != 10 || !slices.Equal(asked.names, want) {
			t.Errorf("%d events, asked about %q", handled, asked.names)
		}
	})
}

// counting notes what the sampler is asked about. One handler has it asked by one goroutine.
type counting struct {
	sdk.Sampler
	names []string
}

func (c *counting) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	c.names = append(c.names, p.Name)
	return c.Sampler.ShouldSample(p)
}

// TestWhatIsNotSampledHasNoMore: the sampler is asked about the event and about what is sent, and no handler begins a span.
func TestWhatIsNotSampledHasNoMore(t *testing.T) {
	asked := &counting{Sampler: sdk.ParentBased(sdk.NeverSample())}
	bubble(t, asked, []otel.Option{otel.WithTypes(events.TypeMessageCreate)}, func(b *bot) {
		handled := false
		shardmanager.On(b.m, func(ctx context.Context, _ *events.MessageCreate, _ events.Meta) {
			_, err := (events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}}).SendEvent(ctx, b.m)
			handled = err == nil && trace.SpanContextFromContext(ctx).IsValid()
		})
		b.start()
		b.say("text")
		time.Sleep(time.Second)
		synctest.Wait()
		if want := []string{"receive MESSAGE_CREATE", "send request_guild_members"}; !handled || !slices.Equal(asked.names, want) || len(b.kept.Started()) != 0 {
			t.Errorf("handled %v, asked about %q, %d spans", handled, asked.names, len(b.kept.Started()))
		}
	})
}
