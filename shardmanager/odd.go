package shardmanager

import (
	"errors"
	"regexp"
	"sync"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
)

// undecoded tells of an event that could not be decoded, or of which some fields could not.
func (m *Manager) undecoded(raw *events.Raw, meta events.Meta, err error) {
	fields := []zap.Field{zap.Int("shard", meta.Shard.Index), zap.String("type", printable(raw.Type)), zap.Int64("seq", meta.Seq)}
	var odd *events.OddFieldsError
	switch {
	case !errors.As(err, &odd):
		m.log.Error("event not decoded", append(fields, zap.Error(err))...)
	case m.odd.isNew(odd):
		m.log.Warn("fields left unset, not being of the documented type; of these fields this is told once", append(fields, zap.Strings("paths", odd.Paths), zap.Int("more", odd.More))...)
	default:
		m.log.Debug("fields left unset", append(fields, zap.Strings("paths", odd.Paths), zap.Int("more", odd.More))...)
	}
	event := *raw // what raw points to is another event's soon
	actors.Tell(m.observers, func(h HookDecodeError) { h.OnDecodeError(event, meta, err) })
}

// HearOdd makes the Manager, and what sends through it, an events.Hearer: what is odd in an answer goes to the log and to HookDecodeError.
func (m *Manager) HearOdd(raw events.Raw, odd *events.OddFieldsError) {
	meta := events.Meta{Seq: raw.Seq}
	if part, ok := events.PartOf(raw.Data); ok {
		if total := m.total(); total > 0 {
			meta.Shard = events.ShardID{Index: events.ShardFor(part.GuildID, total), Total: total}
		}
	}
	m.undecoded(&raw, meta, odd)
}

// HearOdd is Manager.HearOdd.
func (s PrioritySender) HearOdd(raw events.Raw, odd *events.OddFieldsError) {
	s.manager.HearOdd(raw, odd)
}

// HearOdd is Manager.HearOdd.
func (s *Shard) HearOdd(raw events.Raw, odd *events.OddFieldsError) { s.manager.HearOdd(raw, odd) }

const oddFields = 1024 // that are remembered as told

var places = regexp.MustCompile(`\[\d+\]`)

// oddLog knows which odd fields the log has been told of: users decide of some, and would fill it.
type oddLog struct {
	mu   sync.Mutex
	told map[string]bool
}

// isNew reports whether one of the fields, in whichever element, has not been told of.
func (l *oddLog) isNew(odd *events.OddFieldsError) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told == nil {
		l.told = make(map[string]bool)
	}
	found := false
	for _, path := range odd.Paths {
		field := string(odd.Type) + " " + places.ReplaceAllString(path, "[]")
		if !l.told[field] && len(l.told) < oddFields {
			l.told[field], found = true, true
		}
	}
	return found
}
