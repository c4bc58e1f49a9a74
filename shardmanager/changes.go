package shardmanager

import (
	"errors"
	"fmt"
	"slices"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// changed takes every change of a shard's state, on the shard's actor.
func (m *Manager) changed(key actors.Key, c session.Change) {
	if c.To == session.Backoff && (c.From == session.Connecting || c.Lost) {
		m.refresh()
	}
	if c.To == session.Identifying {
		m.identified()
	}
	m.giveWay(key, c)
	if refusal(c.Cause) && (c.To == session.Backoff || c.To == session.Closed) && m.serves(key) {
		m.refusedIntents(key, c)
	} else {
		m.endWith(key, c)
	}
	if len(m.cfg.hooks) > 0 {
		m.tellHooks(Change{Shard: key.Shard, Generation: key.Generation, Change: c})
	}
}

// tellHooks tells hooks of a change, which costs memory: it is called where there are any.
func (m *Manager) tellHooks(change Change) {
	actors.Tell(m.observers, func(h HookChange) { h.OnChange(change) })
}

// endWith ends the Manager if a shard's end is that of all. It does so before hooks are told, which might restart what has ended.
func (m *Manager) endWith(key actors.Key, c session.Change) {
	if c.To != session.Closed || errors.Is(c.Cause, actors.ErrClosed) {
		return
	}
	var closed *session.CloseError
	invalid := errors.As(c.Cause, &closed) && (slices.Contains(badShardCodes, closed.Code) || closed.Code != events.CloseAuthenticationFailed && !m.serves(key))
	if errors.As(c.Cause, &closed) && closed.Fatal() && !invalid || m.allClosed() { //seam:fatal-code-ends-manager
		m.end(whyEnded(key, c.Cause), ending{})
	}
}

// serves reports whether a shard serves: one that warms or retires is the reshard's to deal with.
func (m *Manager) serves(key actors.Key) bool {
	status, _ := m.board.Shard(key)
	return status.Role == actors.Serving
}

// badShardCodes end the shard alone: the others may go on, but with another total or other intents.
var badShardCodes = []events.CloseCode{events.CloseInvalidShard, events.CloseShardingRequired}

func (m *Manager) allClosed() bool {
	tally := m.board.Tally()
	return tally.Wanted > 0 && tally.Ended == tally.Wanted
}

// guard ends the Manager when its supervisor has ended, since somebody else has stopped it.
func (m *Manager) guard() {
	select {
	case <-m.board.Done():
		m.end(fmt.Errorf("shardmanager: %w", m.board.Err()), ending{}) //seam:ended-supervisor-ends-manager
	case <-m.done:
	}
}
