package shardmanager

import (
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
)

// WithIntents sets the intents. The default is none: only events that no intent gates arrive.
func WithIntents(intents events.Intents) Option {
	return func(c *config) { c.identify.Intents = intents }
}

// WithIntentsFromHandlers adds the intents that the handlers subscribed before Start need: all
// that feed their events and are not privileged, and privileged ones where nothing else feeds
// an event. Intents that gate fields rather than events, such as MESSAGE_CONTENT, are not added.
func WithIntentsFromHandlers() Option { return func(c *config) { c.intentsFromHandlers = true } }

// NoIntentError says that a handler would never be called: none of the intents that feed its
// event is asked for.
type NoIntentError struct {
	Event   events.Type
	Gates   events.Intents // any one of them feeds the event
	Intents events.Intents // what the Manager asks for
}

// Error names the event and the intents, and says what to do.
func (e *NoIntentError) Error() string {
	return fmt.Sprintf("shardmanager: a handler for %s is never called: the intents %v do not feed it; add one of %v with WithIntents, or use WithIntentsFromHandlers",
		e.Event, e.Intents, e.Gates)
}

// unfed are the events that intents do not feed. GUILD_MEMBER_UPDATE is none of them: it comes
// for the bot itself without an intent.
func unfed(types []events.Type, intents events.Intents) (all []*NoIntentError) {
	for _, t := range types {
		gates, known := t.Gates()
		if known && gates != 0 && gates&intents == 0 && t != events.TypeGuildMemberUpdate {
			all = append(all, &NoIntentError{t, gates, intents})
		}
	}
	return all
}

// checkIntents settles the intents, at Start: those of the handlers are added, if so wished, and
// a handler that would never be called is an error.
func (m *Manager) checkIntents() error {
	m.mu.Lock() // which guards the intents until the shards start
	defer m.mu.Unlock()
	types := m.bus.Types()
	if m.cfg.intentsFromHandlers {
		for _, e := range unfed(types, m.cfg.identify.Intents) {
			if open := e.Gates &^ events.IntentsPrivileged; open != 0 {
				m.cfg.identify.Intents |= open
			} else {
				m.cfg.identify.Intents |= e.Gates
			}
		}
	}
	var all []error
	for _, e := range unfed(types, m.cfg.identify.Intents) {
		all = append(all, e)
	}
	return errors.Join(all...)
}

// warnUnfed logs what checkIntents would refuse, for a handler that comes after Start.
func (m *Manager) warnUnfed(types []events.Type) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phase == PhaseNotStarted {
		return
	}
	for _, e := range unfed(types, m.cfg.identify.Intents&^m.leftOut) {
		m.log.Warn("handler is never called", zap.Error(e))
	}
}
