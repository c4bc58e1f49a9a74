package session

import (
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// rateSpan is of what time Cursor.EventRate is the average, once the shard has been there for that long.
const rateSpan = 10 * time.Minute

// meter counts what is known of a shard's size.
type meter struct {
	events int           // since
	since  time.Time     // zero: before the first session
	seen   time.Duration // for how long events were counted, rateSpan at the most
}

// count takes an event; READY was counted as its session began. GUILD_CREATE is not among those that make the rate: thousands of them
// follow READY. seq is 0 where the event's own leads nowhere.
func (c *Cursor) count(raw *events.Raw, seq int64) {
	switch raw.Type {
	case events.TypeGuildCreate:
		if c.guilds.took(seq) {
			c.guilds.came(raw)
		}
		return
	case events.TypeGuildDelete:
		if c.guilds.took(seq) {
			c.guilds.went(raw)
		}
	}
	if raw.Type != events.TypeReady {
		c.meter.events++
	}
}

// measure brings the rate up to date.
func (c *Cursor) measure(now time.Time) {
	m := &c.meter
	if took := now.Sub(m.since); !m.since.IsZero() && took > 0 {
		m.seen = min(m.seen+took, rateSpan)
		weight := min(took.Seconds()/m.seen.Seconds(), 1)
		c.EventRate += (float64(m.events)/took.Seconds() - c.EventRate) * weight
	}
	m.since, m.events = now, 0
}
