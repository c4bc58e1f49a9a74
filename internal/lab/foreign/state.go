package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// change changes the state, and wakes who waits for it.
func (t *trial) change(f func(*state)) {
	t.lock.Lock()
	defer t.lock.Unlock()
	f(&t.told)
	close(t.changed)
	t.changed = make(chan struct{})
}

// wait waits until the state is as it should be, for so long at most, or until the client has ended.
func (t *trial) wait(ctx context.Context, limit time.Duration, should func(*state) bool) {
	late := time.NewTimer(limit)
	defer late.Stop()
	for {
		t.lock.Lock()
		ok, changed := should(&t.told), t.changed
		t.lock.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-late.C:
			return
		case <-t.bot.done():
			return
		case <-ctx.Done():
			return
		}
	}
}

// now is a copy of the state.
func (t *trial) now() state {
	t.lock.Lock()
	defer t.lock.Unlock()
	s := t.told
	s.ready, s.messages, s.members, s.notes = maps.Clone(s.ready), maps.Clone(s.messages), maps.Clone(s.members), maps.Clone(s.notes)
	s.began, s.resumed, s.live = slices.Clone(s.began), slices.Clone(s.resumed), slices.Clone(s.live)
	return s
}

// tell is told what the client got.
func (t *trial) tell(l line) {
	t.change(func(s *state) {
		switch l.Event {
		case "library":
			s.version = l.Version
		case "unavailable":
			s.absent = l.Why
		case "ready":
			s.ready[l.Shard] = true
		case "message":
			s.messages[l.Content+" in "+l.Guild] = l
		case "members":
			s.members[l.Guild] = l.Count
		}
	})
}

// trace is told what the gateway saw.
func (t *trial) trace(e gatewaytest.Entry) {
	switch e.Kind {
	case gatewaytest.Began, gatewaytest.Resumed, gatewaytest.Gone, gatewaytest.Noted:
	default:
		return
	}
	t.change(func(s *state) {
		known := e.Shard.Total == len(s.live)
		switch {
		case e.Kind == gatewaytest.Noted:
			s.notes[e.Text]++
		case !known:
		case e.Kind == gatewaytest.Gone && s.live[e.Shard.Index] == e.Conn:
			s.live[e.Shard.Index] = 0
		case e.Kind == gatewaytest.Began:
			s.began[e.Shard.Index]++
			s.latest = e.At
			s.live[e.Shard.Index] = e.Conn
		case e.Kind == gatewaytest.Resumed:
			s.resumed[e.Shard.Index]++
			s.live[e.Shard.Index] = e.Conn
		}
	})
}
