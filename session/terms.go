package session

import (
	"fmt"
	"strings"
	"time"

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

// MaxAge is the age from which on a stored session is not resumed: the time since its snapshot was saved, which a Manager does once a minute at least
// while the session lives. Discord keeps a session for "a few minutes" after its connection has ended, and gives no number. To try one that is gone costs a
// connection and some seconds; not to try one that is there costs an Identify, and events. So the bound is many times what the words can
// mean, and what it spares is thousands of connections for nothing after a night.
//
// Source: events/gateway#resuming
const MaxAge = 30 * time.Minute

// AgeError says why a stored session was not resumed: it was older than MaxAge.
type AgeError struct{ Age time.Duration }

// Error tells the age.
func (e *AgeError) Error() string {
	return fmt.Sprintf("session: a new session begins, since the stored one was saved %v ago, and Discord keeps one for a few minutes: if that is not true, look at the clocks", e.Age.Round(time.Second))
}

// outdated is why a session is not to be resumed now, by who wants these terms; nil: it is.
func (c *Cursor) outdated(now time.Time, wanted Terms) error {
	saved := c.saved
	c.saved = 0 // from here on the session is looked after, and does not age
	switch age := now.Sub(time.UnixMicro(saved)); {
	case !c.Resumable():
		return nil
	case c.Terms.Known && c.Terms != wanted:
		return &TermsError{c.Terms, wanted}
	case saved != 0 && age > MaxAge:
		return &AgeError{age}
	}
	return nil
}
