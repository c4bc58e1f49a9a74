package actors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
)

// Client carries send events from Go code to a supervisor. It is an events.Sender:
// safe for concurrent use, and a call costs no actor and no future. It sends by guild, and to the lowest shard that
// serves what has no guild, unless it is For one shard.
type Client struct {
	supervisor *Supervisor
	system     *actor.ActorSystem
	pid        *actor.PID
	shard      *Key // nil: by guild
	priority   Priority
}

// Client returns a client for all shards.
func (s *Supervisor) Client(system *actor.ActorSystem, pid *actor.PID) Client {
	return Client{supervisor: s, system: system, pid: pid}
}

// For returns a client for one shard.
func (c Client) For(shard Key) Client {
	c.shard = &shard
	return c
}

// Priority returns a client whose events go before or after others that wait.
func (c Client) Priority(priority Priority) Client {
	c.priority = priority
	return c
}

// Send carries out one send event and returns what answered it. Its error is a *SendError, or
// what makes the event invalid. When ctx ends first, or the supervisor (ErrClosed), the event is either never
// written, or the error says that it was (SendError.Sent).
func (c Client) Send(ctx context.Context, out events.Outgoing) (events.Answer, error) {
	r := new(request)
	if err := r.read(out); err != nil {
		return events.Answer{}, c.refused(r.event.Op, err)
	}
	if err := c.submit(ctx, r); err != nil {
		return events.Answer{}, err
	}
	return c.await(ctx, r)
}

// Do is Send for an event that was made ready before.
func (c Client) Do(ctx context.Context, event events.Request) (events.Answer, error) {
	r := &request{event: event}
	if err := c.submit(ctx, r); err != nil {
		return events.Answer{}, err
	}
	return c.await(ctx, r)
}

func (c Client) await(ctx context.Context, r *request) (events.Answer, error) {
	select {
	case got := <-r.done:
		return got.answer, got.err
	case <-ctx.Done(): //seam:caller-context-heeded
		return c.giveUp(r, context.Cause(ctx))
	case <-c.supervisor.board.Done():
		return c.giveUp(r, closedBy(c.supervisor.board.Err()))
	}
}

func (c Client) refused(op events.Opcode, err error) error {
	failure := &SendError{Op: op, Stage: Refused, Err: err}
	if c.shard != nil {
		failure.Shard = c.shard.Shard
	}
	return failure
}

// submit asks the supervisor to carry out a request that has its event.
func (c Client) submit(ctx context.Context, r *request) error {
	if ctx == nil {
		return c.refused(r.event.Op, ErrNilContext)
	}
	r.asked, r.done, r.priority = time.Now(), make(chan result, 1), c.priority
	r.deadline, _ = ctx.Deadline()
	if err := ctx.Err(); err != nil {
		return c.refused(r.event.Op, err)
	}
	if err := c.supervisor.board.Err(); err != nil {
		return c.refused(r.event.Op, closedBy(err))
	}
	if err := c.supervisor.prepare(r, c.shard); err != nil {
		return &SendError{Shard: r.key.Shard, Op: r.event.Op, Stage: Refused, Err: err}
	}
	c.system.Root.Send(c.pid, r)
	return nil
}

// giveUp ends a request whose context has ended, or the supervisor, unless its answer was faster.
func (c Client) giveUp(r *request, why error) (events.Answer, error) {
	failure, won := r.cancel(why)
	if !won {
		got := <-r.done
		return got.answer, got.err
	}
	return events.Answer{}, failure
}

// prepare routes a request, and checks it against everything that can be known before a permit is spent.
func (s *Supervisor) prepare(r *request, shard *Key) (err error) {
	event := &r.event
	if event.Op == events.OpIdentify || event.Op == events.OpResume {
		return ErrReservedEvent
	}
	if r.priority < Low || r.priority > High {
		return fmt.Errorf("actors: there is no priority %d", r.priority)
	}
	if shard != nil {
		r.key = *shard
	} else if r.key, err = s.Route(event.Guild); err != nil {
		return err
	}
	if s.board.record(r.key) == nil {
		return fmt.Errorf("%w: %v", ErrUnknownShard, r.key)
	}
	if missing := event.Needs &^ s.intentsOf(r.key); missing != 0 {
		return fmt.Errorf("%w: %v needs %v: identify with it, or ask for what needs none", ErrMissingIntent, event.Op, missing)
	}
	total := r.key.Shard.Total
	for _, guild := range append(event.Guilds, event.Guild) {
		if guild != 0 && events.ShardFor(guild, total) != r.key.Shard.Index {
			return fmt.Errorf("%w: guild %v is shard %d's", ErrWrongShard, guild, events.ShardFor(guild, total))
		}
	}
	if r.payload, err = event.Payload(); err != nil {
		return err
	}
	r.serial, r.observers = s.serial.Add(1), s.observers.send
	r.tell(r.observers, SendMoved{Stage: SendQueued})
	return nil
}

// Sent reports whether err, from a send event, leaves open that the gateway has seen it.
func Sent(err error) bool {
	var failure *SendError
	return errors.As(err, &failure) && failure.Sent()
}
