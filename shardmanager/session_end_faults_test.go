package shardmanager_test

import (
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestInvalidSessionResumesOrBeginsAnew: true three times, each Resume a second or more after the answer to the
// last, then a new session; false: a new session at once, and a permit for it.
// Failures: F97.
func TestInvalidSessionResumesOrBeginsAnew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		asked := stubborn(g, []byte(`{"op":9,"d":true}`))
		g.Shard(0).Drop()
		pass(10 * time.Minute)
		for i := 1; i < len(*asked); i++ {
			if apart := (*asked)[i].Sub((*asked)[i-1]); apart < time.Second || apart > 10*time.Second {
				t.Errorf("Resume %d came %v after the one before", i+1, apart)
			}
		}
		if s := g.Stats(); len(*asked) != 3 || s.Identifies != 2 || s.Connections != 5 {
			t.Errorf("%d resumes, %d identifies, %d connections", len(*asked), s.Identifies, s.Connections)
		}
		g.Shard(0).InvalidSession(false)
		pass(10 * time.Minute)
		if s := g.Stats(); len(*asked) != 3 || s.Identifies != 3 || s.Connections != 6 || m.Status().Ready() != 1 {
			t.Errorf("after false: %d resumes, %d identifies, %d connections", len(*asked), s.Identifies, s.Connections)
		}
		g.RequireNoViolations(t)
	})
}

// TestStaleSessionIsGivenUpAfterThreeResumes: the connection ends on each Resume, without a code.
// Failures: F98.
func TestStaleSessionIsGivenUpAfterThreeResumes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		asked := stubborn(g, nil)
		g.Shard(0).Drop()
		pass(24 * time.Hour)
		if s := g.Stats(); len(*asked) != 3 || s.Identifies != 2 || s.Connections != 5 || m.Status().Ready() != 1 {
			t.Errorf("%d resumes, %d identifies, %d connections", len(*asked), s.Identifies, s.Connections)
		}
		g.RequireNoViolations(t)
	})
}

// TestSessionThatIsTooOldCostsOneResume: a process that starts long after the last one wastes one Resume.
// Failures: F106.
func TestSessionThatIsTooOldCostsOneResume(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithResumeTimeout(time.Minute))
		store := session.NewMemoryStore()
		first := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, first)
		closeNow(t, first)
		pass(12 * time.Hour)
		begun := time.Now()
		m := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, m)
		_, seqs := resumes(t, g)
		if s := g.Stats(); len(seqs) > 1 || s.Identifies != 2 || time.Since(begun) > 30*time.Second {
			t.Errorf("%d resumes, %d identifies, ready after %v", len(seqs), s.Identifies, time.Since(begun))
		}
		g.RequireNoViolations(t)
	})
}
