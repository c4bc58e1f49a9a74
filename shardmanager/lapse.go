package shardmanager

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// WithOptionalIntents adds intents that the bot can do without: privileged ones, which Discord may not grant, or may take away. The default is
// none: then a bot that may not have all its intents does not run.
//
// Start asks which the application has (GET /applications/@me, if that answers within 3 s), and leaves out those that it lacks. If the gateway
// refuses the intents all the same (close code 4014), at the start or in mid-life, the application is asked again, and sessions begin without
// what it lacks; without all optional ones when that cannot be known. One Identify finds out for all shards. Status.LeftOut, HookIntents and the
// log tell, with the handlers that get nothing any more. They come back with the next Start, once they are granted.
//
// An intent that WithIntents names as well is optional.
func WithOptionalIntents(intents events.Intents) Option {
	return func(c *config) { c.optional = intents }
}

// IntentsError says that the application may not have the intents that the bot cannot do without. Start returns it when the application's
// flags say so, and no Identify was spent; else it is what has ended the Manager, since the gateway refused the intents (close code 4014).
type IntentsError struct {
	Missing events.Intents // that are not granted; 0: not known, some of Asked
	Asked   events.Intents // the privileged intents that were asked for
	Err     error          // what the gateway said, a *session.CloseError among it; nil: it was not asked
}

// Error names the intents, and says what to do.
func (e *IntentsError) Error() string {
	text := fmt.Sprintf("shardmanager: the application may not have the intents %v", e.Missing)
	if e.Missing == 0 {
		text = fmt.Sprintf("shardmanager: the application may not have all the intents that it asks for, such as the privileged ones among them (%v)", e.Asked)
	}
	text += ": enable them in the developer portal (Bot, Privileged Gateway Intents), leave them out of WithIntents, or name in WithOptionalIntents what the bot can do without"
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap is what the gateway said.
func (e *IntentsError) Unwrap() error { return e.Err }

// HookIntents is told that intents are left out, at the start or later.
type HookIntents interface{ OnIntentsLeftOut(IntentsLeftOut) }

// IntentsLeftOut are optional intents that sessions begin without, from the next one on.
type IntentsLeftOut struct {
	Intents  events.Intents
	Handlers []string // that they fed, by name, as in HandlerPanic: they get nothing any more, or, without MESSAGE_CONTENT, messages without their contents
	Err      error    // what the gateway said; nil: the application's flags say that they are not granted
}

// intents are what sessions begin with now.
func (m *Manager) intents() events.Intents {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cfg.identify.Intents &^ m.leftOut
}

// learnIntents finds out, before there is a session, which intents the application may have.
func (m *Manager) learnIntents(ctx context.Context) error {
	asked := m.intents() & events.IntentsPrivileged
	if asked == 0 {
		return nil
	}
	missing, known := m.missing(ctx, asked)
	if required := missing &^ m.cfg.optional; required != 0 {
		return &IntentsError{Missing: required, Asked: asked}
	}
	if known && missing != 0 {
		m.leaveOut(missing, nil)
	}
	return nil
}

// refusedIntents takes a shard's end by 4014. What follows takes time, and this is the shard's actor.
func (m *Manager) refusedIntents(key actors.Key, c session.Change) {
	why := whyEnded(key, c.Cause)
	if c.To == session.Closed {
		m.once(&m.asksWhy, func() { m.endWithout(why) })
		return
	}
	// Whoever has begun with others than those of now says nothing new.
	if status, _ := m.board.Shard(key); status.Intents == m.intents() {
		m.once(&m.asksWhat, func() { m.goOnWithout(why) })
	}
}

// endWithout ends the Manager, since its intents were refused.
func (m *Manager) endWithout(why error) {
	asked := m.intents() & events.IntentsPrivileged
	missing := events.Intents(0)
	if asked != 0 {
		missing, _ = m.missing(m.life, asked)
	}
	m.end(&IntentsError{missing, asked, why}, ending{})
}

// goOnWithout has shards go on without the intents that are not granted, or, if it is not known which these are, without all optional ones.
// The flags are believed if they explain what the gateway has said.
func (m *Manager) goOnWithout(why error) {
	intents := m.intents()
	missing, _ := m.missing(m.life, intents&events.IntentsPrivileged)
	if required := missing &^ m.cfg.optional; required != 0 {
		m.end(&IntentsError{required, intents & events.IntentsPrivileged, why}, ending{})
		return
	}
	if missing == 0 {
		missing = intents & m.cfg.optional
	}
	m.leaveOut(missing, why)
}

// leaveOut has sessions begin without optional intents, and tells.
func (m *Manager) leaveOut(intents events.Intents, why error) {
	m.mu.Lock()
	before := m.cfg.identify.Intents &^ m.leftOut
	m.leftOut |= intents
	system, supervisor := m.system, m.supervisor
	m.mu.Unlock()
	if supervisor != nil {
		system.Root.Send(supervisor, actors.LeaveOut{Intents: intents})
	}
	handlers := m.bus.Handlers(func(t events.Type) bool { return starves(t, before, before&^intents) })
	m.log.Warn("the bot goes on without intents that the application may not have: enable them in the developer portal (Bot, Privileged Gateway Intents)",
		zap.Stringer("intents", intents), zap.Strings("handlers", handlers), zap.Error(why))
	told := IntentsLeftOut{intents, handlers, why}
	actors.Tell(m.observers, func(h HookIntents) { h.OnIntentsLeftOut(told) })
}

// starves reports whether events of a type, or what is in them, came by the intents that are gone.
func starves(t events.Type, before, after events.Intents) bool {
	if before&^after&events.IntentMessageContent != 0 && (t == events.TypeMessageCreate || t == events.TypeMessageUpdate) {
		return true
	}
	gates, _ := t.Gates()
	return gates&before != 0 && gates&after == 0
}

// refusal reports whether an end is that of intents which the application may not have.
func refusal(cause error) bool {
	var closed *session.CloseError
	return errors.As(cause, &closed) && closed.Code == events.CloseDisallowedIntents
}

// begin runs f on a goroutine that shutdown waits for. It reports whether it does: it does not once the Manager ends.
func (m *Manager) begin(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phase == PhaseClosing {
		return false
	}
	m.running.Go(f)
	return true
}

// once is begin for what is not to run twice at a time.
func (m *Manager) once(runs *bool, f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if *runs || m.phase == PhaseClosing {
		return
	}
	*runs = true
	m.running.Go(func() {
		f()
		m.mu.Lock()
		defer m.mu.Unlock()
		*runs = false
	})
}
