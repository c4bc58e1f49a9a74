package shardmanager

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/session"
)

const (
	mostReasons = 5   // that are named
	reasonBytes = 200 // of each
)

// reason is what some shards have in common that are not ready.
type reason struct {
	text   string
	shards int
	next   time.Time // the earliest of their next steps; zero: not known
	prefix string    // of next
}

// notReady says what shards wait for, the most frequent first, in a text of bounded length.
func (m *Manager) notReady() string {
	var reasons []*reason
	by := make(map[string]*reason)
	wanted := 0
	for _, shard := range m.board.Status().Shards {
		if shard.Mode != actors.Run || shard.Role != actors.Serving {
			continue
		}
		if wanted++; shard.State == session.Ready {
			continue
		}
		its := waitsFor(shard)
		kind := withoutDigits(its.text)
		known := by[kind]
		if known == nil {
			known = &reason{text: its.text}
			by[kind] = known
			reasons = append(reasons, known)
		}
		known.shards++
		if !its.next.IsZero() && (known.next.IsZero() || its.next.Before(known.next)) {
			known.next, known.prefix = its.next, its.prefix
		}
	}
	if wanted == 0 {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.unready != nil {
			return "Start goes on: " + oneLine(said(m.unready), 2*reasonBytes)
		}
		return "Start goes on"
	}
	slices.SortStableFunc(reasons, func(a, b *reason) int { return cmp.Compare(b.shards, a.shards) })
	var parts []string
	for i, r := range reasons {
		if i == mostReasons {
			more := 0
			for _, r := range reasons[i:] {
				more += r.shards
			}
			parts = append(parts, fmt.Sprintf("%s for other reasons: see Status", count(more)))
			break
		}
		parts = append(parts, r.String())
	}
	return strings.Join(parts, "; ")
}

// withoutDigits is a text without what differs from shard to shard, and from one time to the next: durations, times, ports.
func withoutDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, text)
}

// String is such as "12 shards wait for an Identify (next at 2026-11-01T12:00:05Z)".
func (r *reason) String() string {
	text := count(r.shards) + r.text
	if !r.next.IsZero() {
		text += fmt.Sprintf(" (%s at %s)", r.prefix, r.next.Format(time.RFC3339))
	}
	return text
}

func count(shards int) string {
	if shards == 1 {
		return "1 shard"
	}
	return fmt.Sprintf("%d shards", shards)
}

// said is the text of an error, which may be of the user's code: an HTTP client's, or NetDial's.
func said(err error) (text string) {
	if foreign.Call("Error", func() error { text = err.Error(); return nil }) != nil {
		return "an error whose text cannot be read"
	}
	return text
}

// waitsFor is the reason of one shard that is not ready.
func waitsFor(shard ShardStatus) reason {
	switch shard.State {
	case session.Queued:
		return reason{text: " in wait for an Identify", next: shard.Expected, prefix: "next"}
	case session.Identifying:
		return reason{text: " in wait for READY"}
	case session.Resuming:
		return reason{text: " in wait for RESUMED"}
	}
	if shard.Cause != nil { // also while it tries again
		return reason{text: ": " + oneLine(said(shard.Cause), reasonBytes), next: shard.Retry, prefix: "tried again"}
	}
	switch shard.State {
	case session.AwaitingHello:
		return reason{text: " in wait for the gateway's Hello"}
	case session.Connecting, session.Backoff:
		return reason{text: " in wait for a connection", next: shard.Retry, prefix: "tried"}
	}
	return reason{text: " not started"}
}
