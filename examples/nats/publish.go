package main

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// publish has m put the events of some types into the stream, until life ends: end it when m has been closed.
//
// A handler that returns has handled its event. So it returns when the stream has the event, and not before: while NATS is away events wait here, then the shards are
// read no more, and nothing is lost. What had no time before the end comes again, to the process that resumes the sessions.
func publish(life context.Context, m *shardmanager.Manager, js jetstream.JetStream, failed func(error), types ...events.Type) {
	shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, at events.Meta) { // its context ends with the drain's beginning, and the event must get there all the same
		guild := events.GuildOf(&raw)
		message := nats.NewMsg(subject(partition(guild)))
		message.Header.Set("Type", string(raw.Type))
		message.Data = raw.Data
		for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
			ctx, cancel := context.WithTimeout(life, 5*time.Second)
			_, err := js.PublishMsg(ctx, message, jetstream.WithMsgID(identity(raw, at)))
			cancel()
			if err == nil || life.Err() != nil {
				return
			}
			failed(err)
			select {
			case <-time.After(wait):
			case <-life.Done():
			}
		}
	}, shardmanager.WithTypes(types...), shardmanager.WithWorkers(64)) // one guild's events in order, those of others meanwhile
}
