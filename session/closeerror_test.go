package session_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// TestCloseCodes closes a live session with every code there is, and looks at what the machine
// writes on the next connection, if it makes one.
// Failures: F99, F112.
func TestCloseCodes(t *testing.T) {
	t.Parallel()
	const resume, identify, end = session.Resuming, session.Queued, session.Closed
	for _, row := range []struct {
		code events.CloseCode
		next session.State
	}{
		{0, resume}, // none: lost without a close frame
		{1000, resume}, {1001, resume}, {1002, resume}, {1003, resume}, {1004, resume}, {1005, resume}, {1006, resume}, {1007, resume},
		{1008, resume}, {1009, resume}, {1010, resume}, {1011, resume}, {1012, resume}, {1013, resume}, {1014, resume}, {1015, resume},
		{3000, resume},
		{4000, resume},
		{4001, resume},
		{4002, resume},
		{4003, resume},
		{4004, end},
		{4005, identify},
		{4006, identify},
		{4007, identify},
		{4008, resume},
		{4009, identify},
		{4010, end},
		{4011, end},
		{4012, end},
		{4013, end},
		{4014, end},
		{4999, resume},
	} {
		t.Run(fmt.Sprint(int(row.code)), func(t *testing.T) {
			t.Parallel()
			c := newChat(t, new(sync.Map))
			for _, line := range []string{"resumable", "start", "connected", "hello", "dispatch RESUMED 11"} {
				c.do(line)
			}
			var err error = errors.New("connection reset")
			if row.code != events.CloseNone {
				closed := &session.CloseError{Code: row.code, Reason: strings.Repeat("r", 122) + "\xff"}
				if closed.Fatal() != (row.next == end) || closed.Resumable() != (row.next == resume) {
					t.Errorf("fatal %v, resumable %v", closed.Fatal(), closed.Resumable())
				}
				if text := closed.Error(); !strings.Contains(text, row.code.String()) || !strings.Contains(text, `rr\xff"`) {
					t.Error(text)
				}
				err = closed
			}
			c.step(session.Input{Kind: session.Lost, Err: err})
			if row.next == end {
				if c.machine.State() != session.Closed || !errors.Is(c.machine.Err(), err) || c.cursor.Resumable() {
					t.Errorf("%v, %v", c.machine.State(), c.machine.Err())
				}
				c.do("after 24h")
				c.do("start")
				if c.machine.Conn() != 1 {
					t.Error("it connects again")
				}
				return
			}
			for _, line := range []string{"wait", "connected", "hello"} {
				c.do(line)
			}
			if c.machine.State() != row.next || c.machine.Conn() != 2 || c.cursor.Resumable() != (row.next == resume) {
				t.Errorf("%v on connection %d, want %v", c.machine.State(), c.machine.Conn(), row.next)
			}
		})
	}
}
