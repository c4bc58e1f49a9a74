// Package cutover decides how each event of a guild is delivered once while two sessions tell of it: the old one, which serves it, and a new one, which is
// to. The two share no sequence. What they share is what has an identity, such as the creation of a message: an anchor.
//
// It is pure: it reads no clock, waits for nothing, and is told what comes. Its premises are those of ADR 14.
package cutover

import (
	"iter"
	"slices"
	"time"
)

// Event is one event of a guild, as one session tells of it.
type Event[E any] struct {
	Of     E
	Seq    int64     // of its session
	Anchor string    // its identity; "": it has none, and another event may be equal to it
	Print  uint64    // a fingerprint of all that it says
	At     time.Time // when it came
}

// Phase is where the cut of a guild stands.
type Phase int

// The phases, in order. A cut that does not come about goes back to Matching.
const (
	Opening  Phase = iota // what happened before the new session was told of the guild is not told apart yet: until an anchor that both show, or until it is quiet
	Matching              // what both tell is compared; the old session's events are delivered
	Cutting               // the old one's events are delivered up to an anchor, and held behind it until the new one shows that
	Cut                   // the new one's events are to be delivered from here on, and are held until Flow
	Flowing               // they are delivered
)

var phaseNames = [...]string{"opening", "matching", "cutting", "cut", "flowing"}

// String is the phase in a word.
func (p Phase) String() string { return phaseNames[p] }

// Limits bound what is kept of a guild, and for how long.
type Limits struct {
	Held   int           // events that are kept, of each session
	Anchor time.Duration // for the new session to show the anchor of a cut
	Slack  time.Duration // by which one session may tell later than the other of what had happened before a heartbeat that was acknowledged
}

// Place is where a guild was cut: up to OldSeq the old session's events were delivered, and behind NewSeq the new one's are.
type Place struct {
	OldSeq, NewSeq int64
	Flagged        bool // by fingerprints: what came twice is not told from what happened twice
}

// Guild is the cut of one guild. Make it with Begin. It is not safe for concurrent use.
type Guild[E any] struct {
	limits Limits
	phase  Phase
	since  time.Time // when the new session was told of the guild, the comparison began, or both have proved to live since the last of these
	lives  int       // how often they have, in this phase
	latest time.Time // event, of either
	wanted bool      // it is to be cut
	away   bool      // the new session is
	anchor string    // Cutting: of the cut
	until  time.Time // Cutting: it is given up; flagged: from when on nothing is matched
	heeded time.Time // flagged: from when on the old one's are not heeded: the new one shows them before until, or nobody has asked for that
	place  Place

	// What either has shown since the last moment up to which both have shown the same.
	shown  []Event[E] // by the old one, and delivered
	buffer []Event[E] // by the new one
	held   []Event[E] // Cutting: by the old one, behind the anchor

	swallow map[uint64]int // flagged: delivered of the old one, and yet to be shown by the new one
	seen    map[uint64]int // flagged: delivered of the new one, and yet to be shown by the old one
	owed    []Event[E]     // flagged: shown by the old one since, and not by the new one

	agreed     int
	disordered bool
	doubt      bool // one has shown what the other has not, and nothing since that both have
	differed   int
	overflown  bool
}

// Begin is the cut of a guild of which the new session was told at a time.
func Begin[E any](limits Limits, at time.Time) *Guild[E] {
	return &Guild[E]{limits: limits, since: at, latest: at}
}

// Joined is the cut of a guild that the bot has joined while both sessions live, so that both tell of it from its first event on: before either has.
func Joined[E any](limits Limits, at time.Time) *Guild[E] {
	return &Guild[E]{limits: limits, since: at, latest: at, phase: Matching, lives: 2}
}

// Flowed is a guild that was cut before.
func Flowed[E any](limits Limits) *Guild[E] { return &Guild[E]{limits: limits, phase: Flowing} }

// Phase is where it stands.
func (g *Guild[E]) Phase() Phase { return g.phase }

// Place is where the guild was cut, from Cut on.
func (g *Guild[E]) Place() Place { return g.place }

// Disordered: the two sessions have shown anchors in different orders.
func (g *Guild[E]) Disordered() bool { return g.disordered }

// Agreed is how many events both sessions have shown, in what was compared at anchors.
func (g *Guild[E]) Agreed() int { return g.agreed }

// Differed is how many events one session has shown, and the other has not, though both have proved to live since. With a few the guild can be cut by
// fingerprints; if it is most, fingerprints are of no use.
func (g *Guild[E]) Differed() int { return g.differed }

// Silent reports whether the new session has shown nothing, though the old one has shown what it should have.
func (g *Guild[E]) Silent() bool { return g.phase <= Matching && g.doubt && g.place.NewSeq == 0 }

// Overflown: more was to be kept than Limits allow.
func (g *Guild[E]) Overflown() bool { return g.overflown }

// Want has the guild cut as soon as it can be.
func (g *Guild[E]) Want() { g.wanted = true }

// Away says whether the new session is away: the guild is not cut to it then, for it may be lost, and the old one lives.
func (g *Guild[E]) Away(away bool) { g.away = away }

// Old takes what the old session shows, and returns what of that session is to be delivered now, in order.
func (g *Guild[E]) Old(e Event[E]) (deliver []Event[E]) {
	switch g.phase {
	case Cut, Flowing:
		g.after(e)
		return nil
	case Cutting:
		if e.At.Before(g.until) {
			g.held = g.keep(g.held, e)
			return nil
		}
		deliver = g.giveUp()
	}
	g.serve(e)
	return append(deliver, e)
}

// serve takes an event of the old session that is delivered.
func (g *Guild[E]) serve(e Event[E]) {
	g.latest, g.place.OldSeq = e.At, e.Seq
	i := index(g.buffer, e.Anchor)
	kept := e
	kept.Of = *new(E) // it is delivered
	if i < 0 {
		if g.shown = g.keep(g.shown, kept); e.Anchor != "" && g.ripe() {
			g.phase, g.anchor, g.until = Cutting, e.Anchor, e.At.Add(g.limits.Anchor)
		}
		return
	}
	if !g.same(append(g.shown[:len(g.shown):len(g.shown)], kept), g.buffer[:i+1]) {
		g.shown = g.keep(g.shown, kept)
		return
	}
	seq := g.buffer[i].Seq
	g.shown, g.buffer, g.doubt = nil, slices.Clone(g.buffer[i+1:]), false
	if g.phase == Opening {
		g.compare(e.At) // the cut is where they have proved to agree
	} else if g.ripe() {
		g.cut(seq)
	}
}

// New takes what the new session shows, and returns what of that session is to be delivered now.
func (g *Guild[E]) New(e Event[E]) (deliver []Event[E]) {
	switch g.phase {
	case Flowing:
		if g.matched(e) {
			return nil
		}
		return []Event[E]{e}
	case Cut:
		if !g.matched(e) {
			g.buffer = g.keep(g.buffer, e)
		}
		return nil
	}
	g.latest, g.place.NewSeq = e.At, e.Seq
	i := index(g.shown, e.Anchor)
	if g.buffer = g.keep(g.buffer, e); i < 0 || !g.same(g.shown[:i+1], g.buffer) {
		return nil
	}
	g.buffer, g.shown = nil, slices.Clone(g.shown[i+1:]) //seam:what-both-have-shown-is-forgotten
	g.doubt = false
	if g.phase == Opening {
		g.compare(e.At)
	}
	if g.phase == Cutting && e.Anchor == g.anchor {
		g.held = nil
		g.cut(e.Seq)
	}
	return nil
}

// Live is told now that both sessions have proved to live: of heartbeats that were sent at a time or later, acknowledgements have come.
// What either has shown before then, the other has shown as well, or never will.
func (g *Guild[E]) Live(both, now time.Time) {
	if g.phase != Opening && g.phase != Matching {
		return
	}
	before := both.Add(-g.limits.Slack)
	g.reconcile(before)
	quiet := g.latest.Before(before) // and both know all
	if g.since.Before(before) {
		g.since = now
		if g.lives++; g.phase == Opening && (quiet || g.settled()) {
			g.compare(now)
		}
	}
	if g.ripe() && quiet && len(g.shown)+len(g.buffer) == 0 {
		g.cut(g.place.NewSeq)
	}
}

// compare begins to compare what the two show.
func (g *Guild[E]) compare(now time.Time) { g.phase, g.since, g.lives = Matching, now, 0 }

// Settled reports whether it may be cut as soon as somebody wants it to be.
func (g *Guild[E]) Settled() bool {
	return g.phase > Matching || g.phase == Matching && g.settled() && !g.doubt
}

// settled reports whether nothing is left of how the phase began: what one had shown by then, the other had shown when both had proved to live for the
// first time, and was forgotten for the second.
func (g *Guild[E]) settled() bool { return g.lives >= 2 }

// ripe reports whether it may be cut.
func (g *Guild[E]) ripe() bool {
	return g.phase == Matching && g.wanted && g.settled() && !g.doubt && !g.away
}

// Tick is told the time now and then, and returns what of the old session is to be delivered now.
func (g *Guild[E]) Tick(now time.Time) (deliver []Event[E]) {
	switch {
	case g.phase == Cutting && !now.Before(g.until):
		return g.giveUp()
	case g.place.Flagged && !g.until.IsZero() && !now.Before(g.until):
		deliver = g.owed
		g.swallow, g.seen, g.owed, g.until = nil, nil, nil, time.Time{}
	}
	return deliver
}

// giveUp ends a cut whose anchor the new session has not shown.
func (g *Guild[E]) giveUp() (deliver []Event[E]) {
	deliver, g.held, g.phase, g.anchor = g.held, nil, Matching, ""
	wanted := g.wanted
	g.wanted = false // or the next anchor would be held for, in the midst of them
	for _, e := range deliver {
		g.serve(e)
	}
	g.wanted = wanted
	return deliver
}

func (g *Guild[E]) cut(newSeq int64) {
	g.phase, g.place.NewSeq, g.shown, g.anchor = Cut, newSeq, nil, ""
}

// Kept are the events that are kept and may still be delivered: of the new session, and of the old one.
func (g *Guild[E]) Kept() iter.Seq[Event[E]] {
	return func(yield func(Event[E]) bool) {
		for _, events := range [...][]Event[E]{g.buffer, g.held, g.owed} {
			for _, e := range events {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// Abandon ends the comparison, and returns what of the old session is to be delivered now. Another Guild takes the place of this one.
func (g *Guild[E]) Abandon() (deliver []Event[E]) {
	if g.phase == Cutting {
		return g.giveUp()
	}
	return nil
}

// Waiting is what of the new session waits for Flow.
func (g *Guild[E]) Waiting() []Event[E] {
	if g.phase != Cut {
		return nil
	}
	return g.buffer
}

// Open reports whether something may still become of what the old session shows.
func (g *Guild[E]) Open() bool { return g.phase != Flowing || g.place.Flagged && !g.until.IsZero() }

// Flow returns what of the new session has waited since the cut. From here on its events are delivered as they come.
func (g *Guild[E]) Flow() (deliver []Event[E]) {
	if g.phase != Cut {
		return nil
	}
	deliver, g.buffer, g.phase = g.buffer, nil, Flowing //seam:what-waited-flows-in-order
	return deliver
}
