package session

import (
	"fmt"
	"strings"

	"github.com/signalbox-go/signalbox/events"
)

// Terms are what a session begins with, by its Identify, and keeps until it ends: a Resume cannot change them. The zero value
// is not known.
type Terms struct {
	Known          bool
	Intents        events.Intents
	Capabilities   int64
	LargeThreshold int // as Discord has it: 50 where Identify names none
}

// defaultThreshold is Discord's.
//
// Source: events/gateway-events#identify
const defaultThreshold = 50

func termsOf(e events.Identify) Terms {
	t := Terms{true, e.Intents, e.Capabilities, e.LargeThreshold}
	if t.LargeThreshold == 0 {
		t.LargeThreshold = defaultThreshold
	}
	return t
}

// TermsError says why a stored session was not resumed: it began with other terms than the ones that are wanted now.
type TermsError struct{ Began, Wanted Terms }

// Error names what differs.
func (e *TermsError) Error() string {
	var all []string
	differ := func(differs bool, format string, args ...any) {
		if differs {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	gone, added := e.Began.Intents&^e.Wanted.Intents, e.Wanted.Intents&^e.Began.Intents
	differ(gone != 0, "with the intents %v, which are gone", gone)
	differ(added != 0, "without the intents %v", added)
	differ(e.Began.Capabilities != e.Wanted.Capabilities, "with the capabilities %d, now %d", e.Began.Capabilities, e.Wanted.Capabilities)
	differ(e.Began.LargeThreshold != e.Wanted.LargeThreshold, "with the large threshold %d, now %d", e.Began.LargeThreshold, e.Wanted.LargeThreshold)
	return "session: a new session begins, since the stored one began " + strings.Join(all, ", and ")
}

// outdated is why a session is not to be resumed by who wants these terms; nil: it is.
func (c *Cursor) outdated(wanted Terms) error {
	if !c.Resumable() || !c.Terms.Known || c.Terms == wanted {
		return nil
	}
	return &TermsError{c.Terms, wanted}
}
