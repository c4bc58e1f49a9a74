package session

import (
	"fmt"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// Cursor is what a session's life hangs on: who it is and how far it has come. It outlives
// the Machine that steps it, so that a crash of the machine's owner costs a Resume and not an
// Identify. It is written by the machine alone, inside Step. The zero value has no session.
type Cursor struct {
	SessionID events.Secret
	ResumeURL events.Secret
	Seq       int64            // how far it has come: the sequence that Resume and heartbeats name
	Session   uint64           // counts the sessions of the shard: see events.Meta
	User      events.Snowflake // the bot itself
	Restored  bool             // from a Snapshot that is not Exact: what comes again may have been handled

	spans  []span // what was delivered; none: all up to Seq, and nothing else
	latest int64  // sequence, of those delivered
}

// Resumable reports whether there is a session to resume.
func (c *Cursor) Resumable() bool { return c.SessionID != "" }

// clear forgets the session, but not how many there were.
func (c *Cursor) clear() {
	*c = Cursor{Session: c.Session, User: c.User}
}

// Snapshot is a session at rest: with the token, all that is needed to resume it, in this
// process or another. SessionID and ResumeURL are secrets: fmt prints them as "[redacted]",
// and a Store must keep them as it would keep the token.
type Snapshot struct {
	Shard     events.ShardID
	SessionID string
	ResumeURL string
	Seq       int64            // every event up to it has been handled
	Exact     bool             // and none after it was begun: nothing can come twice
	Bot       events.Snowflake // whose session it is; 0: not known
	SavedAt   time.Time        // when Seq was true
}

// Cursor is where a session continues that was at rest.
func (s Snapshot) Cursor() Cursor {
	return Cursor{ //seam:restored-session-whole
		SessionID: events.Secret(s.SessionID), ResumeURL: events.Secret(s.ResumeURL), Seq: s.Seq, User: s.Bot, Restored: !s.Exact,
	}
}

// Format prints the snapshot without its secrets, whatever the verb.
func (s Snapshot) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "{shard %v session %v seq %d saved %v}",
		s.Shard, events.Secret(s.SessionID), s.Seq, s.SavedAt.Format(time.RFC3339))
}

// Format prints the cursor as fmt would with %v, whatever the verb: of a value that does not fit
// its verb fmt shows what is inside, secrets too.
func (c Cursor) Format(f fmt.State, _ rune) {
	type plain Cursor
	fmt.Fprintf(f, fmt.FormatString(f, 'v'), plain(c))
}
