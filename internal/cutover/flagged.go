package cutover

import (
	"slices"
	"time"
)

// Suppose has the two count as compared, since one of them does not come to prove that it lives: then the guild can be cut by fingerprints.
func (g *Guild[E]) Suppose() {
	if g.phase == Opening {
		g.phase = Matching
	}
	g.lives = max(g.lives, 2)
}

// CutFlagged cuts the guild now, by fingerprints: what the new session shows within a window is not delivered if it is equal to something that was delivered of the old
// one and that the new one has not shown; and what the old one shows within its first half is delivered in the end if the new one does not show it. It does nothing until the two have been
// compared for so long that both have proved to live, when the guild was cut, and while the new session is away. What it returns is the old session's, and is to be delivered now.
func (g *Guild[E]) CutFlagged(now time.Time, window time.Duration) (deliver []Event[E]) {
	if g.phase != Matching && g.phase != Cutting || !g.settled() || g.away {
		return nil
	}
	if g.phase == Cutting {
		deliver = g.giveUp()
	}
	g.swallow = counts(g.shown)
	newSeq := g.place.NewSeq
	if len(g.buffer) > 0 {
		newSeq = g.buffer[0].Seq - 1
	}
	g.place.Flagged, g.heeded, g.until = true, now.Add(window/2), now.Add(window)
	g.buffer = slices.DeleteFunc(g.buffer, func(e Event[E]) bool { return take(g.swallow, e.Print) })
	g.seen = counts(g.buffer)
	g.cut(newSeq)
	return deliver
}

// Prolong has the window of a flagged cut go on until a time, if the new session, which is known to have lived at another (zero: it is away), has not proved since the
// old one is not heeded any more: what that has shown it may show yet.
func (g *Guild[E]) Prolong(lived, until time.Time) {
	if g.place.Flagged && !g.until.IsZero() && lived.Add(-g.limits.Slack).Before(g.heeded) && until.After(g.until) {
		g.until = until
	}
}

// after takes what the old session shows behind the cut.
func (g *Guild[E]) after(e Event[E]) {
	if g.place.Flagged && !g.until.IsZero() && e.At.Before(g.heeded) && !take(g.seen, e.Print) {
		g.owed = g.keep(g.owed, e)
	}
}

// matched reports whether an event of the new session was delivered of the old one.
func (g *Guild[E]) matched(e Event[E]) bool {
	if !g.place.Flagged || g.until.IsZero() || !e.At.Before(g.until) {
		return false
	}
	if take(g.swallow, e.Print) {
		return true
	}
	if i := slices.IndexFunc(g.owed, func(owed Event[E]) bool { return owed.Print == e.Print }); i >= 0 {
		g.owed = slices.Delete(g.owed, i, i+1)
	} else {
		g.seen[e.Print]++
	}
	return false
}

func counts[E any](events []Event[E]) map[uint64]int {
	prints := make(map[uint64]int, len(events))
	for _, e := range events {
		prints[e.Print]++
	}
	return prints
}

func take(of map[uint64]int, print uint64) bool {
	if of[print] == 0 {
		return false
	}
	of[print]--
	return true
}
