package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestDamagedNoteOfAReshardIsDiscarded: the bot begins with the shards that it is told to, and says what it has done.
func TestDamagedNoteOfAReshardIsDiscarded(t *testing.T) {
	for name, note := range map[string]string{
		"no JSON":     `{"Version":1,"From":{"Tot`,
		"another's":   `{"Version":"one"}`,
		"no numbers":  `{"Version":1}`,
		"from none":   `{"Version":1,"From":{"Total":0},"To":{"Total":3,"Generation":1}}`,
		"to too many": `{"Version":1,"From":{"Total":2},"To":{"Total":100000000,"Generation":1}}`,
		"to itself":   `{"Version":1,"From":{"Total":2,"Generation":1},"To":{"Total":2,"Generation":1}}`,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guildIDs(4)...), gatewaytest.WithMaxConcurrency(16))
				store := session.NewMemoryStore()
				if err := store.(session.Notebook).SaveNote(t.Context(), []byte(note)); err != nil {
					t.Fatal(err)
				}
				core, logs := observer.New(zap.ErrorLevel)
				m := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithSessionStore(store), shardmanager.WithLogger(zap.New(core)))
				start(t, m)
				pass(time.Minute)
				if _, goesOn := m.Resharding(); goesOn || m.Status().Total != 2 || m.Status().Ready() != 2 || g.Stats().Identifies != 2 {
					t.Errorf("it goes on: %v; %d of %d ready, %d Identifies", goesOn, m.Status().Ready(), m.Status().Total, g.Stats().Identifies)
				}
				if said := logs.All(); len(said) != 1 || !strings.Contains(said[0].Message, "what was noted of a reshard cannot be read") {
					t.Errorf("it said %v", said)
				}
			})
		})
	}
}

// TestProcessAfterAReshardBeginsWithItsShards, unless it is told another number. One that is to go on with a reshard is told one of its two.
func TestProcessAfterAReshardBeginsWithItsShards(t *testing.T) {
	for name, c := range map[string]struct {
		done, asked, want int
	}{
		"done":                            {1, 0, 3},
		"done, and asked for as before":   {1, 2, 2},
		"done, and asked for others":      {1, 4, 4},
		"half done, and asked for others": {0, 4, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(16))
				store := session.NewMemoryStore()
				note := fmt.Sprintf(`{"Version":1,"From":{"Total":2},"To":{"Total":3,"Generation":1},"Done":%v,"Cuts":[{"G":"1","O":1,"N":1}]}`, c.done == 1)
				if err := store.(session.Notebook).SaveNote(t.Context(), []byte(note)); err != nil {
					t.Fatal(err)
				}
				opts := []shardmanager.Option{shardmanager.WithSessionStore(store)}
				if c.asked > 0 {
					opts = append(opts, shardmanager.WithShards(c.asked))
				}
				m := newManager(t, g, opts...)
				var refused *shardmanager.OptionError
				if err := m.Start(t.Context()); errors.As(err, &refused) != (c.want == 0) || refused == nil && err != nil {
					t.Fatal(err)
				}
				if pass(time.Minute); m.Status().Total != c.want {
					t.Errorf("%d shards", m.Status().Total)
				}
			})
		})
	}
}

// closedHalfway has a process begin a reshard from 2 to 3 shards, and closes it a while after half of the guilds were cut. over ends what users say, and requires
// that all of it came.
func closedHalfway(t *testing.T, after time.Duration) (g *gatewaytest.Server, store session.Store, came *arrivals, over func()) {
	t.Helper()
	guilds := guildIDs(10)
	g = newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guilds...), gatewaytest.WithMaxConcurrency(16))
	store, came = session.NewMemoryStore(), newArrivals()
	m, _ := runProcess(t, g, store, came, 2)
	start(t, m)
	stop := make(chan struct{})
	end := sync.OnceFunc(func() { close(stop) })
	t.Cleanup(end)
	said := chat(g.World(), guilds, stop)
	done := make(chan error, 1)
	go func() { done <- m.Reshard(t.Context(), 3) }()
	for p, _ := m.Resharding(); p.Cut < len(guilds)/2; p, _ = m.Resharding() {
		pass(50 * time.Millisecond)
	}
	pass(after)
	closeNow(t, m)
	if err := <-done; err == nil {
		t.Fatal("the reshard was over before")
	}
	return g, store, came, func() {
		t.Helper()
		end()
		counts := said()
		pass(10 * time.Second)
		came.once(t, counts)
	}
}

// TestProcessThatIsClosedInAReshardLeavesNothingToComeTwice: how far the new sessions are is written down to the last event, so that none is delivered or flagged again.
func TestProcessThatIsClosedInAReshardLeavesNothingToComeTwice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, store, came, over := closedHalfway(t, 450*time.Millisecond) // since it was last written down
		var m *shardmanager.Manager
		for range 3 { // the next are closed as well
			m, _ = runProcess(t, g, store, came, 2)
			start(t, m)
			if _, goesOn := m.Resharding(); !goesOn {
				t.Error("the reshard does not go on")
			}
			pass(1300 * time.Millisecond)
			closeNow(t, m)
		}
		m, _ = runProcess(t, g, store, came, 2)
		start(t, m)
		pass(3 * time.Minute)
		over()
		for name, n := range came.all {
			if n > 1 || came.fresh[name] != 1 {
				t.Errorf("message %s came %d times, %d of them unflagged: %v", name, n, came.fresh[name], came.how[name])
			}
		}
		closeNow(t, m)
	})
}

// firstNote is a notebook that takes one note, and then no more.
type firstNote struct {
	session.Notebook
	taken atomic.Bool
}

func (n *firstNote) SaveNote(ctx context.Context, note []byte) error {
	if n.taken.Swap(true) {
		return errDisk
	}
	return n.Notebook.SaveNote(ctx, note)
}

// TestProcessThatGoesOnWithAReshardAndIsKilledAtOnce: what it has handled meanwhile is flagged when it comes to the next one, though the one before had written
// down to the last event how far the new sessions were.
func TestProcessThatGoesOnWithAReshardAndIsKilledAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, store, came, over := closedHalfway(t, 0)
		m, p := runProcess(t, g, store, came, 2)
		p.notes = &firstNote{Notebook: p.notes}
		start(t, m)
		pass(700 * time.Millisecond)
		p.dead.Store(true)
		closeNow(t, m)
		m, _ = runProcess(t, g, store, came, 2)
		start(t, m)
		pass(3 * time.Minute)
		over()
		again := 0
		for name, n := range came.all {
			if n > 1 {
				again++
			}
			if came.fresh[name] > 1 {
				t.Errorf("message %s came %d times, %d of them unflagged: %v", name, n, came.fresh[name], came.how[name])
			}
		}
		if again == 0 {
			t.Error("nothing came twice: the test is of nothing")
		}
		closeNow(t, m)
	})
}
