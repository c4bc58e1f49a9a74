package metrics

import (
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// How a shard has become Ready.
const (
	howStarted    = "started"
	howResumed    = "resumed"
	howIdentified = "identified"
)

// How a Resume may end.
const (
	resumeWon  = "resumed"
	resumeLost = "session_lost"
	resumeCut  = "connection_lost"
)

// life is what is known of a shard's latest moves.
type life struct {
	state   session.State
	since   time.Time // in state
	unready time.Time // since when it is not Ready; zero: it is
	was     bool      // it has been Ready before
}

// lives are those of the shards that run.
type lives struct {
	mu sync.Mutex
	of map[events.ShardKey]life
}

func (l *lives) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.of)
}

// move takes note of a move from one state to another, and counts what ends with it.
func (l *lives) move(c *counted, change shardmanager.Change) {
	key := events.ShardKey{Generation: change.Generation, Shard: change.Shard}
	l.mu.Lock()
	defer l.mu.Unlock()
	now, known := l.of[key]
	if !known {
		now.unready = change.At
	}
	if change.Lost {
		c.sessionsLost.Inc()
	}
	if known && now.state == change.From && change.From != change.To {
		if states := c.states[change.From]; states != nil {
			states.Observe(change.At.Sub(now.since).Seconds())
		}
	}
	if change.From == session.Ready && change.To != session.Ready {
		now.unready = change.At
	}
	if change.From == session.Resuming {
		c.resumes.WithLabelValues(resumeEnd(change)).Inc()
	}
	switch change.To {
	case session.Closed:
		delete(l.of, key)
		return
	case session.Backoff:
		if change.From != session.Backoff {
			c.reconnects.WithLabelValues(during(change.From), causeKind(change.Cause)).Inc()
		}
	case session.Ready:
		if !now.unready.IsZero() {
			c.unready.WithLabelValues(now.became(change)).Observe(change.At.Sub(now.unready).Seconds())
		}
		now.unready, now.was = time.Time{}, true
	}
	if change.From != change.To || !known {
		now.state, now.since = change.To, change.At
	}
	l.of[key] = now
}

// became is how a shard has become Ready.
func (l *life) became(change shardmanager.Change) string {
	switch {
	case !l.was:
		return howStarted
	case change.From == session.Resuming && !change.Lost:
		return howResumed
	}
	return howIdentified
}

// resumeEnd is how a Resume has ended.
func resumeEnd(change shardmanager.Change) string {
	switch {
	case change.Lost:
		return resumeLost
	case change.To == session.Ready:
		return resumeWon
	}
	return resumeCut
}
