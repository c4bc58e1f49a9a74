package shardmanager_test

import (
	"errors"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestOldSessionsGoStraightToIdentify: a session that was at rest for too long is not tried: its shard waits for a permit at once.
func TestOldSessionsGoStraightToIdentify(t *testing.T) {
	for name, test := range map[string]struct {
		down          time.Duration
		resumes, anew int
	}{
		"not too old": {session.MaxAge, 1, 0},
		"too old":     {session.MaxAge + 2*time.Second, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithResumeTimeout(24*time.Hour))
				store := session.NewMemoryStore()
				first := newManager(t, g, shardmanager.WithSessionStore(store))
				start(t, first)
				pass(time.Minute)
				closeNow(t, first)
				pass(test.down - time.Second)
				before := g.Stats()

				var told moves
				second := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithHooks(&told))
				start(t, second)
				pass(time.Second)
				s := g.Stats()
				if resumes, anew := s.Resumes-before.Resumes, s.Identifies-before.Identifies; resumes != test.resumes || anew != test.anew {
					t.Errorf("%d Resumes and %d Identifies, want %d and %d", resumes, anew, test.resumes, test.anew)
				}
				lost := 0
				for _, change := range told.all {
					var age *session.AgeError
					if errors.As(change.Cause, &age) && change.Lost && change.To == session.Connecting {
						lost++
						if age.Age < test.down-2*time.Second || age.Age > test.down+2*time.Second {
							t.Errorf("shard %v: its age is said to be %v", change.Shard, age.Age)
						}
					}
				}
				if lost != test.anew {
					t.Errorf("%d shards say that their session was too old, want %d", lost, test.anew)
				}
			})
		})
	}
}

// TestQuietSessionIsNotOld: a session without events for hours is saved anew now and then, so that a process that is killed then does not leave an old one.
func TestQuietSessionIsNotOld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := &disk{Store: session.NewMemoryStore()}
		first := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, first)
		pass(5 * time.Hour)
		left := store.killed(t, 1)
		g.Outage(true)
		closeNow(t, first)
		g.Outage(false)
		second := newManager(t, g, shardmanager.WithSessionStore(left))
		start(t, second)
		pass(time.Second)
		wantResumed(t, g, second, 1)
	})
}

// TestSessionThatIsAwayAges: while its shard cannot be connected, a session is not saved as if it were alive.
func TestSessionThatIsAwayAges(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := session.NewMemoryStore()
		m := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, m)
		pass(10 * time.Minute)
		g.Outage(true)
		since := time.Now()
		pass(time.Hour)
		snapshot, err := store.Load(t.Context(), events.ShardID{Total: 1})
		if err != nil || snapshot.SavedAt.After(since) {
			t.Errorf("it was lost at %v, and is stored as of %v: %v", since, snapshot.SavedAt, err)
		}
	})
}

// TestCrashLongAfterARestoreResumes: what was old in the store is not so for ever.
func TestCrashLongAfterARestoreResumes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := session.NewMemoryStore()
		first := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, first)
		pass(10 * time.Second)
		closeNow(t, first)
		second := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, second)
		pass(5 * time.Hour)
		second.System().Root.Send(second.Supervisor(), actors.CrashShard{Key: shardKey(second, 0)})
		pass(time.Minute)
		if s := g.Stats(); s.Identifies != 1 || s.Resumes != 2 || second.Status().Ready() != 1 {
			t.Errorf("%d Identifies and %d Resumes, %d ready", s.Identifies, s.Resumes, second.Status().Ready())
		}
	})
}
