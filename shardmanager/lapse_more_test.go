package shardmanager_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestHandlersThatGetNothingAnyMoreAreNamed: those that the intents fed which are left out, by their names, and no others. Of messages without their content that is so too.
func TestHandlersThatGetNothingAnyMoreAreNamed(t *testing.T) {
	const anonymous = "MESSAGE_CREATE (github.com/signalbox-go/signalbox/shardmanager_test.unhurried)"
	for allowed, want := range map[events.Intents][]string{
		needsPresences:                {anonymous, "commands", "edits", "roles", "welcome"},
		needsPresences | needsContent: {"roles", "welcome"},
		needsPresences | needsMembers: {anonymous, "commands", "edits"},
		needsContent | needsMembers:   {"presences"},
	} {
		t.Run(allowed.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithAllowedIntents(needsNothing|allowed))
				hook := leftOutHook{make(chan shardmanager.IntentsLeftOut, 1)}
				m := newManager(t, g, shardmanager.WithOptionalIntents(events.IntentsPrivileged), shardmanager.WithHooks(hook))
				shardmanager.On(m, func(context.Context, *events.GuildMemberAdd, events.Meta) {}, shardmanager.WithName("welcome"))
				shardmanager.On(m, func(context.Context, *events.GuildMemberUpdate, events.Meta) {}, shardmanager.WithName("roles"))
				shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) {}, shardmanager.WithName("commands"))
				shardmanager.On(m, func(context.Context, *events.MessageUpdate, events.Meta) {}, shardmanager.WithName("edits"))
				shardmanager.On(m, unhurried)
				shardmanager.On(m, func(context.Context, *events.MessageDelete, events.Meta) {}, shardmanager.WithName("audit"))
				shardmanager.On(m, func(context.Context, *events.PresenceUpdate, events.Meta) {}, shardmanager.WithName("presences"))
				shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) {}, shardmanager.WithName("all"))
				shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) {}, shardmanager.WithName("threads"), shardmanager.WithTypes("THREAD_MEMBERS_UPDATE"))
				start(t, m)
				told := <-hook.told
				if !slices.Equal(told.Handlers, want) {
					t.Errorf("named: %q, want %q", told.Handlers, want)
				}
			})
		})
	}
}

// TestSendThatNeedsAnIntentThatIsLeftOut is refused before a permit is spent.
func TestSendThatNeedsAnIntentThatIsLeftOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g, shardmanager.WithOptionalIntents(needsMembers))
		start(t, m)
		guild := gatewaytest.GuildOf(events.ShardID{Index: 0, Total: 1}, 0)
		ask := func() error {
			_, err := events.RequestGuildMembers{GuildID: guild, Query: events.Ptr(""), Limit: events.Ptr(0)}.SendEvent(t.Context(), m)
			return err
		}
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		g.SetAllowedIntents(needsNothing)
		g.Shard(0).Close(events.CloseDisallowedIntents)
		pass(time.Minute)
		if err := ask(); !errors.Is(err, actors.ErrMissingIntent) || m.Status().Ready() != 1 {
			t.Errorf("without the intent: %v", err)
		}
	})
}

// TestSessionsGoOnWithWhatTheyHave: what one shard finds out costs the others nothing, also when they reconnect; a process that comes after wants
// what is granted, and resumes those that have just that.
func TestSessionsGoOnWithWhatTheyHave(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(3))
		store := session.NewMemoryStore()
		options := []shardmanager.Option{shardmanager.WithOptionalIntents(needsMembers), shardmanager.WithSessionStore(store)}
		m := newManager(t, g, options...)
		start(t, m)
		g.SetAllowedIntents(needsNothing)
		g.Shard(1).Close(events.CloseDisallowedIntents)
		pass(time.Minute)
		g.Shard(0).Drop()
		pass(time.Minute)
		status := m.Status()
		for i, want := range []events.Intents{needsNothing | needsMembers, needsNothing, needsNothing | needsMembers} {
			if shard := status.Shards[i]; shard.Intents != want || shard.State != session.Ready {
				t.Errorf("shard %d is %v with %v", i, shard.State, shard.Intents)
			}
		}
		if s := g.Stats(); s.Identifies != 4 || s.Resumes != 1 {
			t.Errorf("%d Identifies, %d Resumes", s.Identifies, s.Resumes)
		}
		closeNow(t, m)
		next := newManager(t, g, options...)
		start(t, next)
		if s := g.Stats(); s.Identifies != 6 || s.Resumes != 2 {
			t.Errorf("the process after it: %d Identifies, %d Resumes in all", s.Identifies, s.Resumes)
		}
		onlyIntents(t, g)
		if _, refused := identifiesOf(g, 3); refused != 0 {
			t.Errorf("%d Identifies were refused", refused)
		}
	})
}

// TestStartWithoutPrivilegedIntentsAsksNothing more than how to connect.
func TestStartWithoutPrivilegedIntentsAsksNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		app := application{answer: func(http.ResponseWriter) bool { return false }}
		app.on(t, g)
		m := newManager(t, g)
		start(t, m)
		if asked := app.asked.Load(); asked != 0 {
			t.Errorf("the application was asked %d times", asked)
		}
	})
}

// TestFirstIdentifyGoesAlone, when an intent may be refused; the others follow when it is Ready, or after 5 s.
func TestFirstIdentifyGoesAlone(t *testing.T) {
	for name, test := range map[string]struct {
		delay time.Duration // of the first READY
		want  time.Duration // of the other Identifies
	}{"at once": {0, 0}, "in a second": {time.Second, time.Second}, "never": {time.Hour, 5 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(4), gatewaytest.WithMaxConcurrency(4))
				var mu sync.Mutex
				var at []time.Time
				g.OnFrame(func(f gatewaytest.Frame) bool {
					if f.Op != events.OpIdentify {
						return false
					}
					mu.Lock()
					at = append(at, f.At)
					first := len(at) == 1
					mu.Unlock()
					if first {
						time.Sleep(test.delay) // the server reads and answers nothing more of this connection
					}
					return false
				})
				m := newManager(t, g, shardmanager.WithIntents(events.IntentsAll))
				began := time.Now()
				if err := m.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				pass(20 * time.Second)
				mu.Lock()
				defer mu.Unlock()
				if len(at) < 4 {
					t.Fatalf("%d Identifies", len(at))
				}
				for _, other := range at[1:4] {
					if took := other.Sub(began); took < test.want || took > test.want+time.Second {
						t.Errorf("another Identify after %v, want %v", took, test.want)
					}
				}
				mu.Unlock()
				pass(2 * time.Hour)
				mu.Lock()
				if ready := m.Status().Ready(); ready != 4 {
					t.Errorf("%d are ready", ready)
				}
			})
		})
	}
}

// TestIntentsErrorSaysWhatToDo, and nothing of what it is not sure of.
func TestIntentsErrorSaysWhatToDo(t *testing.T) {
	t.Parallel()
	known := &shardmanager.IntentsError{Missing: needsMembers, Asked: needsMembers | needsContent}
	unknown := &shardmanager.IntentsError{Asked: needsMembers | needsContent, Err: errors.New("4014")}
	for _, err := range []error{known, unknown} {
		for _, part := range []string{"GUILD_MEMBERS", "developer portal", "WithOptionalIntents"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%v: it does not name %s", err, part)
			}
		}
	}
	if strings.Contains(known.Error(), "MESSAGE_CONTENT") || !strings.Contains(unknown.Error(), "4014") {
		t.Errorf("%v; %v", known, unknown)
	}
}

// TestOptionalIntentsThatDoNotExist are a mistake.
func TestOptionalIntentsThatDoNotExist(t *testing.T) {
	t.Parallel()
	var mistake *shardmanager.OptionError
	if _, err := shardmanager.New("token", shardmanager.WithOptionalIntents(1<<40)); !errors.As(err, &mistake) || mistake.Option != "WithOptionalIntents" {
		t.Errorf("New: %v", err)
	}
}
