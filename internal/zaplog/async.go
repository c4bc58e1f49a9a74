package zaplog

import (
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/signalbox-go/signalbox/internal/foreign"
)

const (
	backlog = 1024 // entries that may wait for a writer that is slow
	repeats = 10   // entries of one message and shard in a second: the rest of a loop is left out
)

// Async is a queue in front of a core, so that a writer that blocks delays nobody who logs, and a
// loop that logs does not flood it. Entries that do not fit are left out and counted, and the
// count is logged. It has a goroutine only while entries wait.
type Async struct {
	mu      sync.Mutex
	waiting []entry
	writing bool
	idle    chan struct{} // closed when writing ends
	second  time.Time     // the one that seen counts
	seen    map[source]int
	left    int // out, and not told yet
	root    zapcore.Core
}

// source is what the entries of a loop have in common.
type source struct {
	message string
	shard   int64
}

type entry struct {
	zapcore.Entry
	core   zapcore.Core
	fields []zap.Field
}

// Wrap returns log with a queue in front of its core, and the queue; of a log that has one, both as they are.
func Wrap(log *zap.Logger) (*zap.Logger, *Async) {
	if before, ok := log.Core().(asyncCore); ok {
		return log, before.queue
	}
	a := &Async{seen: make(map[source]int)}
	return log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		a.root = core
		return asyncCore{core, a, -1}
	})), a
}

// Flush waits until everything is written, but not for longer than timeout.
func (a *Async) Flush(timeout time.Duration) {
	a.mu.Lock()
	a.report(time.Now())
	idle := a.idle
	writing := a.writing
	a.mu.Unlock()
	if !writing {
		return
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	}
}

// add queues an entry, or leaves it out.
func (a *Async) add(e entry, shard int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if second := e.Time.Truncate(time.Second); !second.Equal(a.second) {
		a.second = second
		clear(a.seen)
		a.report(e.Time)
	}
	from := source{e.Message, shard}
	if a.seen[from]++; a.seen[from] > repeats || len(a.waiting) >= backlog {
		a.left++
		return
	}
	a.push(e)
}

// report tells how many entries were left out, once there is room.
func (a *Async) report(now time.Time) {
	if a.left == 0 || len(a.waiting) >= backlog {
		return
	}
	n := a.left
	a.left = 0
	a.push(entry{
		zapcore.Entry{Level: zap.WarnLevel, Time: now, Message: "log entries left out: there were too many, or the log's writer is slow or panics"},
		a.root, []zap.Field{zap.Int("entries", n)},
	})
}

func (a *Async) lost() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left++
}

func (a *Async) push(e entry) {
	a.waiting = append(a.waiting, e)
	if !a.writing {
		a.writing, a.idle = true, make(chan struct{})
		go a.write()
	}
}

// write writes what waits, and ends. The writer is the user's code: where it panics or ends the goroutine, that entry is left out
// and counted, and another goroutine goes on with the next.
func (a *Async) write() {
	var batch []entry
	next, ended := 0, false
	defer func() {
		_ = recover() // it may quote what was logged, and where should it be told?
		if ended {
			return
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.left++
		a.waiting = append(slices.Clone(batch[next:]), a.waiting...)
		go a.write()
	}()
	for {
		a.mu.Lock()
		batch, next = a.waiting, 0
		a.waiting = nil
		if len(batch) == 0 {
			a.writing, ended = false, true
			close(a.idle)
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
		for _, e := range batch {
			next++
			if checked := e.core.Check(e.Entry, nil); checked != nil {
				checked.Write(e.fields...)
			}
		}
	}
}

// asyncCore is a core whose entries go through a queue.
type asyncCore struct {
	zapcore.Core
	queue *Async
	shard int64 // that the entries are about; -1: none
}

// With may panic as a writer does: then the fields are left out.
func (c asyncCore) With(fields []zap.Field) zapcore.Core {
	core, err := c.Core, error(nil)
	func() {
		defer foreign.Catch("With", &err)
		core = c.Core.With(fields)
	}()
	return asyncCore{core, c.queue, shardOf(fields, c.shard)}
}

// Enabled may panic as a writer does: then the entry is left out, and counted. It is asked for every entry that is not logged,
// which is why it has no goroutine of its own.
func (c asyncCore) Enabled(level zapcore.Level) (on bool) {
	var err error
	defer func() {
		if err != nil {
			on = false
			c.queue.lost()
		}
	}()
	defer foreign.Catch("Enabled", &err)
	return c.Core.Enabled(level)
}

func (c asyncCore) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return checked.AddCore(e, c)
	}
	return checked
}

func (c asyncCore) Write(e zapcore.Entry, fields []zap.Field) error {
	c.queue.add(entry{e, c.Core, slices.Clone(fields)}, shardOf(fields, c.shard))
	return nil
}

// Sync is not passed on: it may block as a write does. Flush is for the owner.
func (c asyncCore) Sync() error { return nil }

func shardOf(fields []zap.Field, or int64) int64 {
	for _, field := range fields {
		if field.Key == "shard" && field.Type == zapcore.Int64Type {
			return field.Integer
		}
	}
	return or
}
