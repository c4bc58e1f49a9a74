package session

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// errDeadline is ErrNoAnswer by the time that the asker set.
var errDeadline = fmt.Errorf("%w: %w", ErrNoAnswer, context.DeadlineExceeded)

const (
	answerTimeout = time.Minute     // between a write, or a part of its answer, and the next part
	rejectPeriod  = 2 * time.Second // before a close frame that says a payload could not be read
	// fullListPeriod is between two whole lists of one guild, and stands for a RATE_LIMITED that does not say how long to wait.
	fullListPeriod = 30              // seconds
	replayGrace    = 5 * time.Second // after RESUMED, for answers to requests of the lost connection
)

// replies are the Sends of one session that wait for their answer. Answers are
// recognised by nonce where the gateway echoes one, and else by guild, first asked first
// answered. The zero value is ready; it belongs to a machine.
type replies struct {
	Part func(id uint64, raw events.Raw) bool // see Host; nil: nobody takes parts

	pending []*pending
	voice   voices
	next    time.Time // no deadline is earlier
}

type pending struct {
	id       uint64
	request  *events.Request // nobody changes it
	written  time.Time
	deadline time.Time // the asker's; zero: none
	patience time.Time // ours: moves with each part of the answer
	orphan   bool      // its connection has ended
	got      []events.Raw
	seen     []uint64           // op 8: a bitmap of the chunks that came
	chunks   int                // op 8: how many came
	missing  []events.Snowflake // op 31: guilds that have not answered
	state    bool               // op 4: the voice state has come
	server   bool               // op 4: the voice server has come
	enough   bool               // op 4: the state is an answer, and a server may follow or not
}

// answered reports whether the gateway answers requests with this opcode at all.
func answered(op events.Opcode) bool { return op != events.OpPresenceUpdate }

// Add begins to wait for the answer to a request that is written now. A zero deadline means
// that the asker has none.
func (r *replies) Add(now time.Time, id uint64, request *events.Request, deadline time.Time) {
	p := &pending{id: id, request: request, written: now, deadline: deadline, patience: now.Add(answerTimeout)}
	p.missing = slices.Clone(request.Guilds)
	r.pending = append(r.pending, p)
	r.next = earliest(r.next, p.due())
}

func (p *pending) due() time.Time { return earliest(p.deadline, p.patience) }

// Next is when Expire should be called; zero: nothing waits.
func (r *replies) Next() time.Time {
	if len(r.pending) == 0 {
		return time.Time{}
	}
	return r.next
}

// Expire ends the requests whose time is up.
func (r *replies) Expire(now time.Time) []Outcome {
	if len(r.pending) == 0 || now.Before(r.next) {
		return nil
	}
	r.next = time.Time{}
	return r.sweep(now, func(p *pending) (bool, error) {
		if !now.Before(p.due()) {
			if p.orphan {
				return true, ErrConnectionLost
			}
			if p.enough {
				return true, nil
			}
			if p.patience.After(p.due()) {
				return true, errDeadline
			}
			return true, ErrNoAnswer
		}
		r.next = earliest(r.next, p.due())
		return false, nil
	})
}

// Disconnected marks what waits: its answer can only come by a replay.
func (r *replies) Disconnected() {
	for _, p := range r.pending {
		p.orphan = true
		if p.enough {
			p.patience = p.written.Add(answerTimeout) // the rest may be among what comes again
		}
	}
}

// Rejected ends what was written right before the gateway closed the connection because it could
// not read a payload (4001, 4002): which one it was it does not say.
func (r *replies) Rejected(now time.Time, reason error) []Outcome {
	return r.sweep(now, func(p *pending) (bool, error) { return !p.orphan && now.Sub(p.written) < rejectPeriod, reason })
}

// Resumed gives what was asked on an earlier connection a last moment.
func (r *replies) Resumed(now time.Time) {
	for _, p := range r.pending {
		if p.orphan {
			p.orphan = !p.enough
			p.patience = now.Add(replayGrace)
			r.next = earliest(r.next, p.patience)
		}
	}
}

// Reset ends all requests, because their session has: with ErrSessionLost, or another reason.
func (r *replies) Reset(now time.Time, reason error) []Outcome {
	r.voice = voices{}
	return r.sweep(now, func(*pending) (bool, error) { return true, reason })
}

// Acknowledged takes a heartbeat's ACK.
func (r *replies) Acknowledged(now time.Time) []Outcome {
	return r.sweep(now, func(p *pending) (bool, error) { return p.request.Op == events.OpHeartbeat && !p.orphan, nil })
}

// Observe takes an event, and returns the requests that it has completed. user is the bot.
func (r *replies) Observe(now time.Time, raw events.Raw, user events.Snowflake) []Outcome {
	switch raw.Type {
	case events.TypeVoiceStateUpdate: // these also when nothing waits, to know where the bot is
		return r.voiceState(now, raw, user)
	case events.TypeGuildCreate, events.TypeGuildDelete:
		return r.guild(now, raw, user)
	case events.TypeGuildMembersChunk, events.TypeRateLimited, events.TypeSoundboardSounds,
		events.TypeChannelInfo, events.TypeVoiceServerUpdate:
	default:
		return nil
	}
	if len(r.pending) == 0 && raw.Type != events.TypeVoiceServerUpdate {
		return nil
	}
	if raw.Type == events.TypeRateLimited {
		return r.rateLimited(now, raw)
	}
	part, ok := events.PartOf(raw.Data)
	if !ok {
		return nil // not an answer to anything; its subscribers will hear of the error
	}
	if raw.Type == events.TypeVoiceServerUpdate {
		return r.voiceServer(now, raw, part)
	}
	return r.first(now, raw, func(p *pending) (matches, done bool) {
		switch raw.Type {
		case events.TypeGuildMembersChunk:
			if p.request.Op != events.OpRequestGuildMembers || p.request.Nonce != part.Nonce || p.request.Guild != part.GuildID { //seam:chunk-for-its-request
				return false, false
			}
			return p.chunk(part.Index, part.Count)
		case events.TypeSoundboardSounds:
			i := slices.Index(p.missing, part.GuildID)
			if i < 0 {
				return false, false
			}
			p.missing = slices.Delete(p.missing, i, i+1)
			return true, len(p.missing) == 0
		default: // CHANNEL_INFO
			matches = p.request.Op == events.OpRequestChannelInfo && p.request.Guild == part.GuildID
			return matches, matches
		}
	})
}

// chunk counts one part of a member list; the same part twice counts once.
func (p *pending) chunk(index, count int) (matches, done bool) {
	const most = 1 << 20 // a thousand million members
	if index < 0 || index >= count || count > most {
		return false, false
	}
	if count == 1 && p.chunks == 0 { // as most
		return true, true
	}
	for len(p.seen) <= index/64 {
		p.seen = append(p.seen, 0)
	}
	bit := uint64(1) << (index % 64)
	if p.seen[index/64]&bit != 0 {
		return false, false
	}
	p.seen[index/64] |= bit
	p.chunks++
	return true, p.chunks == count
}

// rateLimited ends the request that the gateway refused to carry out.
func (r *replies) rateLimited(now time.Time, raw events.Raw) []Outcome {
	limited := events.RateLimited{RetryAfter: fullListPeriod}
	if events.DecodeInto(&raw, &limited) != nil || limited.Opcode != events.OpRequestGuildMembers {
		return nil
	}
	for _, full := range [...]bool{true, false} { // it means one: a whole list rather than others, and of two the later, which came too soon
		for i, p := range slices.Backward(r.pending) {
			q := p.request
			if q.Op != limited.Opcode || q.Full != full || q.Nonce != limited.Meta.Nonce || q.Guild != limited.Meta.GuildID || p.chunks > 0 {
				continue
			}
			r.drop(i)
			return []Outcome{p.outcome(now, &events.RateLimitedError{Opcode: q.Op, GuildID: q.Guild, RetryAfter: limited.RetryAfter.Duration()})}
		}
	}
	return nil
}

// first gives the event to the first request that it matches. Requests of a connection that was
// lost come last: the gateway may never have read them.
func (r *replies) first(now time.Time, raw events.Raw, match func(*pending) (matches, done bool)) []Outcome {
	ended, _ := r.match(now, raw, match)
	return ended
}

// match is first, and reports whether there was one.
func (r *replies) match(now time.Time, raw events.Raw, match func(*pending) (matches, done bool)) ([]Outcome, bool) {
	for _, orphan := range [...]bool{false, true} {
		if ended, matched := r.firstOf(orphan, now, raw, match); matched {
			return ended, true
		}
	}
	return nil, false
}

func (r *replies) firstOf(orphan bool, now time.Time, raw events.Raw, match func(*pending) (matches, done bool)) ([]Outcome, bool) {
	for i, p := range r.pending {
		if p.orphan != orphan {
			continue
		}
		matches, done := match(p)
		if !matches {
			continue
		}
		r.keep(p, raw)
		if done {
			r.drop(i)
			return []Outcome{p.outcome(now, nil)}, true
		}
		p.patience = now.Add(answerTimeout)
		if p.enough {
			p.patience = now.Add(serverGrace)
			if half := now.Add(p.deadline.Sub(now) / 2); !p.deadline.IsZero() {
				p.patience = earliest(p.patience, half)
			}
			r.next = earliest(r.next, p.patience)
		}
		return nil, true
	}
	return nil, false
}

// drop takes one out. Most that are answered have waited longest: then the others stay where they are.
func (r *replies) drop(i int) {
	if i == 0 && len(r.pending) > 1 {
		r.pending[0], r.pending = nil, r.pending[1:]
		return
	}
	r.pending = slices.Delete(r.pending, i, i+1)
}

// keep takes a part of an answer.
func (r *replies) keep(p *pending, raw events.Raw) {
	if r.Part == nil || !r.Part(p.id, raw) {
		p.got = append(p.got, raw)
	}
}

// sweep ends all requests for which end says so.
func (r *replies) sweep(now time.Time, end func(*pending) (bool, error)) []Outcome {
	var ended []Outcome
	r.pending = slices.DeleteFunc(r.pending, func(p *pending) bool {
		over, err := end(p)
		if over {
			ended = append(ended, p.outcome(now, err))
		}
		return over
	})
	return ended
}

func (p *pending) outcome(now time.Time, err error) Outcome {
	return Outcome{ID: p.id, Written: p.written, Events: p.got, Err: err, RoundTrip: now.Sub(p.written)}
}
