package shardmanager

import (
	"context"
	"errors"
	"runtime"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
)

const (
	goos    = runtime.GOOS
	library = "signalbox"

	stopTimeout  = 1500 * time.Millisecond // for the shards to say goodbye
	drainTimeout = 2 * time.Second         // for handlers to finish what they have
	saveTimeout  = time.Second             // for the session store
	logTimeout   = 250 * time.Millisecond  // for the log's writer
	closeTimeout = 4700 * time.Millisecond // for all before that: who hangs then is left behind
)

// Close ends the Manager and keeps its sessions resumable: events wait with Discord until a
// process resumes them, for a few minutes. Handlers are given time to finish, send events that
// wait are answered with an error. It returns when all has ended, within 5 s, or when ctx
// ends; then the rest goes on in the background. A second call waits for the first. Where sessions could not be saved in
// the end, the error is an *UnsavedError.
func (m *Manager) Close(ctx context.Context) error { return m.closeWith(ctx, events.CloseNone) }

// Logout is Close, but ends the sessions: the bot is seen to go offline at once, and the next
// start costs an Identify for each shard.
func (m *Manager) Logout(ctx context.Context) error {
	return m.closeWith(ctx, events.CloseNormal)
}

// Done is closed when the Manager has ended, because it was asked to or because it cannot go
// on; Err tells which.
func (m *Manager) Done() <-chan struct{} { return m.done }

// Err is why the Manager cannot go on; nil while it runs, and after Close or Logout.
func (m *Manager) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cause
}

func (m *Manager) closeWith(ctx context.Context, code events.CloseCode) error {
	m.end(nil, code)
	select {
	case <-m.done:
		return m.unsaved
	case <-ctx.Done():
		return errors.Join(errors.New("shardmanager: closing goes on in the background"), context.Cause(ctx))
	}
}

// leave notes that the Manager ends, once, and returns the phase before.
func (m *Manager) leave(cause error) (before phase) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if before = m.phase; before != phaseClosing {
		m.phase, m.cause = phaseClosing, cause
		m.endLife(ErrClosed)
	}
	return before
}

// end begins to shut down, once. It does not wait.
func (m *Manager) end(cause error, code events.CloseCode) {
	before := m.leave(cause)
	if before == phaseClosing {
		return
	}
	if cause != nil {
		m.log.Error("manager ends", zap.Error(cause))
	}
	if before == phaseStarting {
		m.abort(ErrClosed) // Start sees to the rest when it comes back
		return
	}
	go m.shutdown(code)
}

// shutdown ends everything, from the sockets up. Each step is bounded, the sum below 5 s.
func (m *Manager) shutdown(code events.CloseCode) {
	defer close(m.done)
	defer m.logs.Flush(logTimeout)
	m.mu.Lock()
	system, supervisor, shards, own, saver, refresher := m.system, m.supervisor, m.shards, m.own, m.saver, m.refresher
	m.mu.Unlock()
	bounded, end := context.WithTimeout(context.Background(), closeTimeout)
	defer end()
	if refresher != nil {
		refresher.stop()
	}
	if supervisor != nil {
		system.Root.Send(supervisor, actors.StopShards{Code: code})
		m.waitClosed()
	}
	drained, cancel := context.WithTimeout(context.Background(), drainTimeout) //seam:close-bounds-handlers
	defer cancel()
	undone := m.bus.Close(drained)
	if undone != nil {
		m.log.Warn("handlers did not finish in time", zap.Error(undone))
	}
	if saver != nil {
		m.unsaved = saver.close(undone == nil)
	}
	if supervisor != nil {
		if err := system.Root.StopFuture(supervisor).Wait(); err != nil {
			m.log.Error("supervisor did not stop", zap.Error(err))
		}
		over := make(chan struct{})
		go func() { shards.Wait(); close(over) }()
		m.await(bounded, over, "a connection of NetDial does not end")
	}
	if refresher != nil {
		m.await(bounded, refresher.over, "the HTTP client does not come back")
	}
	if own {
		system.Shutdown()
		time.Sleep(2 * deadLetterPause) // its last goroutine ends
	}
}

// await waits for the end of what may be in the hands of the user's code. If that hangs it is left behind.
func (m *Manager) await(ctx context.Context, over <-chan struct{}, hangs string) {
	select {
	case <-over:
	case <-ctx.Done():
		m.log.Error(hangs + ": it is left behind")
	}
}

// waitClosed waits until every shard has ended its session, or the time is up.
func (m *Manager) waitClosed() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := m.board.Wait(ctx, func(t actors.Tally) bool { return t.Open == 0 }); err != nil && m.board.Err() == nil {
		m.log.Warn("shards did not close in time", zap.Int("open", m.board.Tally().Open))
	}
}
