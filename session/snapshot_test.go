package session_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

var wholeSnapshot = session.Snapshot{
	Shard: events.ShardID{Index: 3, Total: 8}, SessionID: "abc", ResumeURL: "wss://x.discord.gg", Seq: 42, Exact: true, Bot: math.MaxUint64,
	SavedAt: time.Date(2026, 11, 24, 1, 2, 3, 456789, time.UTC),
	Terms:   session.Terms{Known: true, Intents: 513, Capabilities: -5, LargeThreshold: 250}, Presence: `{"since":null,"activities":[],"status":"idle","afk":false}`,
	PresenceUpdated: true, Guilds: 7, GuildsAway: 2, GuildsSeq: 40, EventRate: 2.5, Fence: math.MaxUint64,
}

// TestSnapshotsAreStored: what is written is read, with what a later version adds, and today's form is what it is.
func TestSnapshotsAreStored(t *testing.T) {
	t.Parallel()
	const stored = `{"Version":1,"Shard":[3,8],"SessionID":"abc","ResumeURL":"wss://x.discord.gg","Seq":42,"Exact":true,"Bot":"18446744073709551615",` +
		`"SavedAt":"2026-11-24T01:02:03.000456789Z","Terms":{"Known":true,"Intents":513,"Capabilities":-5,"LargeThreshold":250},` +
		`"Presence":"{\"since\":null,\"activities\":[],\"status\":\"idle\",\"afk\":false}","PresenceUpdated":true,"Guilds":7,"GuildsAway":2,"GuildsSeq":40,"EventRate":2.5,"Fence":18446744073709551615}`
	data, err := json.Marshal(wholeSnapshot)
	if err != nil || string(data) != stored {
		t.Errorf("%s, %v", data, err)
	}
	for name, text := range map[string]string{"as it is": stored, "of a later one": strings.Replace(stored, `{"Version"`, `{"Origin":{"x":[1]},"Version"`, 1)} {
		var got session.Snapshot
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != wholeSnapshot {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// TestSnapshotsOfOtherVersions: the first form, without a version, is read; one that would be misread is not; nor is nonsense. An
// error leaves what was there.
func TestSnapshotsOfOtherVersions(t *testing.T) {
	t.Parallel()
	var got session.Snapshot
	err := json.Unmarshal([]byte(`{"Shard":[3,8],"SessionID":"abc","ResumeURL":"","Seq":42,"Exact":false,"Bot":"5","SavedAt":"2026-11-24T01:02:03Z"}`), &got)
	want := session.Snapshot{Shard: events.ShardID{Index: 3, Total: 8}, SessionID: "abc", Seq: 42, Bot: 5, SavedAt: time.Date(2026, 11, 24, 1, 2, 3, 0, time.UTC)}
	if err != nil || got != want {
		t.Errorf("the first form: %v, %v", got, err)
	}
	const before = `{"Version":1,"Shard":[3,8],"SessionID":"abc","ResumeURL":"","Seq":42,"Exact":false,"Bot":"5","SavedAt":"2026-11-24T01:02:03Z","Guilds":7}`
	counted := want
	counted.Guilds = 7
	if err := json.Unmarshal([]byte(before), &got); err != nil || got != counted {
		t.Errorf("before it was known which guilds are counted: %v, %v", got, err)
	}
	got = want
	if err := json.Unmarshal([]byte(`{"Version":2,"SessionID":"canary"}`), &got); !errors.Is(err, session.ErrSnapshotVersion) || got != want {
		t.Errorf("a later version: %v, %v", got, err)
	}
	for _, text := range []string{`7`, `[]`, `{"Seq":"canary"}`, `{"Seq":1.5}`, `{"Version":"1"}`} {
		if err := json.Unmarshal([]byte(text), &got); err == nil || got != want || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

// TestSnapshotsThatAreChecked: whatever a store gives that cannot be this shard's session is told apart, and not quoted.
func TestSnapshotsThatAreChecked(t *testing.T) {
	t.Parallel()
	now := wholeSnapshot.SavedAt
	long := func(n int) string { return strings.Repeat("a", n) }
	for name, test := range map[string]struct {
		change func(*session.Snapshot)
		good   bool
	}{
		"as saved":          {func(*session.Snapshot) {}, true},
		"another shard":     {func(s *session.Snapshot) { s.Shard.Index = 4 }, false},
		"another total":     {func(s *session.Snapshot) { s.Shard.Total = 16 }, false},
		"no session":        {func(s *session.Snapshot) { s.SessionID = "" }, false},
		"a negative Seq":    {func(s *session.Snapshot) { s.Seq = -1 }, false},
		"nothing came yet":  {func(s *session.Snapshot) { s.Seq = 0 }, true},
		"the last Seq":      {func(s *session.Snapshot) { s.Seq = math.MaxInt64 }, true},
		"a long id":         {func(s *session.Snapshot) { s.SessionID = long(512) }, true},
		"too long an id":    {func(s *session.Snapshot) { s.SessionID = long(513) }, false},
		"an id of control":  {func(s *session.Snapshot) { s.SessionID = "canary\x00" }, false},
		"an id of lines":    {func(s *session.Snapshot) { s.SessionID = "canary\nx" }, false},
		"an id of no text":  {func(s *session.Snapshot) { s.SessionID = "canary\xff" }, false},
		"no URL":            {func(s *session.Snapshot) { s.ResumeURL = "" }, true},
		"too long a URL":    {func(s *session.Snapshot) { s.ResumeURL = "wss://" + long(2048) }, false},
		"a URL of nothing":  {func(s *session.Snapshot) { s.ResumeURL = "canary" }, false},
		"a URL of spaces":   {func(s *session.Snapshot) { s.ResumeURL = "wss://canary x" }, false},
		"a URL of no host":  {func(s *session.Snapshot) { s.ResumeURL = "wss://" }, false},
		"a URL of a page":   {func(s *session.Snapshot) { s.ResumeURL = "https://canary" }, false},
		"a clock ahead":     {func(s *session.Snapshot) { s.SavedAt = now.Add(10 * time.Minute) }, true},
		"of the future":     {func(s *session.Snapshot) { s.SavedAt = now.Add(10*time.Minute + 1) }, false},
		"of no time":        {func(s *session.Snapshot) { s.SavedAt = time.Time{} }, true},
		"of the far future": {func(s *session.Snapshot) { s.SavedAt = now.AddDate(5000, 0, 0) }, false},
	} {
		s := wholeSnapshot
		test.change(&s)
		err := s.Check(wholeSnapshot.Shard, now)
		if (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "aaaa")) {
			t.Errorf("%s: it is quoted: %v", name, err)
		}
	}
}

// TestSnapshotWithOddFields: a field that only serves something else costs itself, and not the session.
func TestSnapshotWithOddFields(t *testing.T) {
	t.Parallel()
	s := wholeSnapshot
	s.Guilds, s.GuildsAway, s.GuildsSeq, s.EventRate, s.Presence = -4, -1, -40, math.NaN(), `{"status":"asleep"}`
	c := s.Cursor()
	if got := c.Snapshot(s.Shard); !c.Resumable() || got.Guilds != 0 || got.GuildsAway != 0 || got.GuildsSeq != 0 || got.EventRate != 0 || got.Presence != "" || got.PresenceUpdated {
		t.Errorf("%+v", c)
	}
	c = wholeSnapshot.Cursor()
	got := c.Snapshot(wholeSnapshot.Shard)
	got.SavedAt, got.Fence = wholeSnapshot.SavedAt, wholeSnapshot.Fence
	if got != wholeSnapshot {
		t.Errorf("%+v", c)
	}
}
