package events_test

import (
	"testing"

	"github.com/signalbox-go/signalbox/events"
)

// TestCloseCodes says it all once more, by hand: what is documented, and a code from each range that is not.
// Failures: F112.
func TestCloseCodes(t *testing.T) {
	t.Parallel()
	const resume, fresh, fatal = events.VerdictResume, events.VerdictNewSession, events.VerdictFatal
	for code, want := range map[events.CloseCode]struct {
		verdict events.Verdict
		text    string
		ends    bool
	}{
		0:    {resume, "connection lost without a close frame", false},
		1000: {resume, "1000 normal closure", true}, 1001: {resume, "1001 going away", true},
		1006: {resume, "1006", false}, 1012: {resume, "1012", false}, 3000: {resume, "3000", false},
		4000: {resume, "4000 unknown error", false},
		4001: {resume, "4001 unknown opcode, or an invalid payload for a valid one", false},
		4002: {resume, "4002 decode error, or a payload over 4096 bytes", false},
		4003: {resume, "4003 not authenticated, or the session was invalidated", false},
		4004: {fatal, "4004 authentication failed: check the bot token", false},
		4005: {fresh, "4005 already authenticated", false},
		4006: {fresh, "4006 invalid session", false},
		4007: {fresh, "4007 invalid sequence", false},
		4008: {resume, "4008 rate limited", false},
		4009: {fresh, "4009 session timed out", false},
		4010: {fatal, "4010 invalid shard: ask for the recommended number of shards again", false},
		4011: {fatal, "4011 sharding required: use more shards", false},
		4012: {fatal, "4012 invalid API version: update this library", false},
		4013: {fatal, "4013 invalid intents: a bit is set that no intent has", false},
		4014: {fatal, "4014 disallowed intents: enable the privileged intents in the developer portal, or ask for fewer", false},
		4999: {resume, "4999", false},
	} {
		if code.Verdict() != want.verdict || code.String() != want.text || code.EndsSession() != want.ends {
			t.Errorf("%d: %v, %q, ends %v; want %+v", int(code), code.Verdict(), code, code.EndsSession(), want)
		}
	}
	for verdict, want := range map[events.Verdict]string{resume: "resume", fresh: "new session", fatal: "fatal"} {
		if verdict.String() != want {
			t.Errorf("%v, want %s", verdict, want)
		}
	}
}
