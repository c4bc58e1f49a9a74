package session_test

import (
	"fmt"
	"math"
	"strings"
	"sync"
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
			switch rapid.IntRange(0, 3).Draw(t, "mistake") {
			case 0:
				count += rapid.Int64Range(1, 10).Draw(t, "gap")
			case 1:
				say(rapid.OneOf(rapid.Int64Range(1, 60), rapid.Int64Range(1, math.MaxInt64)).Draw(t, "nonsense"))
			case 2:
				say(rapid.Int64Range(1, count).Draw(t, "repeated or late"))
			case 3: // it comes through, and counts for nothing
				for seq := rapid.Int64Range(1, count).Draw(t, "RESUMED, once more"); seq > 0; seq-- {
					if j.given[seq] {
						j.feed(m, fmt.Sprintf(`{"op":0,"t":"RESUMED","s":%d,"d":{}}`, seq), 0)
						break
					}
				}
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

// TestMuchThatIsOddIsForgottenOneByOne: of many gaps behind it the session forgets the oldest, and delivers nothing that was missing there any more. Without
// gaps it forgets the furthest of many jumps ahead, which may come twice then. All else is remembered.
func TestMuchThatIsOddIsForgottenOneByOne(t *testing.T) {
	t.Parallel()
	const remembered = 31
	before := func(gap int) int { return 3 + 10*gap } // the last event
	jump := func(i int) int { return 1_000_000 + 10_000*i }
	for _, test := range []struct {
		gaps, jumps      int
		oldest, furthest int // so many are forgotten
	}{
		{0, remembered, 0, 0}, {remembered, 0, 0, 0}, {1, remembered - 1, 0, 0}, {20, 11, 0, 0},
		{0, 32, 0, 1}, {32, 0, 1, 0}, {1, 31, 1, 0}, {31, 1, 1, 0}, {3, 33, 3, 2}, {20, 20, 9, 0}, {0, 40, 0, 9}, {40, 0, 9, 0},
	} {
		for _, downwards := range []bool{false, true} {
			c := newChat(t, new(sync.Map))
			for _, line := range []string{"start", "connected", "hello", "granted", "ready 1"} {
				c.do(line)
			}
			expect := func(what string, seq int, want bool) {
				t.Helper()
				c.out.Reset()
				c.do(fmt.Sprintf("dispatch A %d", seq))
				if got := strings.Contains(c.out.String(), fmt.Sprintf("  deliver A %d ", seq)); got != want {
					t.Fatalf("%+v, downwards %v: %s, %d: delivered %v", test, downwards, what, seq, got)
				}
			}
			for gap := range test.gaps + 1 {
				expect("behind a gap", before(gap)-1, true)
				expect("and the next", before(gap), true)
			}
			for i := range test.jumps {
				if downwards {
					i = test.jumps - 1 - i
				}
				expect("a jump", jump(i), true)
			}
			for i := range test.jumps {
				expect("a jump, again", jump(i), i >= test.jumps-test.furthest)
			}
			for gap := range test.gaps {
				expect("before a gap, again", before(gap), false)
				expect("the last of a gap", before(gap+1)-2, gap >= test.oldest)
			}
			expect("where it goes on", before(test.gaps)+1, true)
		}
	}
}

// TestRowThatComesBackwardsIsRememberedAsOne: it takes no place of others.
func TestRowThatComesBackwardsIsRememberedAsOne(t *testing.T) {
	t.Parallel()
	c := newChat(t, new(sync.Map))
	for _, line := range []string{"start", "connected", "hello", "granted", "ready 1"} {
		c.do(line)
	}
	delivers := func(seq int) bool {
		c.out.Reset()
		c.do(fmt.Sprintf("dispatch A %d", seq))
		return strings.Contains(c.out.String(), fmt.Sprintf("  deliver A %d ", seq))
	}
	const first, last = 1_000_000, 1_000_099
	for _, want := range []bool{true, false} {
		if delivers(5_000_000) != want {
			t.Errorf("a jump beyond them: delivered %v", !want)
		}
		for seq := last; seq >= first; seq-- {
			if delivers(seq) != want {
				t.Fatalf("%d: delivered %v", seq, !want)
			}
		}
	}
}
