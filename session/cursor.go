package session

import (
	"fmt"

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
	Terms     Terms            // what the session began with
	Presence  string           // the d field of the latest Update Presence, which new sessions begin with; empty: there is none
	EventRate float64          // a slow average of events in a second
	Restored  bool             // from a Snapshot that is not Exact: what comes again may have been handled

	updated bool   // the session was told what is shown after it began
	again   bool   // another process has told it that, so that it is to be told again
	saved   int64  // Unix microseconds: when the Snapshot was that it is from, until a machine has looked at it; 0: there is none, or it does not say
	shown   string // the presence that the session was told last; empty: not known
	spans   []span // what was delivered; none: all up to Seq, and nothing else
	latest  int64  // sequence, of those delivered
	meter   meter
	guilds  guilds
}

// Resumable reports whether there is a session to resume.
func (c *Cursor) Resumable() bool { return c.SessionID != "" }

// clear forgets the session, but not how many there were, nor what is the shard's.
func (c *Cursor) clear() {
	*c = Cursor{Session: c.Session, User: c.User, Presence: c.Presence, EventRate: c.EventRate, meter: c.meter, guilds: c.guilds}
}

// Snapshot is the session at rest, as the shard's; nothing is Exact that may come twice.
func (c *Cursor) Snapshot(shard events.ShardID) Snapshot {
	return Snapshot{
		Shard: shard, SessionID: c.SessionID.Reveal(), ResumeURL: c.ResumeURL.Reveal(), Seq: c.Seq, Exact: !c.Restored, Bot: c.User,
		Terms: c.Terms, Presence: c.Presence, PresenceUpdated: c.Presence != "" && (c.updated || c.shown != c.Presence),
		Guilds: c.guilds.count, GuildsAway: len(c.guilds.away) + c.guilds.unnamed, GuildsSeq: c.guilds.seq, EventRate: c.EventRate,
	}
}

// Format prints the cursor as fmt would with %v, whatever the verb: of a value that does not fit
// its verb fmt shows what is inside, secrets too.
func (c Cursor) Format(f fmt.State, _ rune) {
	type plain Cursor
	fmt.Fprintf(f, fmt.FormatString(f, 'v'), plain(c))
}
