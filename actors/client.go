package actors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
)

// Client carries send events from Go code to a fleet's supervisor. It is an events.Sender:
// safe for concurrent use, and a call costs no actor and no future. A client for all shards
// (Shard -1) sends by guild, and to the lowest shard what has no guild.
type Client struct {
	fleet      *Fleet
	system     *actor.ActorSystem
	supervisor *actor.PID
	shard      int
}

// Client returns a client for one shard, or for all with shard -1.
func (f *Fleet) Client(system *actor.ActorSystem, supervisor *actor.PID, shard int) Client {
	return Client{f, system, supervisor, shard}
}

// Send carries out one send event and returns what answered it. Its error is a *SendError, or
// what makes the event invalid. When ctx ends first, the event is either never written, or the
// error says that it was (SendError.Sent).
func (c Client) Send(ctx context.Context, out events.Outgoing) (events.Answer, error) {
	event, err := out.Request()
	if err != nil {
		return events.Answer{}, &SendError{Shard: c.shard, Op: event.Op, Stage: Refused, Err: err}
	}
	return c.Do(ctx, event)
}

// Do is Send for an event that was made ready before.
func (c Client) Do(ctx context.Context, event events.Request) (events.Answer, error) {
	r, err := c.submit(ctx, event, nil)
	if err != nil {
		return events.Answer{}, err
	}
	select {
	case got := <-r.done:
		return got.answer, got.err
	case <-ctx.Done(): //seam:caller-context-heeded
		return c.giveUp(ctx, r)
	}
}

// submit asks the supervisor. parts is where the answer is to go, if not into the result.
func (c Client) submit(ctx context.Context, event events.Request, parts *parts) (*request, error) {
	r := &request{asked: time.Now(), done: make(chan result, 1), parts: parts}
	r.Op, r.Shard = event.Op, c.shard
	if c.shard < 0 {
		r.Shard = c.fleet.route(event.Guild)
	}
	r.Deadline, _ = ctx.Deadline()
	err := ctx.Err()
	if err == nil {
		err = c.fleet.prepare(r, event)
	}
	if err != nil {
		return nil, &SendError{Shard: r.Shard, Op: r.Op, Stage: Refused, Err: err}
	}
	c.system.Root.Send(c.supervisor, r)
	return r, nil
}

// giveUp ends a request whose context has ended, unless its answer was faster.
func (c Client) giveUp(ctx context.Context, r *request) (events.Answer, error) {
	written, won := r.cancel()
	if !won {
		got := <-r.done
		return got.answer, got.err
	}
	stage := Queued
	if written {
		stage = Written
	}
	return events.Answer{}, &SendError{Shard: r.Shard, Op: r.Op, Stage: stage, Err: context.Cause(ctx)}
}

// route is the shard for a guild, or the lowest shard that runs here if there is none.
func (f *Fleet) route(guild events.Snowflake) int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if guild != 0 && f.total > 0 {
		return events.ShardFor(guild, f.total)
	}
	lowest := -1
	for index := range f.shards {
		if lowest < 0 || index < lowest {
			lowest = index
		}
	}
	return lowest
}

// prepare checks a request against everything that can be known before a permit is spent.
func (f *Fleet) prepare(r *request, event events.Request) error {
	if event.Op == events.OpIdentify || event.Op == events.OpResume {
		return ErrReservedEvent
	}
	f.mu.RLock()
	total, here := f.total, f.shards[r.Shard] != nil
	f.mu.RUnlock()
	if !here || total == 0 {
		return fmt.Errorf("%w: shard %d of %d", ErrUnknownShard, r.Shard, total)
	}
	if missing := event.Needs &^ f.cfg.Identify.Intents; missing != 0 {
		return fmt.Errorf("%w: %v needs %v", ErrMissingIntent, event.Op, missing)
	}
	for _, guild := range append(event.Guilds, event.Guild) {
		if guild != 0 && events.ShardFor(guild, total) != r.Shard {
			return fmt.Errorf("%w: guild %v is shard %d's", ErrWrongShard, guild, events.ShardFor(guild, total))
		}
	}
	payload, err := event.Payload()
	if err != nil {
		return err
	}
	r.event, r.payload, r.serial = event, payload, f.serial.Add(1)
	return nil
}

// Sent reports whether err, from a send event, leaves open that the gateway has seen it.
func Sent(err error) bool {
	var failure *SendError
	return errors.As(err, &failure) && failure.Sent()
}
