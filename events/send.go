package events

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/signalbox-go/signalbox/internal/stack"
)

// Errors that a send event ends in before a token of any rate limit is spent.
var (
	// ErrReservedEvent: Identify and Resume are the session's own to send.
	ErrReservedEvent = errors.New("events: Identify and Resume are sent by the session itself")
	// ErrTooLarge: the payload has more than MaxPayload bytes.
	ErrTooLarge = fmt.Errorf("events: payload over %d bytes: shorten it or split it", MaxPayload)
	// ErrNoSender: the Sender is nil.
	ErrNoSender = errors.New("events: the Sender is nil: pass the Manager, a Shard or an actors.Client")
)

// InvalidError says which field of a send event Discord would not accept, and why.
type InvalidError struct {
	Event   string // the Go name, such as "RequestGuildMembers"
	Field   string
	Problem string // what is wrong and what to do
}

// Error names event, field and problem.
func (e *InvalidError) Error() string {
	return "events: " + e.Event + "." + e.Field + ": " + e.Problem
}

// RateLimitedError says that Discord did not carry out a request, since the limit of this
// kind of request was reached. RetryAfter is how long to wait before asking again.
//
// Source: events/gateway-events#rate-limited
type RateLimitedError struct {
	Opcode     Opcode
	RetryAfter time.Duration
	GuildID    Snowflake // 0 when the limit is not one of a guild
}

// Error names the request, the guild and the wait.
func (e *RateLimitedError) Error() string {
	if e.GuildID == 0 {
		return fmt.Sprintf("events: %v is rate limited: retry after %v", e.Opcode, e.RetryAfter)
	}
	return fmt.Sprintf("events: %v is rate limited for guild %v: retry after %v", e.Opcode, e.GuildID, e.RetryAfter)
}

// Sender carries a send event to the gateway and returns what answered it. A Manager, a Shard
// (one session) and an actors.Client are Senders. Safe for concurrent use.
type Sender interface {
	Send(context.Context, Outgoing) (Answer, error)
}

func send(ctx context.Context, to Sender, e Outgoing) (Answer, error) {
	if to == nil {
		return Answer{}, ErrNoSender
	}
	stack.Reserve1K() // many are sent by a goroutine of their own
	return to.Send(ctx, e)
}

// Streamer is a Sender that hands over the events of an answer one by one, as they arrive:
// Manager, Shard and actors.Client are Streamers. It stops when part returns false.
type Streamer interface {
	Stream(ctx context.Context, out Outgoing, part func(Raw) bool) (Answer, error)
}

// Outgoing is a send event. All send events of this package are, as values.
type Outgoing interface {
	// Request validates the event and makes it ready to be sent. Op is set even with an error.
	Request() (Request, error)
}

// Request is a send event made ready: valid, encoded, and with what is needed to route it and
// to recognise its answer.
type Request struct {
	Op    Opcode
	Data  []byte    // the d field, as JSON
	Guild Snowflake // its shard sends the event; 0: any shard may

	Guilds  []Snowflake // op 31: the guilds that are to answer
	Channel *Snowflake  // op 4: the channel to join; nil: leave
	Nonce   string      // op 8: echoed by the answer
	Full    bool        // op 8: the whole member list, which has a limit of its own
	Needs   Intents     // without these the gateway would not answer
}

// Payload is the whole payload, or ErrTooLarge.
func (r Request) Payload() ([]byte, error) {
	payload := EncodePayload(r.Op, r.Data)
	if len(payload) > MaxPayload {
		return nil, fmt.Errorf("%w: %v has %d", ErrTooLarge, r.Op, len(payload))
	}
	return payload, nil
}

// EncodePayload wraps d, which must be valid JSON, in the envelope of a payload.
func EncodePayload(op Opcode, d []byte) []byte {
	b := strconv.AppendInt(append(make([]byte, 0, len(d)+20), `{"op":`...), int64(op), 10)
	return append(append(append(b, `,"d":`...), d...), '}')
}

// Answer is what a send event ended in: the events that answered it, in order of arrival.
// An event that nothing answers has none; it was written.
type Answer struct {
	Receipt
	Events []Raw

	odd Hearer // nil: nobody hears
}

// Receipt says what carrying a send event took. It is part of every reply.
type Receipt struct {
	Shard     ShardID
	Queued    time.Duration // from the call to the write: waiting for a permit
	RoundTrip time.Duration // from the write to the last part of the answer; 0 if nothing answers
}

// Hearer is a Sender that is told which fields of the answers to what it has sent were left unset: see [OddFieldsError]. Manager and Shard are
// Hearers, and tell log and hook.
type Hearer interface {
	HearOdd(raw Raw, odd *OddFieldsError)
}

// hearer has the Sender hear what is odd in the answer, if it wants to.
func (a *Answer) hearer(by Sender) {
	a.odd, _ = by.(Hearer)
}

// decodeAnswer reads one event of an answer.
func decodeAnswer[E any](answer *Answer, raw *Raw) (*E, error) {
	event := new(E)
	err := DecodeStrict(raw, event)
	if err == nil {
		return event, nil
	}
	if odd := new(OddFieldsError); errors.As(err, &odd) {
		if answer.odd != nil {
			answer.odd.HearOdd(*raw, odd)
		}
		return event, nil
	}
	return event, err
}
