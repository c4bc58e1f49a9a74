package shardmanager_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// presences are the statuses that the gateway was sent after a frame, in Identifies and by Update Presence.
func presences(t *testing.T, frames []gatewaytest.Frame) (begun, updated []string) {
	t.Helper()
	for _, f := range frames {
		var d struct {
			Status   string
			Presence struct{ Status string }
		}
		switch f.Op {
		case events.OpIdentify, events.OpPresenceUpdate:
			if err := json.Unmarshal(f.Data, &d); err != nil {
				t.Fatal(err)
			}
		}
		switch {
		case f.Op == events.OpIdentify:
			begun = append(begun, d.Presence.Status)
		case f.Op == events.OpPresenceUpdate:
			updated = append(updated, d.Status)
		}
	}
	return begun, updated
}

// TestSnapshotsAndChangedOptions: what a second process resumes, what it begins anew and why, and which presence is sent, by the options
// that the first had, what it sent meanwhile, and the options of the second.
func TestSnapshotsAndChangedOptions(t *testing.T) {
	const (
		resumes = "resumes"
		anew    = "begins anew"
	)
	type options = []shardmanager.Option
	presence := func(status events.Status) shardmanager.Option {
		return shardmanager.WithPresence(events.UpdatePresence{Status: status})
	}
	intents := shardmanager.WithIntents(events.IntentGuilds)
	for _, test := range []struct {
		name          string
		first         options
		sets          events.Status // by the first, while it runs; empty: nothing
		second        options
		want          string
		begun         string // the presence of the Identify, where it begins anew
		updated       string // those of Update Presence in the second, after a Resume
		saysOfWhy     []string
		freshByOption bool
	}{
		{name: "nothing changes", want: resumes},
		{name: "the same presence", first: options{presence("idle")}, second: options{presence("idle")}, want: resumes},
		{name: "another presence", first: options{presence("idle")}, second: options{presence("dnd")}, want: resumes, updated: "dnd"},
		{name: "a presence, after none", second: options{presence("dnd")}, want: resumes, updated: "dnd"},
		{name: "none, after a presence", first: options{presence("idle")}, want: resumes},
		{name: "one was set", sets: "dnd", want: resumes, updated: "dnd"},
		{name: "one was set, after the option's", first: options{presence("idle")}, sets: "dnd", want: resumes, updated: "dnd"},
		{name: "one was set, and the option stays", first: options{presence("idle")}, sets: "dnd", second: options{presence("idle")}, want: resumes, updated: "idle"},
		{name: "other intents", second: options{intents}, want: anew, saysOfWhy: []string{"with the intents GUILD_MODERATION|", "which are gone"}},
		{name: "fewer intents and a presence", first: options{presence("idle")}, second: options{intents, presence("dnd")}, want: anew, begun: "dnd", saysOfWhy: []string{"intents"}},
		{name: "other intents, and one was set", sets: "dnd", second: options{intents}, want: anew, saysOfWhy: []string{"intents"}, begun: "dnd"},
		{name: "more intents", first: options{intents}, second: options{shardmanager.WithIntents(events.IntentGuilds | events.IntentGuildMessages)}, want: anew,
			saysOfWhy: []string{"without the intents GUILD_MESSAGES"}},
		{name: "other capabilities", second: options{shardmanager.WithCapabilities(5)}, want: anew, saysOfWhy: []string{"capabilities 0, now 5"}},
		{name: "another threshold", first: options{shardmanager.WithLargeThreshold(250)}, want: anew, saysOfWhy: []string{"large threshold 250, now 50"}},
		{name: "Discord's threshold", first: options{shardmanager.WithLargeThreshold(50)}, want: resumes},
		{name: "all of them", second: options{intents, shardmanager.WithCapabilities(1), shardmanager.WithLargeThreshold(60)}, want: anew,
			saysOfWhy: []string{"intents", "capabilities", "large threshold 50, now 60"}},
		{name: "a fresh one is asked for", second: options{shardmanager.WithFreshSessions()}, want: anew, freshByOption: true},
		{name: "what does not concern the session", second: options{shardmanager.WithCompression(events.CompressionNone), shardmanager.WithQueueLimit(5)}, want: resumes},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				store := session.NewMemoryStore()
				first := newManager(t, g, append(options{shardmanager.WithSessionStore(store)}, test.first...)...)
				start(t, first)
				if test.sets != "" {
					if _, err := (events.UpdatePresence{Status: test.sets}).SendEvent(t.Context(), first); err != nil {
						t.Fatal(err)
					}
				}
				pass(6 * time.Second) // this store keeps no ledger
				closeNow(t, first)
				before, frames := g.Stats(), len(g.Frames(0))

				core, logs := observer.New(zap.WarnLevel)
				var told moves
				second := newManager(t, g, append(options{
					shardmanager.WithSessionStore(store), shardmanager.WithHooks(&told), shardmanager.WithLogger(zap.New(core)),
				}, test.second...)...)
				start(t, second)
				pass(3 * time.Second)
				s := g.Stats()
				if got := map[bool]string{true: resumes, false: anew}[s.Resumes > before.Resumes]; got != test.want || s.Identifies+s.Resumes != before.Identifies+1 {
					t.Fatalf("it %s, with %d identifies and %d resumes; want that it %s", got, s.Identifies, s.Resumes, test.want)
				}
				begun, updated := presences(t, g.Frames(0)[frames:])
				if test.want == anew && !slices.Equal(begun, []string{test.begun}) {
					t.Errorf("the Identify has the presences %q, want %q", begun, test.begun)
				}
				if got := strings.Join(updated, " "); got != test.updated {
					t.Errorf("Update Presence: %q, want %q", got, test.updated)
				}
				why := told.termsError()
				if reasoned := test.want == anew && !test.freshByOption; (why != nil) != reasoned {
					t.Errorf("told: %v", why)
				}
				for _, word := range test.saysOfWhy {
					if why == nil || !strings.Contains(why.Error(), word) || logs.FilterMessage("stored session not resumed").Len() != 1 {
						t.Errorf("%q is not in %v, or not logged: %v", word, why, logs.All())
					}
				}
				frames = len(g.Frames(0))
				g.Shard(0).Drop()
				pass(10 * time.Second)
				if _, updated = presences(t, g.Frames(0)[frames:]); len(updated) > 0 {
					t.Errorf("after a further Resume: %q, want none", updated)
				}
				closeNow(t, second)
				g.RequireNoViolations(t)
			})
		})
	}
}

// moves keeps what a hook is told of them.
type moves struct{ all []shardmanager.Change }

func (m *moves) OnChange(change shardmanager.Change) { m.all = append(m.all, change) }

// termsError is the cause of the move that gave up a stored session, or nil.
func (m *moves) termsError() error {
	for _, change := range m.all {
		var why *session.TermsError
		if errors.As(change.Cause, &why) {
			if !change.Lost || change.To != session.Connecting {
				return nil
			}
			return why
		}
	}
	return nil
}

// TestPresenceOutlivesTheSession: what was set while the bot runs is what new sessions begin with. A Resume keeps what the session shows.
func TestPresenceOutlivesTheSession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g, shardmanager.WithPresence(events.UpdatePresence{Status: events.StatusIdle}))
		start(t, m)
		for _, status := range []events.Status{events.StatusOnline, events.StatusDoNotDisturb} {
			if _, err := (events.UpdatePresence{Status: status}).SendEvent(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Second) // what is on its way arrives
		g.Shard(0).Drop()
		pass(time.Minute)
		g.Shard(0).InvalidSession(false)
		pass(time.Minute)
		begun, updated := presences(t, g.Frames(0))
		if !slices.Equal(begun, []string{"idle", "dnd"}) || !slices.Equal(updated, []string{"online", "dnd"}) {
			t.Errorf("Identifies %q, updates %q", begun, updated)
		}
		g.RequireNoViolations(t)
	})
}

// TestPresenceOfACallerGoesFirst: what another process has sent is sent again, unless a caller asks for another one meanwhile.
func TestPresenceOfACallerGoesFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := session.NewMemoryStore()
		first := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, first)
		if _, err := (events.UpdatePresence{Status: events.StatusIdle}).SendEvent(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Second)
		closeNow(t, first)
		frames := len(g.Frames(0))
		hold := g.OnConnect(func(int) bool { time.Sleep(5 * time.Second); return false })
		defer hold()
		second := newManager(t, g, shardmanager.WithSessionStore(store))
		if err := second.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := (events.UpdatePresence{Status: events.StatusDoNotDisturb}).SendEvent(t.Context(), second); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if _, updated := presences(t, g.Frames(0)[frames:]); !slices.Equal(updated, []string{"dnd"}) || g.Stats().Resumes != 1 {
			t.Errorf("updates %q, %+v", updated, g.Stats())
		}
		g.RequireNoViolations(t)
	})
}

// TestPresenceThatIsNotAcceptedIsNotRepeated: a gateway that closes on a presence would close on every Resume, and on every Identify.
func TestPresenceThatIsNotAcceptedIsNotRepeated(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		bad := 0
		g.OnFrame(func(f gatewaytest.Frame) bool {
			if f.Op != events.OpPresenceUpdate {
				return false
			}
			bad++
			g.Shard(0).Close(events.CloseDecodeError)
			return true
		})
		_, _ = events.UpdatePresence{Status: events.StatusIdle}.SendEvent(t.Context(), m) // whether it fails is no matter here
		pass(time.Hour)
		if s := g.Stats(); bad != 1 || s.Identifies != 1 || s.Resumes != 1 || m.Status().Ready() != 1 {
			t.Errorf("%d presences, %+v", bad, s)
		}
	})
}

// TestPresenceThatFitsNoIdentify: it is sent when the session has begun.
func TestPresenceThatFitsNoIdentify(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		long := events.UpdatePresence{Status: events.StatusIdle, Activities: []events.Activity{{Name: strings.Repeat("a", 3900)}}}
		if _, err := long.SendEvent(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		g.Shard(0).InvalidSession(false)
		pass(time.Minute)
		begun, updated := presences(t, g.Frames(0))
		if !slices.Equal(begun, []string{"", ""}) || !slices.Equal(updated, []string{"idle", "idle"}) || m.Status().Ready() != 1 {
			t.Errorf("Identifies %q, updates %q", begun, updated)
		}
		g.RequireNoViolations(t)
	})
}
