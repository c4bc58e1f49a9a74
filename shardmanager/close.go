package shardmanager

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
	"github.com/signalbox-go/signalbox/internal/foreign"
)

const (
	goos    = runtime.GOOS
	library = "signalbox"

	defaultDrain = 10 * time.Second        // for handlers to finish what they have
	stopTimeout  = 1500 * time.Millisecond // for the shards to say goodbye
	saveTimeout  = time.Second             // for the session store
	endTimeout   = 1500 * time.Millisecond // for all after that: who hangs then is left behind
	logTimeout   = 250 * time.Millisecond  // for the log's writer
	restTimeout  = 2 * time.Second         // that the drain leaves of ctx's time to what comes after it
)

// WithDrain sets how long Close waits for handlers to return, and for the events that wait for them to be handled. The default is 10 s;
// with 0 it waits for none. What is not done by then is a *CutOffError. Whatever runs the bot, such as Kubernetes or systemd, must give it 5 s
// more than that before it kills the process: see docs/deploying.md.
func WithDrain(d time.Duration) Option { return func(c *config) { c.drain = d } }

// Close ends the Manager and keeps its sessions resumable: events wait with Discord until a process resumes them, for a few
// minutes. First the context of handlers is told (context.Cause is ErrClosed, or why the Manager cannot go on), then the
// shards' connections end, and send events that wait are answered with an error. Handlers are then waited for, for the time of
// WithDrain; if ctx has a deadline, not so long that what comes after them would have no time. Then sessions are saved.
//
// The error is a *CutOffError if something had not ended by then, and says what. Close returns when all has ended, within the
// time of WithDrain and 5 s, or when ctx ends; then it goes on in the background, and handlers are not waited for any longer.
// A context that has ended leaves no time for anything: give Close one of its own. In a handler, Close does not wait for that handler.
//
// A second call waits for the first, and returns the same. Before Start there is nothing to end, and the error is nil.
func (m *Manager) Close(ctx context.Context) error { return m.closeWith(ctx, events.CloseNone) }

// Logout is Close, but ends the sessions: the bot is seen to go offline at once, and the next start costs an Identify for each
// shard. The error is ErrNotStarted, or ErrClosed, if there were no sessions to end any more: before Start, after
// Close, and when the Manager had ended by itself. The Manager is closed all the same.
func (m *Manager) Logout(ctx context.Context) error {
	return m.closeWith(ctx, events.CloseNormal)
}

// Done is closed when the Manager has ended, because it was asked to or because it cannot go
// on; Err tells which. It tells nothing of one shard that has ended while others run, after the close codes 4010 and 4011, or because its
// actor crashed again and again: Watch, hooks and Status do, and so does WaitReady.
func (m *Manager) Done() <-chan struct{} { return m.done }

// Err is why the Manager cannot go on; nil while it runs, and after Close or Logout. See Done.
func (m *Manager) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cause
}

// ending is how the Manager ends.
type ending struct {
	code    events.CloseCode // that the gateway is told
	cause   error            // of the end of contexts
	ctx     context.Context  // of whoever closes
	by      time.Time        // its deadline; zero: none
	started bool             // there had been a Start
	told    bool             // who called has the cause: it is not logged as well
	cutOff  *CutOffError     // what had not ended in time; written before done is closed
}

func (m *Manager) closeWith(ctx context.Context, code events.CloseCode) error {
	if ctx == nil {
		return errNilContext
	}
	waits, leave := m.heed(ctx)
	defer leave()
	if bus.InHandler() {
		defer m.bus.Excuse()()
	}
	by, _ := ctx.Deadline()
	m.end(nil, ending{code: code, ctx: waits, by: by})
	select {
	case <-m.done:
		return m.ended(code)
	case <-waits.Done():
		return &CutOffError{Handlers: m.bus.Unhandled(), Err: context.Cause(waits)}
	}
}

// heed is ctx, without the end that closing itself brings about: to contexts of handlers, with which Close may be called.
func (m *Manager) heed(ctx context.Context) (context.Context, context.CancelFunc) {
	heeded, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	end := func() {
		m.mu.Lock()
		own := m.ending.cause
		m.mu.Unlock()
		if cause := context.Cause(ctx); cause != own {
			cancel(cause)
		}
	}
	if ctx.Err() != nil {
		end()
	}
	stop := context.AfterFunc(ctx, end)
	return heeded, func() { stop(); cancel(nil) }
}

// ended is what whoever closes with a code is told when all has ended.
func (m *Manager) ended(code events.CloseCode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []error
	switch e := &m.ending; {
	case code != events.CloseNormal: // nothing but the end was asked for
	case !e.started:
		all = append(all, ErrNotStarted)
	case e.code != code:
		all = append(all, fmt.Errorf("%w: Logout has to come first: no session was ended", &closedError{m.cause}))
	}
	if cut := m.ending.cutOff; cut != nil {
		all = append(all, cut)
	}
	return errors.Join(all...)
}

// end begins to shut down, once. It does not wait.
func (m *Manager) end(cause error, how ending) {
	m.mu.Lock()
	before := m.phase
	if before == PhaseClosing {
		m.mu.Unlock()
		return
	}
	if how.ctx == nil {
		how.ctx = context.Background()
	}
	how.cause, how.started = &closedError{cause}, before != PhaseNotStarted
	m.phase, m.cause, m.ending = PhaseClosing, cause, how
	m.mu.Unlock()
	m.endLife(how.cause)
	m.bus.Tell(how.cause)
	if cause != nil && !how.told {
		m.log.Error("manager ends", zap.Error(cause))
	}
	if before == PhaseStarting {
		m.abort(how.cause) // Start sees to the rest when it comes back
		return
	}
	go m.shutdown()
}

// shutdown ends everything, from the sockets up. Each step is bounded.
func (m *Manager) shutdown() {
	defer close(m.done)
	defer m.logs.Flush(logTimeout)
	m.mu.Lock()
	system, supervisor, shards, own, saver, refresher, succession, how := m.system, m.supervisor, m.shards, m.own, m.saver, m.refresher, m.succession, m.ending
	m.mu.Unlock()
	var cut CutOffError
	defer m.say(&cut)
	if refresher != nil {
		refresher.stop()
	}
	if supervisor != nil {
		system.Root.Send(supervisor, actors.StopShards{Code: how.code})
		m.waitClosed(how.ctx)
	}
	cut.Handlers = m.drain(how)
	if saver != nil {
		cut.Unsaved = saver.close(cut.Handlers == nil)
	}
	m.endNote(cut.Handlers == nil)
	if succession != nil {
		succession.close()
	}
	bounded, end := context.WithTimeout(context.Background(), endTimeout)
	defer end()
	if supervisor != nil {
		if m.await(bounded, "an actor does not stop: its props, or what they call, hang", func() { _ = system.Root.StopFuture(supervisor).Wait() }) {
			m.await(bounded, "a connection of NetDial does not end", shards.Wait)
		}
	}
	m.await(bounded, "the HTTP client does not come back", func() {
		if m.running.Wait(); refresher != nil {
			<-refresher.over
		}
	})
	if own {
		shutDown(system)
		time.Sleep(2 * deadLetterPause) // its last goroutine ends
	}
}

// drainTime is how long handlers are waited for, if all is to be over by a time; zero: there is none.
func (m *Manager) drainTime(by time.Time) time.Duration {
	if by.IsZero() {
		return m.cfg.drain
	}
	left := time.Until(by)
	return min(m.cfg.drain, left-min(restTimeout, left/2))
}

// drain waits for handlers, and returns what they have not done.
func (m *Manager) drain(how ending) []CutOff {
	drained, cancel := context.WithTimeout(how.ctx, m.drainTime(how.by)) //seam:close-bounds-handlers
	defer cancel()
	return m.bus.Close(drained)
}

// say makes known what was cut off, before it is over.
func (m *Manager) say(cut *CutOffError) {
	if cut.Handlers == nil && cut.Unsaved == nil {
		return
	}
	m.log.Warn("closed, but not all was done", zap.Error(cut))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ending.cutOff = cut
}

// await waits for the end of what may be in the hands of the user's code. If that hangs it is left behind.
func (m *Manager) await(ctx context.Context, hangs string, end func()) (ends bool) {
	ended := make(chan struct{})
	go func() { defer close(ended); end() }()
	select {
	case <-ended:
		return true
	case <-ctx.Done():
		m.log.Error(hangs + ": it is left behind")
		return false
	}
}

// waitClosed waits until every shard has ended its session, or the time is up.
func (m *Manager) waitClosed(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if err := m.board.Wait(ctx, func(t actors.Tally) bool { return t.Open == 0 }); err != nil && m.board.Err() == nil {
		m.log.Warn("shards did not close in time", zap.Int("open", m.board.Tally().Open))
	}
}

// shutDown ends an actor system, which its user may have ended already.
func shutDown(system interface {
	IsStopped() bool
	Shutdown()
}) {
	_ = foreign.Call("Shutdown", func() error { // a second one, in the same moment, panics: then it has ended
		if !system.IsStopped() {
			system.Shutdown()
		}
		return nil
	})
}
