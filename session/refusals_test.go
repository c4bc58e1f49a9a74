package session_test

import (
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/session"
)

// TestWaitsGrowWithInvalidSessionsInARow: after op 9 a session waits for one to five seconds, as the gateway used to ask for. From the fourth in a
// row on it waits for longer and longer, until it is Ready.
func TestWaitsGrowWithInvalidSessionsInARow(t *testing.T) {
	t.Parallel()
	// Of each in a row, what the waits of many sessions lie between, and what some exceed.
	bounds := []struct{ least, most, some time.Duration }{
		{1000, 5000, 4500}, {1000, 5000, 4500}, {1000, 5000, 4500}, // no more than the wish
		{1000, 5000, 4500}, {1000, 5000, 4500}, {1000, 7000, 6000}, {2000, 14000, 12000}, {4000, 28000, 24000}, {7500, 45000, 40000}, {7500, 45000, 40000},
	}
	var longest [11]time.Duration
	for seed := range uint64(300) {
		j := newJudge(t.Fatalf)
		m, err := newMachine(j, seed)
		if err != nil {
			t.Fatal(err)
		}
		refused := func(i int) {
			for m.State() != session.Identifying {
				j.expected(m)
			}
			j.feed(m, `{"op":9,"d":false}`, 0)
			wait := j.wake.Sub(j.now)
			longest[i] = max(longest[i], wait)
			if b := bounds[i%len(bounds)]; m.State() != session.Backoff || wait < b.least*time.Millisecond || wait > b.most*time.Millisecond {
				t.Fatalf("after op 9 number %d it waits for %v, want %v to %v ms", i+1, wait, int(b.least), int(b.most))
			}
		}
		for i := range bounds {
			refused(i)
		}
		for m.State() != session.Ready {
			j.expected(m)
		}
		j.expected(m) // an event
		m.Step(j.now, session.Input{Kind: session.Reidentify})
		refused(len(bounds))
	}
	for i, got := range longest {
		if b := bounds[i%len(bounds)]; got < b.some*time.Millisecond {
			t.Errorf("after op 9 number %d no session waits for longer than %v", i+1, got)
		}
	}
}
