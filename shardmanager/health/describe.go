package health

import (
	"errors"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// describe is a shard that is away, for whoever reads.
func describe(s *shardmanager.ShardStatus, a absent, now time.Time) Away {
	d := Away{
		Shard: s.Shard.Index, Total: s.Shard.Total, Generation: s.Generation, State: s.State.String(), Since: shown(a.since), Ended: a.ended, Counted: !a.counts.After(now),
	}
	if a.missing {
		d.Kind = KindNotTakenOver
		return d
	}
	d.Kind, d.Code = kindOf(s)
	if s.Cause != nil {
		d.Text = oneLine(s.Cause)
	}
	switch s.State {
	case session.Queued:
		d.Next = shown(s.Expected)
	case session.Backoff:
		d.Next = shown(s.Retry)
	}
	return d
}

// kindOf is why a shard is away: what it waits for, or else what went wrong.
func kindOf(s *shardmanager.ShardStatus) (kind Kind, code int) {
	switch s.State {
	case session.Queued:
		return KindQueue, 0
	case session.Identifying:
		return KindIdentifying, 0
	case session.Resuming:
		return KindResuming, 0
	}
	if s.Cause != nil {
		return kindOfCause(s)
	}
	if s.State == session.Idle || s.State == session.Closed {
		return KindNotStarted, 0
	}
	return KindConnecting, 0
}

func kindOfCause(s *shardmanager.ShardStatus) (kind Kind, code int) {
	var (
		budget   *ratelimit.BudgetError
		ledger   *ratelimit.LedgerError
		panicked *shardmanager.PanicError
		closed   *session.CloseError
	)
	switch cause := s.Cause; {
	case s.Quarantined, errors.Is(cause, actors.ErrQuarantined):
		return KindQuarantined, 0
	case errors.As(cause, &budget):
		return KindBudget, 0
	case errors.As(cause, &ledger):
		return KindLedger, 0
	case errors.Is(cause, session.ErrTakenOver):
		return KindTwice, 0
	case errors.As(cause, &closed):
		return KindCloseCode, int(closed.Code)
	case errors.As(cause, &panicked), errors.Is(cause, actors.ErrCrashed):
		return KindPanic, 0
	case errors.Is(cause, session.ErrInvalidSession), errors.Is(cause, session.ErrReconnect), errors.Is(cause, session.ErrNewSession):
		return KindSession, 0
	case errors.Is(cause, actors.ErrClosed): // it was stopped, and is to run again
		return KindNotStarted, 0
	case s.State == session.Backoff, s.State == session.Connecting, s.State == session.AwaitingHello:
		return KindConnection, 0
	}
	return KindOther, 0
}
