package events

import "strconv"

// CloseCode is the status code of a WebSocket close frame. Zero means that the connection
// was lost without one.
//
// Source: topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
type CloseCode int

// The close codes that the gateway documents, those of the WebSocket protocol that end a
// session when a client sends them, and one that is only seen on the wire.
const (
	CloseNone                 CloseCode = 0 // lost without a close frame
	CloseNormal               CloseCode = 1000
	CloseGoingAway            CloseCode = 1001
	CloseUnknownError         CloseCode = 4000
	CloseUnknownOpcode        CloseCode = 4001
	CloseDecodeError          CloseCode = 4002
	CloseNotAuthenticated     CloseCode = 4003
	CloseAuthenticationFailed CloseCode = 4004
	CloseAlreadyAuthenticated CloseCode = 4005
	CloseInvalidSession       CloseCode = 4006
	CloseInvalidSeq           CloseCode = 4007
	CloseRateLimited          CloseCode = 4008
	CloseSessionTimedOut      CloseCode = 4009
	CloseInvalidShard         CloseCode = 4010
	CloseShardingRequired     CloseCode = 4011
	CloseInvalidAPIVersion    CloseCode = 4012
	CloseInvalidIntents       CloseCode = 4013
	CloseDisallowedIntents    CloseCode = 4014
)

// Verdict says what a close code received from the gateway leaves possible.
type Verdict int

// The verdicts, from mild to final.
const (
	VerdictResume     Verdict = iota // the session may live: Resume, which costs nothing
	VerdictNewSession                // the session is gone: Identify
	VerdictFatal                     // connecting again without a change would end the same way
)

// String is the verdict's name: "resume", "new session" or "fatal".
func (v Verdict) String() string {
	return [...]string{"resume", "new session", "fatal"}[v]
}

// closeCodes is the one table of close codes. The documentation has a column "Reconnect";
// the verdict is our reading of it and of the explanations. What is not listed resumes:
// a refused Resume costs nothing, an Identify is counted.
var closeCodes = map[CloseCode]struct {
	verdict Verdict
	text    string
}{
	CloseNone:                 {VerdictResume, "connection lost without a close frame"},
	CloseNormal:               {VerdictResume, "normal closure"},
	CloseGoingAway:            {VerdictResume, "going away"},
	CloseUnknownError:         {VerdictResume, "unknown error"},
	CloseUnknownOpcode:        {VerdictResume, "unknown opcode, or an invalid payload for a valid one"},
	CloseDecodeError:          {VerdictResume, "decode error, or a payload over 4096 bytes"},
	CloseNotAuthenticated:     {VerdictResume, "not authenticated, or the session was invalidated"},
	CloseAuthenticationFailed: {VerdictFatal, "authentication failed: check the bot token"},
	CloseAlreadyAuthenticated: {VerdictNewSession, "already authenticated"},
	CloseInvalidSession:       {VerdictNewSession, "invalid session"},
	CloseInvalidSeq:           {VerdictNewSession, "invalid sequence"},
	CloseRateLimited:          {VerdictResume, "rate limited"},
	CloseSessionTimedOut:      {VerdictNewSession, "session timed out"},
	CloseInvalidShard:         {VerdictFatal, "invalid shard: ask for the recommended number of shards again"},
	CloseShardingRequired:     {VerdictFatal, "sharding required: use more shards"},
	CloseInvalidAPIVersion:    {VerdictFatal, "invalid API version: update this library"},
	CloseInvalidIntents:       {VerdictFatal, "invalid intents: a bit is set that no intent has"},
	CloseDisallowedIntents:    {VerdictFatal, "disallowed intents: enable the privileged intents in the developer portal, or ask for fewer"},
}

// Verdict says what c leaves possible. A code that is not documented gives VerdictResume.
func (c CloseCode) Verdict() Verdict { return closeCodes[c].verdict }

// EndsSession reports whether a client that sends c ends its session by it: the gateway
// forgets a session that is closed with 1000 or 1001, and keeps it for a while after any other.
//
// Source: events/gateway#initiating-a-disconnect
func (c CloseCode) EndsSession() bool { return c == CloseNormal || c == CloseGoingAway }

// String is the code and what it means, such as "4007 invalid sequence".
func (c CloseCode) String() string {
	if row, ok := closeCodes[c]; ok {
		if c == CloseNone {
			return row.text
		}
		return strconv.Itoa(int(c)) + " " + row.text
	}
	return strconv.Itoa(int(c))
}

// Known reports whether c has an entry of its own, so that its Verdict is not the default.
func (c CloseCode) Known() bool {
	_, ok := closeCodes[c]
	return ok
}
