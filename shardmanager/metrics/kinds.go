package metrics

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// sentinels are the kinds of causes that are one error each. The first that fits counts: what joins another cause stands before it.
var sentinels = []struct {
	kind string
	err  error
}{
	{"taken_over", session.ErrTakenOver},
	{"quarantined", actors.ErrQuarantined},
	{"crash", actors.ErrCrashed},
	{"stopped_by_others", actors.ErrStoppedByOthers},
	{"deaf", actors.ErrDeaf},
	{"reconnect_asked", session.ErrReconnect},
	{"invalid_session", session.ErrInvalidSession},
	{"new_session", session.ErrNewSession},
	{"zombie", session.ErrZombie},
	{"phase_timeout", session.ErrPhaseTimeout},
	{"bad_frame", session.ErrBadFrame},
	{"too_large", session.ErrTooLarge},
	{"fenced", session.ErrFenced},
	{"closing", actors.ErrClosed},
	{"restart", actors.ErrRestart},
}

// closeCodes are the close codes that have a kind of their own.
var closeCodes = []events.CloseCode{
	events.CloseNormal, events.CloseGoingAway, events.CloseUnknownError, events.CloseUnknownOpcode, events.CloseDecodeError, events.CloseNotAuthenticated,
	events.CloseAuthenticationFailed, events.CloseAlreadyAuthenticated, events.CloseInvalidSeq, events.CloseRateLimited, events.CloseSessionTimedOut,
	events.CloseInvalidShard, events.CloseShardingRequired, events.CloseInvalidAPIVersion, events.CloseInvalidIntents, events.CloseDisallowedIntents,
}

// causes are all kinds of causes.
func causes() []string {
	all := []string{"dial", "network", "budget", "ledger", "terms", "too_old", "panic", "other", "close_other"}
	for _, s := range sentinels {
		all = append(all, s.kind)
	}
	for _, code := range closeCodes {
		all = append(all, closeKind(code))
	}
	return all
}

func closeKind(code events.CloseCode) string { return fmt.Sprintf("close_%d", int(code)) }

// causeKind is the kind of a cause: one of causes, and never its text.
func causeKind(cause error) string {
	for _, s := range sentinels {
		if errors.Is(cause, s.err) {
			return s.kind
		}
	}
	var closed *session.CloseError
	var budget *ratelimit.BudgetError
	var ledger *ratelimit.LedgerError
	var terms *session.TermsError
	var age *session.AgeError
	var panicked *shardmanager.PanicError
	switch {
	case errors.As(cause, &closed):
		for _, code := range closeCodes {
			if code == closed.Code {
				return closeKind(code)
			}
		}
		return "close_other"
	case errors.As(cause, &budget):
		return "budget"
	case errors.As(cause, &ledger):
		return "ledger"
	case errors.As(cause, &terms):
		return "terms"
	case errors.As(cause, &age):
		return "too_old"
	case errors.As(cause, &panicked):
		return "panic"
	case cause == nil:
		return "other"
	}
	// The types of the transport's errors are not exported: how their texts begin tells them apart from causes of this process.
	switch text := cause.Error(); {
	case strings.HasPrefix(text, "transport: dial: "):
		return "dial"
	case strings.HasPrefix(text, "transport: "):
		return "network"
	}
	return "other"
}

// When a connection was lost, or did not come about.
const (
	inReady    = "ready"
	inDialling = "dialling"
	inStarting = "starting"
)

func during(s session.State) string {
	switch s {
	case session.Ready:
		return inReady
	case session.Connecting:
		return inDialling
	}
	return inStarting
}

// stateNames are the states, as labels.
var stateNames = map[session.State]string{
	session.Idle: "idle", session.Connecting: "connecting", session.AwaitingHello: "awaiting_hello", session.Queued: "queued", session.Identifying: "identifying",
	session.Resuming: "resuming", session.Ready: "ready", session.Backoff: "backoff", session.Closed: "closed",
}

var roles = []actors.Role{actors.Serving, actors.Warming, actors.Retiring}

// ops are the send events, as labels.
var ops = map[events.Opcode]string{
	events.OpPresenceUpdate: "presence_update", events.OpVoiceStateUpdate: "voice_state_update", events.OpRequestGuildMembers: "request_guild_members",
	events.OpRequestSoundboardSounds: "request_soundboard_sounds", events.OpRequestChannelInfo: "request_channel_info",
}

const otherOp = "other"

func opName(op events.Opcode) string {
	if name, ok := ops[op]; ok {
		return name
	}
	return otherOp
}

// outcomes are how a send event may end.
var outcomes = []string{"done", "refused", "not_written", "given_up", "superseded", "unanswered", "denied", "lost"}

// outcomeOf is how a send event has ended: one of outcomes.
func outcomeOf(moved *actors.SendMoved) string {
	err := moved.Err
	if err == nil {
		return "done"
	}
	var failed *actors.SendError
	switch {
	case errors.Is(err, actors.ErrSuperseded):
		return "superseded"
	case moved.GivenUp, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), !errors.As(err, &failed):
		return "given_up"
	}
	switch failed.Stage {
	case actors.Refused:
		return "refused"
	case actors.Queued, actors.Admitted:
		return "not_written"
	case actors.Denied:
		return "denied"
	case actors.Lost:
		return "lost"
	}
	return "unanswered"
}
