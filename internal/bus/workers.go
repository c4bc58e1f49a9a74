package bus

import "github.com/signalbox-go/signalbox/events"

// crew is what a lane has that handles several events at a time. Those of one guild are handled in order, those of different
// guilds at once. An event of no guild, and the first of another session, waits until all before it are handled; the former is
// handled alone. The lane's lock guards it. A nil crew keeps no books.
//
// While a goroutine is idle, that is while there are fewer than there may be, nothing waits that could be handled, unless one of
// them is about to look.
type crew struct {
	guilds  map[events.Snowflake]*guild // of which events wait or are handled
	none    guild                       // of the events of no guild
	workers int                         // goroutines
	session uint64                      // that they are of
	free    int                         // events that wait, and of whose guild none is being handled
}

// guild counts the events of one guild.
type guild struct {
	id    events.Snowflake
	waits int
	busy  bool // one is being handled
}

// queue notes an event that waits from now on.
func (c *crew) queue(id events.Snowflake) *guild {
	if c == nil {
		return nil
	}
	g := &c.none
	if id != 0 {
		if g = c.guilds[id]; g == nil {
			g = &guild{id: id}
			c.guilds[id] = g
		}
	}
	g.waits++
	if !g.busy {
		c.free++
	}
	return g
}

// shed notes that an event of the guild will not be handled.
func (c *crew) shed(g *guild) {
	if c == nil {
		return
	}
	g.waits--
	if !g.busy {
		c.free--
	}
	c.tidy(g)
}

func (c *crew) begin(g *guild, session uint64) {
	c.free -= g.waits
	g.waits--
	g.busy = true
	c.session = session
}

func (c *crew) end(g *guild) {
	if c == nil {
		return
	}
	c.free += g.waits
	g.busy = false
	c.tidy(g)
}

// shedAll notes that nothing that waits will be handled.
func (c *crew) shedAll() {
	if c == nil {
		return
	}
	for _, g := range c.guilds {
		g.waits = 0
		c.tidy(g)
	}
	c.none.waits, c.free = 0, 0
}

func (c *crew) tidy(g *guild) {
	if g.waits == 0 && !g.busy {
		delete(c.guilds, g.id)
	}
}

// handled notes that an event was handled by a goroutine that goes on as another.
func (l *lane) handled(last slot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done(last)
}

// done notes that an event was handled, if there is one.
func (l *lane) done(last slot) {
	if last.it != nil {
		l.calls--
		l.crew.end(last.guild)
	}
}

// joins reports whether one more goroutine may have something to handle, and counts it.
func (l *lane) joins() bool {
	c := l.crew
	if l.busy && (c.workers >= l.sub.Workers || l.choice() < 0) {
		return false
	}
	c.workers++
	return true
}

// choice is where the first event waits that may be handled now, from the queue's beginning. -1: none may.
func (l *lane) choice() int {
	c, waiting := l.crew, l.waiting()
	if c.free == 0 || c.none.busy {
		waiting = nil // of them none may
	}
	for at, s := range waiting {
		switch {
		case s.guild == &c.none:
			if l.calls > 0 { //seam:no-guild-alone
				return -1
			}
			return at
		case !s.guild.busy: //seam:guild-in-order
			if l.calls > 0 && s.it.meta.Session != c.session {
				return -1
			}
			return at
		}
	}
	return -1
}

// choose brings what this goroutine handles next to the front of the queue. It reports false
// when others are at all that can be handled: then the goroutine is counted no more.
func (l *lane) choose() bool {
	c := l.crew
	at := l.choice()
	if at < 0 {
		c.workers--
		return c.workers == 0 // nothing waits: who could be waited for?
	}
	waiting := l.waiting()
	next := waiting[at]
	copy(waiting[1:], waiting[:at])
	waiting[0] = next
	c.begin(next.guild, next.it.meta.Session)
	return true
}
