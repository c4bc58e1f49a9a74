package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/signalbox-go/signalbox/events"
)

const (
	streamName = "EVENTS"
	partitions = 16 // of guilds; more of them let more workers work at once. Not to be changed while events are in the stream

	ackWait    = 5 * time.Second // after which an event of a worker that is silent is another's
	dedupe     = 2 * time.Minute // in which the stream knows an event that comes twice
	deliveries = 5               // of an event that no worker can handle; then it is given up
)

// partition is where the events of a guild are, in order. Those of no guild, such as direct messages, are in 0.
func partition(guild events.Snowflake) int { return int(uint64(guild) >> 22 % partitions) }

func subject(partition int) string { return fmt.Sprint("events.", partition) }

// identity is the same for an event that comes again, after a Resume or a crash, and for no other: of one session each sequence is of one event.
func identity(raw events.Raw, at events.Meta) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%v %s ", at.Shard, raw.Type)
	_ = binary.Write(sum, binary.BigEndian, at.Seq)
	sum.Write(raw.Data)
	return hex.EncodeToString(sum.Sum(nil))
}

// prepare makes the stream, and for each partition one consumer that all workers share. It changes nothing if they are there.
func prepare(ctx context.Context, js jetstream.JetStream, storage jetstream.StorageType) error {
	_, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: streamName, Subjects: []string{"events.*"}, Storage: storage,
		Retention:  jetstream.WorkQueuePolicy, // what is handled is gone
		Duplicates: dedupe,
	})
	for p := 0; p < partitions && err == nil; p++ {
		_, err = js.CreateOrUpdateConsumer(ctx, streamName, jetstream.ConsumerConfig{
			Durable: fmt.Sprint("partition-", p), FilterSubject: subject(p),
			AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait,
			MaxAckPending: 1, // the next one goes out when this one is handled: that is what keeps the order, whoever works
		})
	}
	return err
}
