package session

import (
	"encoding/json"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// rateSpan is of what time Cursor.EventRate is the average, once the shard has been there for that long.
const rateSpan = 10 * time.Minute

// meter counts what is known of a shard's size.
type meter struct {
	absent int           // guilds that are to come, by READY, or after an outage
	events int           // since
	since  time.Time     // zero: before the first session
	seen   time.Duration // for how long events were counted, rateSpan at the most
}

// count takes an event. GUILD_CREATE is not among those that make the rate: thousands of them follow READY.
func (c *Cursor) count(raw events.Raw) {
	switch raw.Type {
	case events.TypeReady:
		ready, _ := events.PartOf(raw.Data)
		c.Guilds, c.meter.absent = ready.Guilds, ready.Guilds
	case events.TypeGuildCreate:
		if c.meter.absent > 0 {
			c.meter.absent--
		} else {
			c.Guilds++
		}
	case events.TypeGuildDelete:
		if unavailable(raw.Data) {
			c.meter.absent++
		} else if c.Guilds > 0 {
			c.Guilds--
		}
		fallthrough
	default:
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

// unavailable reports whether GUILD_DELETE tells of an outage, and not of a removal.
//
// Source: events/gateway-events#guild-delete
func unavailable(data []byte) bool {
	var guild struct {
		Unavailable bool `json:"unavailable"`
	}
	return json.Unmarshal(data, &guild) == nil && guild.Unavailable
}
