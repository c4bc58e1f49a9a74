package cutover

import (
	"slices"
	"time"
)

// same reports whether both have shown the same up to an anchor.
func (g *Guild[E]) same(shown, buffer []Event[E]) bool {
	if g.phase == Opening { // of what was before this one alone has the one or the other
		return true
	}
	prints, others := counts(shown), 0
	for _, e := range buffer {
		if !take(prints, e.Print) {
			others++
			g.disordered = g.disordered || g.settled() && e.Anchor != ""
		}
	}
	for _, e := range shown {
		g.disordered = g.disordered || g.settled() && e.Anchor != "" && prints[e.Print] > 0
	}
	if others > 0 || len(shown) != len(buffer) {
		return false
	}
	g.agreed += len(shown)
	return true
}

// reconcile forgets what either has shown before a time, and with it what the other has shown of that.
func (g *Guild[E]) reconcile(before time.Time) {
	early := func(e Event[E]) bool { return e.At.Before(before) }
	if g.phase == Opening {
		if g.lives > 0 { // what either has shown since then has happened since the new session is told of the guild
			g.suspect(g.shown, g.buffer, early)
			g.suspect(g.buffer, g.shown, early)
		}
		g.shown, g.buffer = slices.DeleteFunc(g.shown, early), slices.DeleteFunc(g.buffer, early)
		return
	}
	for _, side := range [...]struct{ of, other *[]Event[E] }{{&g.shown, &g.buffer}, {&g.buffer, &g.shown}} {
		gone := make(map[uint64]int) // early here, and not met there yet
		g.suspect(*side.of, *side.other, early)
		*side.of = slices.DeleteFunc(*side.of, func(e Event[E]) bool {
			if early(e) {
				gone[e.Print]++
			}
			return early(e)
		})
		*side.other = slices.DeleteFunc(*side.other, func(e Event[E]) bool { return take(gone, e.Print) })
		for _, n := range gone {
			g.differed += n
		}
	}
}

// suspect looks for what one has shown that has an identity, and the other has not though it should have: until both show the same again, the guild is not cut in order,
// for the other may be one that is told nothing any more.
func (g *Guild[E]) suspect(of, other []Event[E], early func(Event[E]) bool) {
	for _, e := range of {
		if early(e) && e.Anchor != "" && (g.phase != Opening || e.At.After(g.since)) && index(other, e.Anchor) < 0 {
			g.doubt = true
			if g.phase == Opening {
				g.differed++
			}
		}
	}
}

func (g *Guild[E]) keep(events []Event[E], e Event[E]) []Event[E] {
	events = append(events, e)
	g.overflown = g.overflown || len(events) > g.limits.Held
	return events
}

func index[E any](events []Event[E], anchor string) int {
	if anchor == "" {
		return -1
	}
	return slices.IndexFunc(events, func(e Event[E]) bool { return e.Anchor == anchor })
}
