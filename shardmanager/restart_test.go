package shardmanager_test

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// disk is a store whose content at some moment can be kept, as a process leaves it that is killed.
type disk struct {
	session.Store
	mu     sync.Mutex
	ledger ratelimit.LedgerState
	broken atomic.Bool // the ledger fails
}

var errDisk = errors.New("the disk fails")

func (d *disk) LoadLedger(context.Context) (ratelimit.LedgerState, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	state := d.ledger
	state.Written = maps.Clone(state.Written)
	return state, nil
}

func (d *disk) SaveLedger(_ context.Context, state ratelimit.LedgerState) error {
	if d.broken.Load() {
		return errDisk
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ledger = state
	return nil
}

// killed is what a new process finds, if this one is killed now.
func (d *disk) killed(t *testing.T, shards int) *disk {
	t.Helper()
	copied := &disk{Store: session.NewMemoryStore()}
	copied.ledger, _ = d.LoadLedger(t.Context())
	for index := range shards {
		if s, err := d.Load(t.Context(), events.ShardID{Index: index, Total: shards}); err == nil {
			if err := copied.Save(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
	}
	return copied
}

// seen are the sequences of a handler's events, and which of them were flagged.
type seen struct {
	mu          sync.Mutex
	seqs        []int64
	redelivered []int64
}

func (s *seen) handle(_ context.Context, _ events.Raw, at events.Meta) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seqs = append(s.seqs, at.Seq)
	if at.Redelivered {
		s.redelivered = append(s.redelivered, at.Seq)
	}
}

func (s *seen) span() (first, last int64, n, flagged int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seqs) == 0 {
		return 0, 0, 0, 0
	}
	return s.seqs[0], s.seqs[len(s.seqs)-1], len(s.seqs), len(s.redelivered)
}

// TestKilledProcess: what the store did not know of comes again, and says so. What comes after
// that does not.
// Failures: F104.
func TestKilledProcess(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := &disk{Store: session.NewMemoryStore()}
		first := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, first)
		for range 10 { // sequences 2 to 11
			g.Shard(0).Dispatch("X", 1)
		}
		pass(5 * time.Second)
		left := store.killed(t, 1)
		for range 5 { // handled by the first, and not saved: 12 to 16
			g.Shard(0).Dispatch("X", 1)
		}
		g.Outage(true)
		closeNow(t, first)
		g.Outage(false)
		for range 4 { // while nobody is there: 17 to 20
			g.Shard(0).Dispatch("X", 1)
		}
		second := newManager(t, g, shardmanager.WithSessionStore(left))
		var got seen
		shardmanager.OnRaw(second, got.handle)
		start(t, second)
		pass(time.Second)
		if first, last, n, flagged := got.span(); first != 12 || last != 21 || n != 10 || flagged != 10 {
			t.Errorf("%d to %d, %d events, %d flagged; want 12 to 21 with RESUMED, all flagged", first, last, n, flagged)
		}
		g.Shard(0).Dispatch("X", 1)
		pass(time.Second)
		if _, last, _, flagged := got.span(); last != 22 || flagged != 10 {
			t.Errorf("up to %d, %d flagged: what is new is not redelivered", last, flagged)
		}
		wantResumed(t, g, second, 1)
	})
}

// TestProcessThatEndedInOrder: nothing comes twice, and nothing says that it might.
// Failures: F109.
func TestProcessThatEndedInOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2))
		store := session.NewMemoryStore()
		for round := range 3 {
			m := newManager(t, g, shardmanager.WithSessionStore(store))
			var got seen
			shardmanager.OnRaw(m, func(ctx context.Context, raw events.Raw, at events.Meta) {
				if at.Shard.Index == 0 {
					got.handle(ctx, raw, at)
				}
			})
			start(t, m)
			inUse, err := store.Load(t.Context(), events.ShardID{Index: 1, Total: 2})
			if round > 0 && err != nil || inUse.Exact {
				t.Errorf("round %d: while it is in use: exact %v, %v", round, inUse.Exact, err)
			}
			g.Shard(0).Dispatch("X", round)
			pass(3 * time.Second)
			closeNow(t, m)
			g.Shard(0).Dispatch("X", round)
			if first, _, n, flagged := got.span(); flagged != 0 || round > 0 && (n != 3 || first != int64(3*round)) {
				t.Errorf("round %d: %d events from %d on, %d flagged", round, n, first, flagged)
			}
			saved, err := store.Load(t.Context(), events.ShardID{Index: 1, Total: 2})
			if err != nil || !saved.Exact || saved.Bot != 4242 {
				t.Errorf("round %d: saved %v, %v, bot %v", round, saved.Exact, err, saved.Bot)
			}
		}
		if stats := g.Stats(); stats.Identifies != 2 || stats.Resumes != 4 {
			t.Errorf("%d identifies, %d resumes", stats.Identifies, stats.Resumes)
		}
	})
}

// TestAnswersAfterARestart: who the bot is, it knows from READY, which does not come again.
func TestAnswersAfterARestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		store := session.NewMemoryStore()
		first := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, first)
		pass(3 * time.Second)
		closeNow(t, first)
		second := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, second)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		guild := gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)
		if _, err := (events.UpdateVoiceState{GuildID: guild, ChannelID: events.Ptr(events.Snowflake(9))}).SendEvent(ctx, second); err != nil {
			t.Errorf("the bot's own voice state: %v", err)
		}
		wantResumed(t, g, second, 1)
	})
}

// TestCrashLoopKeepsItsDistance: a process that dies two seconds after each Identify, and is
// started again at once, keeps the spacing of Identifies and the day's reserve.
//
// Failures: F33.
func TestCrashLoopKeepsItsDistance(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithSessionStarts(50, 50, 24*time.Hour))
		store := &disk{Store: session.NewMemoryStore()}
		refused := 0
		for range 200 {
			m := newManager(t, g, shardmanager.WithSessionStore(store))
			if err := m.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			var budget *ratelimit.BudgetError
			if err := m.WaitReady(ctx); errors.As(err, &budget) {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
			cancel()
			ledger := store.killed(t, 1).ledger
			store = &disk{Store: session.NewMemoryStore(), ledger: ledger} // its session was not saved
			g.ForgetSessions()
			closeNow(t, m)
			if refused > 3 {
				break
			}
		}
		if n := g.Stats().Identifies; n != 45 || refused == 0 {
			t.Errorf("%d identifies of 50, of which 5 are kept; refused %d times", n, refused)
		}
		g.RequireNoViolations(t)
	})
}

// TestLedgerThatFails: without it nothing is spent; resumes go on.
//
// Failures: F38.
func TestLedgerThatFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := &disk{Store: session.NewMemoryStore()}
		m := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, m)
		store.broken.Store(true)
		g.Shard(0).Drop()
		pass(time.Minute)
		wantResumed(t, g, m, 1)
		g.ForgetSessions()
		g.Shard(0).Drop()
		pass(10 * time.Minute)
		status, _ := m.Shard(0).Status()
		var failed *ratelimit.LedgerError
		if n := g.Stats().Identifies; n != 1 || !errors.As(status.Cause, &failed) {
			t.Errorf("%d identifies; %v: %v", n, status.State, status.Cause)
		}
		store.broken.Store(false)
		pass(2 * time.Minute)
		if n := g.Stats().Identifies; n != 2 {
			t.Errorf("%d identifies after the ledger works again", n)
		}
	})
}
