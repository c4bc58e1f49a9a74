package session

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

const (
	minInterval = time.Second      // a shorter heartbeat interval is a mistake of the gateway
	maxInterval = 10 * time.Minute // and so is a longer one

	// ownFrames is how many frames besides periodic heartbeats a session writes in any 60 s:
	// Identify or Resume, and heartbeats that the gateway asks for. The rate limiter keeps room
	// for as many; see ratelimit.Reserve.
	ownFrames  = 3
	ownPeriod  = 61 * time.Second // the gateway counts arrivals, so a second is added
	maxLate    = time.Second      // of a heartbeat; those after a later one keep their distance from it
	maxSilence = 10 * time.Second // beyond an interval, before a silent connection is a zombie
)

// heartbeat keeps a connection's time: when the next beat is due, and when silence means that
// the connection is dead. The zero value belongs to a connection without Hello.
type heartbeat struct {
	interval time.Duration
	next     time.Time            // when the next periodic beat is due
	late     time.Duration        // how late the latest was
	life     time.Time            // when the last complete frame came
	sent     time.Time            // of the beat that has no ACK yet; zero: none
	behind   time.Time            // since when silence is our own doing, since subscribers are behind; zero: it is not
	own      [ownFrames]time.Time // the latest frames of our own, the oldest first
}

// start begins to beat, first after a random part of the interval so that the shards of a fleet
// do not beat together.
//
// Source: events/gateway#heartbeat-interval
func (h *heartbeat) start(now time.Time, interval time.Duration, random *rand.Rand) {
	h.interval = interval
	h.next = now.Add(time.Duration(random.Int64N(int64(interval)))) //seam:first-beat-within-interval
	h.life = now
}

// due is when the heartbeat wants to be looked at.
func (h *heartbeat) due() time.Time {
	if h.interval == 0 {
		return time.Time{}
	}
	if h.stalled() {
		return h.next
	}
	return earliest(h.next, h.dead())
}

// dead is when the connection counts as a zombie, if nothing comes before. Any complete frame
// is a sign of life, so that an ACK behind a flood of events ends no connection.
func (h *heartbeat) dead() time.Time {
	return h.life.Add(h.interval + min(h.interval, maxSilence)) //seam:silence-has-an-end
}

func (h *heartbeat) zombie(now time.Time) bool {
	return h.interval != 0 && !h.stalled() && !now.Before(h.dead())
}

// stall begins a time in which frames are not read by our own choice.
func (h *heartbeat) stall(now time.Time) {
	if h.behind.IsZero() {
		h.behind = now
	}
}

// flow ends it, and returns how long it was. Silence counts from here.
func (h *heartbeat) flow(now time.Time) time.Duration {
	if h.behind.IsZero() {
		return 0
	}
	took := now.Sub(h.behind)
	h.behind, h.life = time.Time{}, now
	return took
}

func (h *heartbeat) stalled() bool { return !h.behind.IsZero() }

// beat reports whether the periodic heartbeat is due, and sets when the next is. Beats that were
// missed, because the machine slept, are not made up for, and a late one delays the next: two
// that follow each other closely would be more in 60 s than ratelimit.Reserve counts on.
func (h *heartbeat) beat(now time.Time) bool {
	if h.interval == 0 || now.Before(h.next) {
		return false
	}
	h.late = now.Sub(h.next)
	if h.late > maxLate {
		h.next = now
	}
	h.next = h.next.Add(h.interval) //seam:every-interval-has-a-beat
	return true
}

// heard takes a sign of life. One that waited to be told does not make the connection older.
func (h *heartbeat) heard(at time.Time) {
	if at.After(h.life) { //seam:any-frame-is-life
		h.life = at
	}
}

// spare takes one of the frames that the session may write besides periodic heartbeats, if
// more of them are left than are to be kept.
func (h *heartbeat) spare(now time.Time, keep int) bool {
	if last := h.own[keep]; !last.IsZero() && now.Sub(last) < ownPeriod {
		return false
	}
	copy(h.own[:], h.own[1:])
	h.own[ownFrames-1] = now
	return true
}

// tend does what the heartbeat's time asks for. It reports false when the connection is dead.
func (m *Machine) tend() bool {
	if m.beat.zombie(m.now) {
		m.reconnect(fmt.Errorf("%w: nothing came for %v", ErrZombie, m.now.Sub(m.beat.life).Round(time.Millisecond)), events.CloseNone)
		return false
	}
	if m.beat.beat(m.now) {
		_ = m.writeHeartbeat() // Lost follows an error
	}
	return true
}

// answerHeartbeat writes the heartbeat that the gateway asked for. Of a flood of such requests
// only those within the reserve are answered: more would break the limit of 120 frames in 60 s.
func (m *Machine) answerHeartbeat() {
	keep := 0
	if m.state == Queued {
		keep = 1 // for the Identify
	}
	//seam:beat-asked-for-within-reserve
	if m.beat.interval != 0 && m.beat.spare(m.now, keep) { // nothing is written before Hello
		_ = m.writeHeartbeat() // Lost follows an error
	}
}

func (m *Machine) writeHeartbeat() error {
	d := []byte("null")
	if m.cursor.Seq > 0 {
		d = fmt.Append(nil, m.cursor.Seq) //seam:beat-names-last-sequence
	}
	if m.beat.sent.IsZero() {
		m.beat.sent = m.now // before the write: its ACK may be here before the write returns
	}
	return m.host.Write(m.conn, events.OpHeartbeat, events.EncodePayload(events.OpHeartbeat, d))
}

func (m *Machine) acknowledged() {
	if m.beat.sent.IsZero() {
		return // nobody asked
	}
	took := m.now.Sub(m.beat.sent)
	m.beat.sent = time.Time{}
	if m.state == Ready {
		m.cursor.Restored = false // the gateway answers in order: nothing old comes after it
	}
	m.cursor.measure(m.now)
	m.ended(m.replies.Acknowledged(m.now))
	m.cursor.guilds.look()
	m.host.Latency(took, m.beat.late)
}
