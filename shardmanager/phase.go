package shardmanager

import "fmt"

// Phase is what a Manager does as a whole. It goes on from one to the next, and never back; some may be left out.
type Phase int

// The phases, in order.
const (
	PhaseNotStarted Phase = iota // Start was not called
	PhaseStarting                // Start goes on: it asks the gateway how to connect, and nothing of a shard is known
	PhaseRunning                 // Start has returned: the shards run, or come to. How they stand Status says
	PhaseClosing                 // it ends: it was closed, or cannot go on, which Err tells apart
	PhaseClosed                  // it has ended: Done is closed
)

var phases = [...]string{"not started", "starting", "running", "closing", "closed"}

// String is the phase in words.
func (p Phase) String() string {
	if p < 0 || int(p) >= len(phases) {
		return fmt.Sprint(int(p))
	}
	return phases[p]
}

// Phase is what m does as a whole. It tells nothing of a single shard: a Manager runs also while none of its shards is Ready. Safe for concurrent use.
func (m *Manager) Phase() Phase {
	select {
	case <-m.done:
		return PhaseClosed
	default:
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.phase
}

// Rolling is how far the rolling restart has come that is under way; false: none is. What one ended in, RollingRestart returns. Safe for concurrent use.
func (m *Manager) Rolling() (RollingProgress, bool) {
	r := m.rolls.Load()
	if r == nil {
		return RollingProgress{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.progress, r.progress.Of > 0
}

// begins shows it.
func (r *rolling) begins() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress.Of = r.of
}
