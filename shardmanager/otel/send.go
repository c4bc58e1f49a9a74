package otel

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const (
	keyOp        = attribute.Key("signalbox.op")
	keyPriority  = attribute.Key("signalbox.priority")
	keyQueued    = attribute.Key("signalbox.queued")     // seconds
	keyRoundTrip = attribute.Key("signalbox.round_trip") // seconds
	keyEvents    = attribute.Key("signalbox.answer_events")
	keyStage     = attribute.Key("signalbox.stage")
	keyError     = attribute.Key("error.type") // as OpenTelemetry names it
)

// writtenEvent is at the moment when a send event was written.
const writtenEvent = "written"

var client = trace.WithSpanKind(trace.SpanKindClient)

// ops are the send events, as the metrics have them.
var ops = map[events.Opcode]string{
	events.OpPresenceUpdate: "presence_update", events.OpVoiceStateUpdate: "voice_state_update", events.OpRequestGuildMembers: "request_guild_members",
	events.OpRequestSoundboardSounds: "request_soundboard_sounds", events.OpRequestChannelInfo: "request_channel_info",
}

// failures are the kinds of what a send event fails with. The first that fits counts.
var failures = []struct {
	err  error
	kind string
}{
	{actors.ErrQueueFull, "queue_full"}, {actors.ErrNotReady, "not_ready"}, {actors.ErrSuperseded, "superseded"}, {actors.ErrUnknownShard, "unknown_shard"},
	{actors.ErrWrongShard, "wrong_shard"}, {actors.ErrMissingIntent, "missing_intent"}, {actors.ErrCrashed, "crash"}, {actors.ErrPaused, "paused"},
	{actors.ErrDraining, "draining"}, {actors.ErrMoving, "moving"}, {actors.ErrTooLarge, "too_large"}, {actors.ErrReservedEvent, "reserved_event"},
	{actors.ErrClosed, "closing"}, {shardmanager.ErrClosed, "closing"}, {shardmanager.ErrNotStarted, "not_started"},
	{context.DeadlineExceeded, "deadline_exceeded"}, {context.Canceled, "canceled"},
}

func failureKind(err error) string {
	var limited *events.RateLimitedError
	if errors.As(err, &limited) {
		return "rate_limited"
	}
	for _, f := range failures {
		if errors.Is(err, f.err) {
			return f.kind
		}
	}
	return "other"
}

// Send begins a span, below that of the sender's context.
func (t *Tracer) Send(ctx context.Context, s shardmanager.Sending) (context.Context, func(shardmanager.SendEnd)) {
	op, known := ops[s.Op]
	if !known {
		op = "other"
	}
	began := time.Now()
	ctx, span := t.spans.Start(ctx, "send "+op, client, trace.WithTimestamp(began), trace.WithAttributes(keyOp.Int(int(s.Op)), keyPriority.Int(int(s.Priority))))
	if !span.IsRecording() {
		return ctx, nil
	}
	return ctx, func(end shardmanager.SendEnd) {
		if end.Shard.Total > 0 { // it was written
			span.AddEvent(writtenEvent, trace.WithTimestamp(began.Add(end.Queued)))
			span.SetAttributes(keyShard.Int(end.Shard.Index), keyTotal.Int(end.Shard.Total), keyQueued.Float64(end.Queued.Seconds()),
				keyRoundTrip.Float64(end.RoundTrip.Seconds()), keyEvents.Int(end.Events))
		}
		if end.Err != nil {
			failed(span, end.Err)
		}
		span.End()
	}
}

// failed says how a send event has failed, in words of ours alone: an error's text may have anything in it.
func failed(span trace.Span, err error) {
	text, of := "failed", new(actors.SendError)
	if errors.As(err, &of) {
		text = of.Stage.String()
		span.SetAttributes(keyStage.String(text))
		if of.Shard.Total > 0 {
			span.SetAttributes(keyShard.Int(of.Shard.Index), keyTotal.Int(of.Shard.Total))
		}
	}
	span.SetAttributes(keyError.String(failureKind(err)))
	span.SetStatus(codes.Error, text)
}
