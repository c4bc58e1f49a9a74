package actors

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/session"
)

// TestCauseInAStatus: what went wrong is told with the time at which it began, for as long as it goes on, and no longer.
func TestCauseInAStatus(t *testing.T) {
	refused, lost, taken := errors.New("refused"), errors.New("lost"), fmt.Errorf("%w: lost", session.ErrTakenOver)
	slow := func(after time.Duration) error { return fmt.Errorf("shard 1: no answer within %v", after) }
	type move struct {
		to    session.State
		cause error
		want  error // in the status afterwards
		since int   // the move with which it began, from 1; 0: the status has no time
	}
	for name, moves := range map[string][]move{
		"none": {{session.Connecting, nil, nil, 0}, {session.Ready, nil, nil, 0}},
		"until it is Ready": {
			{session.Backoff, lost, lost, 1}, {session.Connecting, nil, lost, 1}, {session.Resuming, nil, lost, 1}, {session.Ready, nil, nil, 0},
		},
		"the same again": {
			{session.Backoff, refused, refused, 1}, {session.Connecting, nil, refused, 1}, {session.Backoff, refused, refused, 1}, {session.Backoff, refused, refused, 1},
		},
		"the same with other numbers": {
			{session.Backoff, slow(time.Second), slow(time.Second), 1}, {session.Backoff, slow(20 * time.Second), slow(20 * time.Second), 1},
		},
		"another": {
			{session.Backoff, lost, lost, 1}, {session.Backoff, refused, refused, 2}, {session.Connecting, nil, refused, 2}, {session.Backoff, lost, lost, 4},
		},
		"the same after it was Ready": {
			{session.Backoff, lost, lost, 1}, {session.Ready, nil, nil, 0}, {session.Backoff, lost, lost, 3},
		},
		"Ready with a cause of its own": {{session.Backoff, lost, lost, 1}, {session.Ready, refused, nil, 0}},
		"stopped":                       {{session.Backoff, lost, lost, 1}, {session.Closed, ErrClosed, ErrClosed, 2}},
		"stopped without a word":        {{session.Backoff, lost, lost, 1}, {session.Closed, nil, nil, 0}},
		"given up":                      {{session.Ready, nil, nil, 0}, {session.Closed, refused, refused, 2}},
		"taken over": {
			{session.Backoff, taken, taken, 1}, {session.Connecting, nil, taken, 1}, {session.Ready, nil, taken, 1}, {session.Backoff, taken, taken, 1},
		},
		"taken over, then another": {{session.Backoff, taken, taken, 1}, {session.Ready, nil, taken, 1}, {session.Backoff, lost, lost, 3}, {session.Ready, nil, nil, 0}},
		"taken over, and stopped":  {{session.Ready, nil, nil, 0}, {session.Backoff, taken, taken, 2}, {session.Closed, nil, nil, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, keys := boardOf(1)
				times := []time.Time{{}}
				for i, m := range moves {
					time.Sleep(time.Second)
					times = append(times, time.Now())
					b.update(keys[0], func(s *standing) {
						s.state, s.since = m.to, time.Now()
						s.because(session.Change{To: m.to, At: time.Now(), Cause: m.cause})
					})
					s, _ := b.Shard(keys[0])
					if fmt.Sprint(s.Cause) != fmt.Sprint(m.want) || !s.CauseSince.Equal(times[m.since]) {
						t.Fatalf("after move %d, to %v: %v since %v, want %v since %v", i+1, m.to, s.Cause, s.CauseSince, m.want, times[m.since])
					}
				}
			})
		})
	}
}

// TestTakenOverSessionThatStaysReadyIsSound: after a minute, and not before.
func TestTakenOverSessionThatStaysReadyIsSound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, keys := boardOf(1)
		began := time.Now()
		for _, c := range []session.Change{{To: session.Backoff, Cause: session.ErrTakenOver}, {To: session.Ready}} {
			c.At = time.Now()
			b.update(keys[0], func(s *standing) {
				s.state, s.since = c.To, c.At
				s.because(c)
			})
		}
		time.Sleep(time.Minute - time.Nanosecond)
		if s, _ := b.Shard(keys[0]); !errors.Is(s.Cause, session.ErrTakenOver) || !s.CauseSince.Equal(began) {
			t.Errorf("within a minute: %v since %v", s.Cause, s.CauseSince)
		}
		time.Sleep(time.Nanosecond)
		if s, _ := b.Shard(keys[0]); s.Cause != nil || !s.CauseSince.IsZero() {
			t.Errorf("after a minute: %v since %v", s.Cause, s.CauseSince)
		}
	})
}
