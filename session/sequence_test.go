package session_test

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/signalbox-go/signalbox/session"
)

// TestNoSequenceIsMutedOrComesTwice: the gateway counts on, leaves some out, makes mistakes of any size and repeats itself. What was
// not delivered is, what was is not, and when it counts on again Resume names no sequence that it never sent.
func TestNoSequenceIsMutedOrComesTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		j := newJudge(func(format string, args ...any) { t.Fatalf(format, args...) })
		m, err := newMachine(j, 1)
		if err != nil {
			t.Fatal(err)
		}
		for m.State() != session.Ready {
			j.expected(m)
		}
		count := int64(1) // READY
		said := map[int64]bool{1: true}
		say := func(seq int64) {
			given := j.given[seq]
			j.feed(m, fmt.Sprintf(`{"op":0,"t":"X","s":%d,"d":{}}`, seq), 0)
			if !given && !j.given[seq] {
				t.Fatalf("sequence %d is muted, after %d", seq, count)
			}
			said[seq] = true
		}
		for range rapid.IntRange(1, 30).Draw(t, "mistakes") {
			for range rapid.IntRange(1, 5).Draw(t, "run") {
				if count++; !said[count] { // what it said by mistake counts as said
					say(count)
				}
			}
			switch rapid.IntRange(0, 2).Draw(t, "mistake") {
			case 0:
				count += rapid.Int64Range(1, 10).Draw(t, "gap")
			case 1:
				say(rapid.OneOf(rapid.Int64Range(1, 60), rapid.Int64Range(1, math.MaxInt64)).Draw(t, "nonsense"))
			case 2:
				say(rapid.Int64Range(1, count).Draw(t, "repeated or late"))
			}
		}
		for range 3 {
			if count++; !said[count] {
				say(count)
			}
		}
		if j.cursor.Seq > count || !said[j.cursor.Seq] {
			t.Fatalf("a Resume would name %d, and the gateway is at %d", j.cursor.Seq, count)
		}
	})
}
