package gatewaytest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// Violation is something that Discord would have punished, or that breaks the protocol.
type Violation struct {
	At     time.Time
	Shard  events.ShardID // zero before Identify or Resume
	Conn   int            // number of the connection, from 1
	Rule   string         // short and constant, such as "120 in 60 s"
	Detail string
}

// String is one line.
func (v Violation) String() string {
	return fmt.Sprintf("%s shard %v connection %d: %s: %s", v.At.Format("15:04:05.000"), v.Shard, v.Conn, v.Rule, v.Detail)
}

// Frame is one payload that a client has sent.
type Frame struct {
	At    time.Time // when it was read
	Shard events.ShardID
	Conn  int
	Op    events.Opcode
	Data  []byte // the d field; Identify's and Resume's hold the token
}

// Stats counts what has happened since the server was started.
type Stats struct {
	Connections int
	Live        int // connections now
	Identifies  int // that were answered with READY
	Resumes     int // that were answered with RESUMED
	Refused     int // Identifies and Resumes that were answered with op 9 or a close code
	AtResumeURL int // connections to the URL that READY tells for a Resume
	RateLimited int // requests that were answered with RATE_LIMITED
	Frames      int // from clients
	Heartbeats  int
	Dispatched  int // events made, whether or not a client was there
	Ended       int // connections that the client closed with 1000 or 1001
	Discoveries int // GET /gateway/bot
	// Lateness is how long after it was due the latest heartbeat came: the first of a connection
	// is due an interval after Hello, and others each interval after the first.
	Lateness time.Duration
}

// Violations are all violations so far, in order.
func (s *Server) Violations() []Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// RequireNoViolations fails the test for each violation so far.
func (s *Server) RequireNoViolations(tb testing.TB) {
	tb.Helper()
	for _, v := range s.Violations() {
		tb.Errorf("gateway: violation: %v", v)
	}
}

// Stats are the counts so far.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.Live = len(s.conns)
	return stats
}

// Frames are the payloads that clients of the shard have sent, in order, Identify and Resume
// included. At least the latest 10,000 of all shards are kept.
func (s *Server) Frames(shard int) []Frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	var frames []Frame
	for _, f := range s.frames {
		if f.Shard.Index == shard {
			frames = append(frames, f)
		}
	}
	return frames
}

const keptFrames = 10_000

// violate writes a violation down, and returns its detail.
func (s *Server) violate(c *conn, rule, format string, args ...any) (detail string) {
	detail = fmt.Sprintf(format, args...)
	s.violations = append(s.violations, Violation{At: time.Now(), Shard: c.shard, Conn: c.number, Rule: rule, Detail: detail})
	s.note(c, Entry{Kind: Violated, Text: rule + ": " + detail})
	return detail
}

// lets reports whether something that Discord takes, and does not document, is taken here too. It is noted, by a name of its own
// once for each connection.
func (s *Server) lets(c *conn, name, text string) bool {
	if s.set.exact {
		return false
	}
	if !c.noted[name] {
		if c.noted == nil {
			c.noted = make(map[string]bool)
		}
		c.noted[name] = true
		s.note(c, Entry{Kind: Noted, Text: text})
	}
	return true
}

// reasons are the texts of close frames.
//
// Source: topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
var reasons = map[events.CloseCode]string{
	4000: "Unknown error", 4001: "Unknown opcode", 4002: "Decode error", 4003: "Not authenticated", 4004: "Authentication failed",
	4005: "Already authenticated", 4007: "Invalid seq", 4008: "Rate limited", 4009: "Session timed out", 4010: "Invalid shard",
	4011: "Sharding required", 4012: "Invalid API version", 4013: "Invalid intent(s)", 4014: "Disallowed intent(s)",
}

// reason is Discord's reason for a close code and the detail behind it, as far as a close frame has room.
//
// Source: RFC 6455, section 5.5
func reason(code events.CloseCode, detail string) string {
	const room = 123
	text := reasons[code]
	if text != "" && detail != "" {
		text += ": "
	}
	if text += detail; len(text) > room {
		text = strings.ToValidUTF8(text[:room], "")
	}
	return text
}
