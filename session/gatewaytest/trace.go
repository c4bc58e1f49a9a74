package gatewaytest

import (
	"net"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// Entry is one thing that the server saw or did, for tests that judge a whole run. See WithTrace.
type Entry struct {
	At      time.Time
	Kind    EntryKind
	Conn    int            // number of the connection, from 1; 0: it is about none
	Remote  string         // Opened, Unsecured: the address of the client's end
	Shard   events.ShardID // zero before Identify or Resume
	Session int            // number of the session, from 1; 0: there is none
	Op      events.Opcode  // Received, Sent, Dispatched
	Type    events.Type    // Dispatched, Happened, Missed
	Seq     int64          // Dispatched: its sequence. Resumed: that of the Resume.
	Code    events.CloseCode
	Guild   events.Snowflake // Happened: the guild, 0: none
	Text    string           // Noted: what was taken, and as what it counts. Violated: the rule and the detail. Unsecured: why.
	Data    []byte           // Received, Sent, Dispatched, Happened, Missed: the d field. Began: the session's id. Not to be changed.
}

// EntryKind is what an Entry is about.
type EntryKind string

// The kinds of entries. A payload counts as sent when it is queued for the connection.
const (
	Opened     EntryKind = "opened"     // a WebSocket connection
	Received   EntryKind = "received"   // a payload of the client's was read
	Sent       EntryKind = "sent"       // a payload that is no dispatch
	Dispatched EntryKind = "dispatched" // an event was made, whether or not a client is there
	Began      EntryKind = "began"      // a session, by an Identify
	Resumed    EntryKind = "resumed"    // a session, after all that was missed
	Closing    EntryKind = "closing"    // the server ends a connection, with Code
	Closed     EntryKind = "closed"     // the client ended a connection, with Code
	Gone       EntryKind = "gone"       // the connection has ended
	Happened   EntryKind = "happened"   // an event of the world; Dispatched follows for each session that is told
	Missed     EntryKind = "missed"     // a session was not told of an event of the world: see Script.Lose
	Discovered EntryKind = "discovered" // GET /gateway/bot was answered
	Violated   EntryKind = "violated"   // a violation was written down
	Noted      EntryKind = "noted"      // something was taken that Discord takes and does not document, once for each connection: see WithExact
	Unsecured  EntryKind = "unsecured"  // a TLS handshake has failed, such as since the client does not trust the certificate
)

// WithTrace has f told everything as it happens, one call at a time. f must not call the server.
func WithTrace(f func(Entry)) Option { return func(s *settings) { s.trace = f } }

// OnEntry has f told everything as it happens from now on, as [WithTrace] does: one call at a time, and f must not call the
// server. remove ends it; a call that has begun goes on.
func (s *Server) OnEntry(f func(Entry)) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.traces = append(s.traces, &f)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.traces = slices.DeleteFunc(slices.Clone(s.traces), func(other *func(Entry)) bool { return other == &f })
	}
}

// WithListener makes a server that listens on l, and that is reached by whatever l listens to:
// the server's DialContext and Client connect to l's address by TCP.
func WithListener(l net.Listener) Option { return func(s *settings) { s.listener = l } }

// note tells of an entry. The server's lock must be held.
func (s *Server) note(c *conn, e Entry) {
	if len(s.traces) == 0 {
		return
	}
	e.At = time.Now()
	if c != nil {
		e.Conn, e.Shard = c.number, c.shard
		if c.session != nil {
			e.Session = c.session.number
		}
	}
	for _, f := range s.traces {
		(*f)(e)
	}
}
