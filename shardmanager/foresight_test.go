package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// slowly has dials and READYs take their time.
func slowly(g *gatewaytest.Server, dial, ready time.Duration) shardmanager.Option {
	g.OnFrame(func(f gatewaytest.Frame) bool {
		if f.Op == events.OpIdentify {
			time.Sleep(ready)
		}
		return false
	})
	return shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
		time.Sleep(dial)
		return g.DialContext(ctx, network, addr)
	})
}

// TestForecastReckonsWithWhatTheFleetHasSeen: how long a dial and READY take, that the first Identify goes alone while it is not known whether the intents
// are accepted, and how many dials there may be.
func TestForecastReckonsWithWhatTheFleetHasSeen(t *testing.T) {
	for _, takes := range []time.Duration{3 * time.Second, 8 * time.Second} { // the others wait for 5 s
		t.Run("READY after "+takes.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				const shards = 20
				g := newGateway(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(shards), gatewaytest.WithResumeTimeout(0))
				m := newManager(t, g, shardmanager.WithIntents(events.IntentGuildMembers), shardmanager.WithDialRate(5), slowly(g, 300*time.Millisecond, takes), shardmanager.WithSeed(1))
				start(t, m)
				pass(10 * time.Minute)
				f := foretold(t, g, m, shardmanager.Recovery{SessionsLost: true}, func() { dropped(t, g, m) })
				if f.Duration < 11*time.Second {
					t.Errorf("%v", f)
				}
			})
		})
	}
	for name, c := range map[string]struct {
		intents events.Intents
		trips   int
	}{
		"a cold start": {events.IntentGuildMembers, 5}, // two questions, a dial, the READY of the first, and those of the others
		"a cold start without privileged intents": {events.IntentGuilds, 3}, // a question, a dial, and READY of all at once
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				const trip = 300 * time.Millisecond
				g := newGateway(t, gatewaytest.WithShards(16), gatewaytest.WithMaxConcurrency(16))
				client := *g.Client()
				client.Transport = slowTrip{client.Transport, trip}
				m := newManager(t, g, shardmanager.WithIntents(c.intents), shardmanager.WithHTTPClient(&client), slowly(g, trip, trip))
				f := foretold(t, g, m, shardmanager.ColdStart{}, func() { start(t, m) })
				if trips := f.Duration / trip; int(trips) != c.trips {
					t.Errorf("%d trips, want %d: %v", trips, c.trips, f)
				}
			})
		})
	}
	t.Run("a Hello that takes its time", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			g := newGateway(t, gatewaytest.WithShards(20), gatewaytest.WithMaxConcurrency(20), gatewaytest.WithResumeTimeout(0))
			g.OnConnect(func(int) bool {
				time.Sleep(5 * time.Second)
				return false
			})
			m := newManager(t, g, shardmanager.WithSeed(1))
			start(t, m)
			pass(2 * time.Minute)
			if f := foretold(t, g, m, shardmanager.Recovery{SessionsLost: true}, func() { dropped(t, g, m) }); f.Duration < 5*time.Second {
				t.Errorf("%v", f)
			}
		})
	})
	t.Run("the distance of dials", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			g := newGateway(t, gatewaytest.WithShards(20), gatewaytest.WithMaxConcurrency(20))
			m := newManager(t, g, shardmanager.WithDialRate(5), slowly(g, 300*time.Millisecond, 3*time.Second))
			start(t, m)
			pass(2 * time.Minute) // the first heartbeats are answered behind READY here
			f := foretold(t, g, m, shardmanager.Recovery{Shards: []int{3, 4}}, func() {
				g.Shard(3).Drop()
				g.Shard(4).Drop()
				pass(time.Millisecond)
				ready(t, m)
			})
			foretold(t, g, m, shardmanager.Recovery{}, func() { dropped(t, g, m) })
			if f.Shards != 2 || f.Resumes != 2 {
				t.Errorf("%v", f)
			}
			if err := m.Pause(t.Context(), 0, 1, 2); err != nil {
				t.Fatal(err)
			}
			pass(time.Minute)
			foretold(t, g, m, shardmanager.Rolling{}, func() {
				if err := m.RollingRestart(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	})
}

// TestForecastOfAReshard: new shards become Ready beside those that serve, also as many as there are; then guilds are cut over.
func TestForecastOfAReshard(t *testing.T) {
	const before = 6
	for _, after := range []int{10, before, 2} {
		t.Run(fmt.Sprint("to ", after), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(before), gatewaytest.WithMaxConcurrency(2), gatewaytest.WithParallelSessions(), gatewaytest.WithGuilds(guildIDs(200)...))
				m := newManager(t, g)
				start(t, m)
				pass(time.Second)
				f, err := m.Forecast(t.Context(), shardmanager.ReshardTo{Total: after})
				if err != nil {
					t.Fatal(err)
				}
				if f.Identifies != after || f.ExtraSessions != after || f.Resumes != 0 || !f.Enough || !f.Until.IsZero() || !strings.Contains(f.String(), fmt.Sprintf("reshard to %d shards: ", after)) {
					t.Errorf("%v", f)
				}
				other, err := m.Forecast(t.Context(), shardmanager.ReshardTo{Total: after + 1})
				if plan, planErr := m.PlanReshard(t.Context(), after+1); errors.Join(err, planErr) != nil || (plan.Warm+plan.Cut-other.Duration).Abs() > time.Millisecond {
					t.Errorf("%v, %v, beside %v, %v", plan, planErr, other, err)
				}
				began, opts := time.Now(), []shardmanager.ReshardOption(nil)
				if after == before {
					opts = append(opts, shardmanager.WithNewIntents(events.IntentGuilds))
				}
				if err := m.Reshard(t.Context(), after, opts...); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); (took - f.Duration).Abs() > took/10 {
					t.Errorf("%v\nit took %v", f, took)
				}
			})
		})
	}
}

// TestForecastOfWhatTheBudgetCannotPay says from when on it can, or that it never can; nothing is spent.
func TestForecastOfWhatTheBudgetCannotPay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(16), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithSessionStarts(100, 20, 3*time.Hour))
		m := newManager(t, g)
		f, err := m.Forecast(t.Context(), shardmanager.ColdStart{})
		if wait := time.Until(f.Until); err != nil || f.Enough || wait < 3*time.Hour || wait > 3*time.Hour+time.Minute || f.Budget.Spare != 10 || f.Identifies != 16 || f.Duration > time.Second {
			t.Errorf("%v, %v: %+v", err, f, f)
		}
		if !strings.Contains(f.String(), "there are enough at "+f.Until.Format(time.DateTime)) {
			t.Errorf("%v", f)
		}
		pass(time.Until(f.Until))
		foretold(t, g, m, shardmanager.ColdStart{}, func() { start(t, m) })
		f, err = m.Forecast(t.Context(), shardmanager.ReshardTo{Total: 91})
		if err != nil || f.Enough || !f.Until.IsZero() || f.Duration != 0 || !strings.Contains(f.String(), "it cannot be done") {
			t.Errorf("%v, %v: %+v", err, f, f)
		}
		f, err = m.Forecast(t.Context(), shardmanager.ReshardTo{Total: 80}) // when those of this start count no more
		if wait := time.Until(f.Until); err != nil || f.Enough || wait < 23*time.Hour || wait > 25*time.Hour || f.Duration < 90*time.Second {
			t.Errorf("%v, %v: %+v", err, f, f)
		}
	})
}

// TestBudgetIsWhatIsLeft: it is known once shards are being started, and to ask, or to have something foreseen, changes nothing.
func TestBudgetIsWhatIsLeft(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(4), gatewaytest.WithMaxConcurrency(2), gatewaytest.WithSessionStarts(1000, 700, 3*time.Hour))
		store := &disk{Store: session.NewMemoryStore()}
		store.ledger.Spent = []ratelimit.Spent{{Until: time.Now().Add(time.Hour), Count: 250}}
		m := newManager(t, g, shardmanager.WithSessionStore(store))
		if b := m.Budget(); b != (shardmanager.Budget{}) || !strings.Contains(b.String(), "not known") {
			t.Errorf("before the start: %+v", b)
		}
		f, err := m.Forecast(t.Context(), shardmanager.ColdStart{})
		if b := f.Budget; err != nil || !b.Known || b.Total != 1000 || b.Remaining != 700 || b.Spent != 250 || b.Reserve != 100 || b.Spare != 600 || b.MaxConcurrency != 2 {
			t.Errorf("%v: %+v", err, b)
		}
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		for range 100 {
			if _, err := m.Forecast(t.Context(), shardmanager.ColdStart{Shards: 50}); err != nil {
				t.Fatal(err)
			}
		}
		b := m.Budget()
		if b.Remaining != 698 || b.Spent != 252 || b.Spare != 596 || b.Waiting != 2 || b.Next.Before(time.Now()) || time.Until(b.Next) > 6*time.Second {
			t.Errorf("while two wait: %+v", b)
		}
		if said := b.String(); !strings.Contains(said, "698 of 1000 left until ") || !strings.Contains(said, "596 may be spent, 2 at once; 2 wait") {
			t.Error(said)
		}
		ready(t, m)
		if b := m.Budget(); b.Remaining != 696 || b.Spent != 254 || b.Spare != 596 || b.Waiting != 0 || !b.Next.IsZero() || g.Stats().Identifies != 4 {
			t.Errorf("when all are ready: %+v", b)
		}
		g.RequireNoViolations(t)
		closeNow(t, m)
		if b := m.Budget(); b.Known {
			t.Errorf("after the end: %+v", b)
		}
		if _, err := m.Forecast(t.Context(), shardmanager.ColdStart{}); !errors.Is(err, shardmanager.ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// TestForecastRefusesWhatItCannotSay, with the error that says what to do.
func TestForecastRefusesWhatItCannotSay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
		m := newManager(t, g)
		refused := func(m *shardmanager.Manager, of shardmanager.Work, want error) {
			t.Helper()
			if f, err := m.Forecast(t.Context(), of); err == nil || want != nil && !errors.Is(err, want) {
				t.Errorf("%T %+v: %v, want %v: %v", of, of, err, want, f)
			}
		}
		for _, of := range []shardmanager.Work{shardmanager.Recovery{}, shardmanager.Rolling{}, shardmanager.ReshardTo{Total: 4}} {
			refused(m, of, shardmanager.ErrNotStarted)
		}
		var none context.Context
		if _, err := m.Forecast(none, shardmanager.ColdStart{}); !errors.Is(err, actors.ErrNilContext) {
			t.Errorf("%v", err)
		}
		opaque := newManager(t, g, shardmanager.WithRateLimiter(&countingLimiter{}))
		refused(opaque, shardmanager.ColdStart{}, actors.ErrOpaqueLimiter)
		start(t, opaque)
		refused(opaque, shardmanager.ColdStart{}, actors.ErrOpaqueLimiter)
		if opaque.Budget().Known {
			t.Error("the budget of a limiter that does not tell it")
		}
		closeNow(t, opaque)
		stuck := newManager(t, g, shardmanager.WithRateLimiter(stuckLimiter{ratelimit.Local(ratelimit.SessionStart{Total: 9, Remaining: 9, MaxConcurrency: 1})}))
		if err := stuck.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := stuck.Forecast(t.Context(), shardmanager.ColdStart{Shards: 2}); err == nil || !strings.Contains(err.Error(), "it would never be done") {
			t.Errorf("of a queue that grants nothing, and does not say when: %v", err)
		}
		closeNow(t, stuck)
		start(t, m)
		for _, of := range []shardmanager.Work{nil, shardmanager.ColdStart{Shards: -1}, shardmanager.ColdStart{Shards: 1 << 20}, shardmanager.ReshardTo{}, shardmanager.ReshardTo{Total: 1 << 20}, shardmanager.Rolling{AtOnce: -1}} {
			refused(m, of, nil)
		}
		refused(m, shardmanager.Recovery{Shards: []int{2}}, actors.ErrUnknownShard)
		store := &unread{disk: disk{Store: session.NewMemoryStore()}, err: errDisk}
		store.broken.Store(true)
		unread := newManager(t, g, shardmanager.WithSessionStore(store))
		refused(unread, shardmanager.ColdStart{}, errDisk)
		hangs, asked, gate := newMoody(), make(chan shardmanager.Discovery, 1), make(chan struct{})
		hangs.mood("LoadLedger", func() error { <-gate; return nil })
		refused(newManager(t, g, shardmanager.WithSessionStore(hangs), shardmanager.WithHooks(heard{asked})), shardmanager.ColdStart{}, shardmanager.ErrStoreHangs)
		close(gate)
		if d := <-asked; d.Attempt != 1 || d.Err != nil {
			t.Errorf("%+v", d)
		}
		if err := unread.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		refused(unread, shardmanager.ColdStart{}, errDisk)
		if took := time.Since(began); unread.Budget().Known || took > 7*time.Second {
			t.Errorf("after %v: %v", took, unread.Budget())
		}
		store.broken.Store(false)
		pass(time.Minute)
		if f, err := unread.Forecast(t.Context(), shardmanager.Rolling{}); err != nil || f.Shards != 2 || !unread.Budget().Known {
			t.Errorf("when it can be read: %v, %v", f, err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errAborted)
		if _, err := m.Forecast(ctx, shardmanager.Recovery{}); !errors.Is(err, errAborted) {
			t.Errorf("%v", err)
		}
	})
}
