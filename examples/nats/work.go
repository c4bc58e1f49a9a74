package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/signalbox-go/signalbox/events"
)

// job is one event for a worker.
type job struct {
	Type events.Type
	Data []byte // as it came from the gateway
	// Again: somebody may have handled it before, wholly or in part.
	Again bool
}

// work handles events until ctx ends, and then finishes those that it has in hand. Any number of workers may, in any processes. h is called for several guilds at once, and for those of one partition one after
// the other. It has less than ackWait for each; its error has the event come again, before others of the partition.
func work(ctx context.Context, js jetstream.JetStream, h func(context.Context, job) error, failed func(error)) error {
	var running sync.WaitGroup
	defer running.Wait()
	for p := range partitions {
		consumer, err := js.Consumer(ctx, streamName, fmt.Sprint("partition-", p))
		if err != nil {
			return err
		}
		running.Go(func() {
			for ctx.Err() == nil {
				if err := next(ctx, consumer, h); err != nil && ctx.Err() == nil {
					failed(err)
					sleep(ctx, time.Second)
				}
			}
		})
	}
	<-ctx.Done()
	return nil
}

// next handles the next event of a partition, if one comes soon.
func next(ctx context.Context, consumer jetstream.Consumer, h func(context.Context, job) error) error {
	waiting, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	batch, err := consumer.Fetch(1, jetstream.FetchContext(waiting))
	if err != nil {
		return err
	}
	for message := range batch.Messages() {
		about, err := message.Metadata()
		if err != nil {
			return err
		}
		handling, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackWait*8/10)
		err = h(handling, job{events.Type(message.Headers().Get("Type")), message.Data(), about.NumDelivered > 1})
		switch {
		case err == nil:
			err = message.DoubleAck(handling) // which is answered: without the answer the event may come again
		case about.NumDelivered >= deliveries:
			err = fmt.Errorf("an event of type %s is given up after %d tries: %w", message.Headers().Get("Type"), deliveries, err)
			_ = message.Term() // else it would hold up its partition for ever
		default:
			_ = message.NakWithDelay(time.Second)
		}
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
