package shardmanager

import (
	"context"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
)

// Priority orders the send events that wait for a permit on one shard: strictly, so that Low ones wait for as long as any other
// can go. Among equals, who asked first is sent first. It is an [actors.Priority].
type Priority = actors.Priority

// The priorities.
const (
	Normal = actors.Normal // of whoever names none
	High   = actors.High   // such as what a person waits for
	Low    = actors.Low    // such as what fills a cache; give it a context that ends
)

// PrioritySender is a Manager as a Sender with a priority: an events.Sender and events.Streamer. Make it with Manager.Priority. It is a
// small value, safe for concurrent use.
type PrioritySender struct {
	manager  *Manager
	priority Priority
}

// Priority is the Manager as a Sender whose events go before or after others that wait for a permit:
//
//	e.SendEvent(ctx, m.Priority(shardmanager.High))
//
// It takes nothing from the others but their turn: an event that can go at once goes at once, whatever its priority.
func (m *Manager) Priority(priority Priority) PrioritySender { return PrioritySender{m, priority} }

// Priority is the shard as a Sender whose events go before or after others that wait: see Manager.Priority.
func (s *Shard) Priority(priority Priority) *Shard {
	if s == nil {
		return nil
	}
	shard := *s
	shard.priority = priority
	return &shard
}

// Send is Manager.Send, with the priority.
func (s PrioritySender) Send(ctx context.Context, out events.Outgoing) (events.Answer, error) {
	if client, ok := s.manager.direct(ctx, out, s.priority); ok {
		return client.Send(ctx, out)
	}
	return s.sendAround(ctx, out)
}

// sendAround is the way of what is no direct send event.
func (s PrioritySender) sendAround(ctx context.Context, out events.Outgoing) (events.Answer, error) {
	if s.manager.cfg.tracer == nil || ctx == nil {
		return s.send(ctx, out)
	}
	return s.manager.follow(ctx, out, Sending{Shard: -1, Priority: s.priority}, func(ctx context.Context) (events.Answer, error) { return s.send(ctx, out) })
}

func (s PrioritySender) send(ctx context.Context, out events.Outgoing) (events.Answer, error) {
	client, err := s.manager.client()
	if err != nil {
		return events.Answer{}, refused(out, err)
	}
	switch e := byValue(out).(type) {
	case events.UpdatePresence:
		return s.sendAll(ctx, e)
	case events.RequestSoundboardSounds:
		if len(e.GuildIDs) > 1 {
			return s.sendSplit(ctx, e)
		}
	}
	return client.Priority(s.priority).Send(ctx, out)
}

// Stream is Manager.Stream, with the priority.
func (s PrioritySender) Stream(ctx context.Context, out events.Outgoing, part func(events.Raw) bool) (events.Answer, error) {
	if s.manager.cfg.tracer == nil || ctx == nil {
		return s.stream(ctx, out, part)
	}
	return s.manager.follow(ctx, out, Sending{Shard: -1, Priority: s.priority}, func(ctx context.Context) (events.Answer, error) { return s.stream(ctx, out, part) })
}

func (s PrioritySender) stream(ctx context.Context, out events.Outgoing, part func(events.Raw) bool) (events.Answer, error) {
	client, err := s.manager.client()
	if err != nil {
		return events.Answer{}, refused(out, err)
	}
	return client.Priority(s.priority).Stream(ctx, out, part)
}

// byValue is an event that several shards may carry out, as a value; any other as it is.
func byValue(out events.Outgoing) events.Outgoing {
	switch e := out.(type) {
	case *events.UpdatePresence:
		if e != nil {
			return *e
		}
	case *events.RequestSoundboardSounds:
		if e != nil {
			return *e
		}
	}
	return out
}
