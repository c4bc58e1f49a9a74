package sim

import (
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// stalled reports whether we may have stopped to read a connection, since a handler was behind: then what it does
// not hear is our own doing.
func (c *check) stalled(l *link, at time.Duration) bool {
	unfinished, flooded, full, unseen := 0, false, false, make(map[string]bool)
	var told []Record
	for _, r := range c.trace {
		flooded = unfinished >= readerStops || flooded && unfinished > readerGoesOn
		full = len(unseen) >= ownQueue || full && len(unseen) > ownQueue/2
		switch {
		case r.At > at:
			return flooded || full
		case r.Witness == Gateway && r.What == "dispatched" && r.Session == l.session:
			told = append(told, r)
			if unfinished++; r.Type == events.TypeMessageCreate {
				unseen[r.Fact] = true
			}
		case r.Witness == Gateway && r.What == "resumed" && r.Session == l.session: // what comes again may have been handled by a process before
			again := 0
			for _, t := range told {
				if t.Seq <= r.Seq {
					continue
				}
				if again++; t.Type == events.TypeMessageCreate {
					unseen[t.Fact] = true
				}
			}
			unfinished = max(unfinished, again)
		case r.Witness == Handler && r.What == "exit" && r.Session == l.session:
			unfinished--
		case r.Witness == Handler && r.Who == "messages too":
			delete(unseen, r.Fact)
		}
	}
	return false
}

// How many events of a shard may wait for handlers before we stop to read: of the handler of all, and of the one
// that has a queue of its own. What either has stopped goes on when half of that is done.
const (
	readerStops  = 4000
	readerGoesOn = 2000
	ownQueue     = 4
)
