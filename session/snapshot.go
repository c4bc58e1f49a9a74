package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/signalbox-go/signalbox/events"
)

// Snapshot is a session at rest: with the token, all that is needed to resume it, in this
// process or another. SessionID and ResumeURL are secrets: fmt prints them as "[redacted]",
// and a Store must keep them as it would keep the token. MarshalJSON and UnmarshalJSON are the form in which to
// store it: they know its version, secrets and all.
type Snapshot struct {
	Shard     events.ShardID
	SessionID string
	ResumeURL string
	Seq       int64            // every event up to it has been handled
	Exact     bool             // and none after it was begun: nothing can come twice
	Bot       events.Snowflake // whose session it is; 0: not known
	SavedAt   time.Time        // when Seq was true

	Terms    Terms  `json:",omitzero"` // what the session began with
	Presence string `json:",omitzero"` // the latest, as the d field of Update Presence; empty: there is none, or it is not known
	// PresenceUpdated: the session did not begin with Presence. Nothing acknowledges a presence, so the next process sends it again.
	PresenceUpdated bool    `json:",omitzero"`
	Guilds          int     `json:",omitzero"` // that the session tells of, those in an outage included; 0: none, or not known
	GuildsAway      int     `json:",omitzero"` // of Guilds: that have not come since READY, or are in an outage
	GuildsSeq       int64   `json:",omitzero"` // the latest event that is counted in Guilds: those up to it are not counted again
	EventRate       float64 `json:",omitzero"` // a slow average of events in a second
	// Fence is of whoever saves it: the higher one owns the shard's snapshot. See Store.
	Fence uint64 `json:",omitzero"`
}

// Cursor is where a session continues that was at rest.
func (s Snapshot) Cursor() Cursor {
	c := Cursor{ //seam:restored-session-whole
		SessionID: events.Secret(s.SessionID), ResumeURL: events.Secret(s.ResumeURL), Seq: s.Seq, User: s.Bot, Restored: !s.Exact,
		Terms: s.Terms,
	}
	if !s.SavedAt.IsZero() {
		c.saved = s.SavedAt.UnixMicro()
	}
	c.guilds = guilds{count: max(s.Guilds, 0), seq: max(s.GuildsSeq, 0)}
	c.guilds.unnamed = min(max(s.GuildsAway, 0), c.guilds.count)
	if sendable(s.Presence) {
		c.Presence, c.shown, c.updated, c.again = s.Presence, s.Presence, s.PresenceUpdated, s.PresenceUpdated
	}
	if s.EventRate > 0 && !math.IsInf(s.EventRate, 0) {
		c.EventRate, c.meter.seen = s.EventRate, rateSpan
	}
	return c
}

// Format prints the snapshot without its secrets, whatever the verb.
func (s Snapshot) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "{shard %v session %v seq %d saved %v}",
		s.Shard, events.Secret(s.SessionID), s.Seq, s.SavedAt.Format(time.RFC3339))
}

// snapshotVersion is raised when those who know the version before would misread what is written. Fields that they do not know
// they leave out.
const snapshotVersion = 1

// ErrSnapshotVersion is why a snapshot cannot be read that a later version of this library has written.
var ErrSnapshotVersion = errors.New("session: the snapshot is of a later version of this library: update the library, or let its session go")

// record is a Snapshot as it is stored. The first ones had no version, and no more than SavedAt and what is before it.
type record struct {
	Version int
	plain
}

type plain Snapshot

// MarshalJSON is the snapshot as it is stored, with its version and its secrets.
func (s Snapshot) MarshalJSON() ([]byte, error) {
	return json.Marshal(record{snapshotVersion, plain(s)})
}

// UnmarshalJSON reads a stored snapshot, of this version or of one before it; of a later one the error is ErrSnapshotVersion.
// Fields that it does not know cost nothing.
func (s *Snapshot) UnmarshalJSON(data []byte) error {
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("session: a stored snapshot cannot be read: %w", err)
	}
	if r.Version > snapshotVersion {
		return fmt.Errorf("%w: version %d, and this one knows %d", ErrSnapshotVersion, r.Version, snapshotVersion)
	}
	*s = Snapshot(r.plain)
	return nil
}

const (
	maxSessionID = 512  // bytes; Discord's have 32
	maxURL       = 2048 // bytes
	maxAhead     = 10 * time.Minute
)

// Check says why a snapshot that a store gives for a shard is not to be resumed, whoever has damaged or mistaken it; nil: it is.
// The error quotes nothing of it.
func (s Snapshot) Check(shard events.ShardID, now time.Time) error {
	switch {
	case s.Shard != shard:
		return fmt.Errorf("it is shard %v's", s.Shard)
	case s.SessionID == "":
		return errors.New("it names no session")
	case len(s.SessionID) > maxSessionID || !clean(s.SessionID):
		return fmt.Errorf("its session id, of %d bytes, cannot be one of Discord's", len(s.SessionID))
	case !usable(s.ResumeURL):
		return fmt.Errorf("its resume URL, of %d bytes, is none", len(s.ResumeURL))
	case s.Seq < 0:
		return fmt.Errorf("its sequence is %d", s.Seq)
	case s.SavedAt.Sub(now) > maxAhead:
		return fmt.Errorf("it was saved at %v, which is yet to come: look at the clocks", s.SavedAt.Format(time.RFC3339))
	}
	return nil
}

// clean reports whether text has nothing that no id or URL has.
func clean(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) })
}

// usable reports whether a resume URL is one of a gateway, or is left out. Whether it may be dialled is decided where it is.
func usable(text string) bool {
	scheme, rest, found := strings.Cut(text, "://")
	gateway := found && (strings.EqualFold(scheme, "wss") || strings.EqualFold(scheme, "ws")) && rest != ""
	return text == "" || gateway && len(text) <= maxURL && clean(text)
}
