package shardmanager

import (
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
)

// Overflow is what happens when a handler is behind: Block, DropOldest or CoalesceBy. Whatever
// it is, what is handled is handled in order (with WithWorkers, that of each guild), and READY and RESUMED are never shed.
type Overflow struct {
	policy bus.Overflow
	key    func(events.Raw) string
}

// Block loses nothing: the shard is not read until the handler catches up. It is the default.
var Block = Overflow{}

// DropOldest sheds what has waited longest when the queue is full.
var DropOldest = Overflow{policy: bus.DropOldest}

// CoalesceBy keeps, of the events with the same key that wait, the first and the newest, and
// sheds those between; when the queue is full all the same it does as DropOldest. An event whose
// key is "" has none. key is called while the shard waits: it must be quick and must not block; if
// it panics, the event has no key.
func CoalesceBy(key func(events.Raw) string) Overflow {
	return Overflow{bus.Coalesce, key}
}

// WithOverflow sets what happens when the handler is behind. The default is Block.
func WithOverflow(o Overflow) SubOption {
	return func(s *bus.Subscription) { s.Overflow, s.KeyOf = o.policy, o.key }
}

// WithQueue sets how many events of one shard may wait for the handler. The default, 0, is
// 4096. With Block, 4096 events of a shard, of all handlers together, are the limit in any case.
func WithQueue(events int) SubOption {
	return func(s *bus.Subscription) { s.Queue = events }
}

// WithWorkers lets the handler be called for up to n events of one shard at the same time. Events of one guild are handled one after the
// other, in order; events of different guilds at once. (events.GuildOf tells the guild.) An event of no guild, such as READY, RESUMED or a
// direct message, is handled alone: it begins when all before it are handled, and those after it begin when it is. Events of a new session
// begin when those of the session before it are handled. The default, 0, is 1: all in order. More than 1024, or less than 0, is an
// *OptionError of Start.
//
// The handler must be safe for concurrent use. Queues and policies are as without workers. A restart resumes from the first event that is
// not handled: what was handled beyond it comes again.
func WithWorkers(n int) SubOption {
	return func(s *bus.Subscription) { s.Workers = n }
}

const maxWorkers = 1024

// WithName names the handler. The default is the type of On's event, or "raw", in Queues, Shed and metrics, and the name of its function
// elsewhere.
func WithName(name string) SubOption { return func(s *bus.Subscription) { s.Name = name } }

// Shed says which events a handler did not get, by its policy. A session store takes them for
// handled.
//
//	type Shed struct {
//		Shard       events.ShardKey
//		Session     uint64 // see events.Meta
//		Name        string // of the handler: see WithName
//		First, Last int64  // the lowest and the highest sequence number
//		Count       int    // of events; others between First and Last may have been handled
//	}
type Shed = bus.Shed

// HookShed is told what was shed: before the handler's next call, and of a handler that is stuck
// each time that a queue's length was shed.
type HookShed interface{ OnShed(Shed) }

// Queue is how one queue stood. See Manager.Queues.
//
//	type Queue struct {
//		Name  string // of the handler (see WithName), or "sends", "shared", "frames"
//		Shard events.ShardKey
//		Depth int   // what waits
//		High  int   // the most that ever waited
//		Limit int   // of Depth
//		Shed  int64 // events that were shed so far
//	}
type Queue = bus.Queue

// Queues are how the queues stand that the gateway and callers feed: one for each handler and
// shard that has sent it something, and three of each shard, whose High is not kept (0): "sends" that wait
// for a permit, "shared" ones that wait for an answer which another has asked for, and "frames" that were
// read and not yet dealt with. It is a copy, made without asking an actor.
func (m *Manager) Queues() []Queue {
	queues := m.bus.Queues()
	limit := m.cfg.queueLimit
	if limit == 0 {
		limit = actors.DefaultQueueLimit
	}
	for _, shard := range m.Status().Shards {
		key := shard.Key()
		queues = append(queues, Queue{Name: "sends", Shard: key, Depth: shard.Waiting, Limit: limit},
			Queue{Name: "shared", Shard: key, Depth: shard.Sharing, Limit: limit},
			Queue{Name: "frames", Shard: key, Depth: shard.Frames, Limit: actors.CreditLimit})
	}
	return queues
}

func (m *Manager) shed(shed Shed) {
	m.log.Warn("events shed: a handler is behind", zap.Stringer("shard", shed.Shard), zap.String("handler", shed.Name),
		zap.Int64("first", shed.First), zap.Int64("last", shed.Last), zap.Int("count", shed.Count))
	actors.Tell(m.observers, func(h HookShed) { h.OnShed(shed) })
}
