// Package slogger gives a *zap.Logger that writes to a handler of log/slog, for a program that logs by log/slog:
//
//	m, err := shardmanager.New(token, shardmanager.WithLogger(slogger.New(slog.Default().Handler())))
//
// Whoever logs by zap needs none of it. The logger may also be given to a session store, such as by filestore.WithLogger.
//
// Levels keep their names: debug, info, warn and error are those of log/slog; zap's dpanic, panic and fatal are above error, 4 apart, as all are. Fields come as attributes with their types: a
// duration is a duration, an error the error itself. An object is a group, and zap.Namespace begins a group, as WithGroup does. An array is a slice, in which objects are maps. The name
// of a logger is the attribute "logger", and a stack "stacktrace"; the place that has logged is the record's source.
//
// Handlers are called with context.Background, on whatever goroutine logs: of a Manager that is one of its own, behind a queue, so a handler that is slow or blocks delays nothing. One that panics costs that entry:
// it is counted, and the count is logged before the next entry that is written. runtime.Goexit in a handler is for its caller to survive, as a Manager does.
package slogger

import (
	"context"
	"log/slog"
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/signalbox-go/signalbox/internal/foreign"
)

// New returns a logger that writes to h; nil is the handler that slog.Default has now. What h is not Enabled for costs nothing but that question: no field is looked at. The error of
// a Handle is written where the logger's own errors go: see zap.ErrorOutput. Options are those of zap.New, such as zap.WithCaller(false) to leave the source out.
func New(h slog.Handler, opts ...zap.Option) *zap.Logger {
	if h == nil {
		h = slog.Default().Handler()
	}
	return zap.New(core{h, new(atomic.Int64)}, append([]zap.Option{zap.AddCaller()}, opts...)...)
}

// core writes to a handler.
type core struct {
	handler slog.Handler
	lost    *atomic.Int64 // entries that the handler has panicked on, and that were not told yet
}

// leftOut is what is logged for entries that were lost.
const leftOut = "log entries left out: the log's handler panics"

// Enabled may panic as a handler does: then the entry is left out, and counted.
func (c core) Enabled(level zapcore.Level) (on bool) {
	if c.call("Enabled", func() error { on = c.handler.Enabled(context.Background(), levelOf(level)); return nil }) != nil {
		c.lost.Add(1)
		return false
	}
	return on
}

// With may panic as a handler does: then the fields are left out.
func (c core) With(fields []zap.Field) zapcore.Core {
	_ = c.call("WithAttrs", func() error {
		h := c.handler
		for _, p := range partsOf(fields) {
			if p.group != "" {
				h = h.WithGroup(p.group)
			}
			if len(p.attrs) > 0 {
				h = h.WithAttrs(p.attrs)
			}
		}
		if h != nil {
			c.handler = h
		}
		return nil
	})
	return c
}

func (c core) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return checked.AddCore(e, c)
	}
	return checked
}

// Write hands an entry to the handler. An entry that it panics on is counted, and no error: who logs can do nothing about it.
func (c core) Write(e zapcore.Entry, fields []zap.Field) (err error) {
	if n := c.lost.Swap(0); n > 0 {
		warning := slog.NewRecord(e.Time, slog.LevelWarn, leftOut, 0)
		warning.AddAttrs(slog.Int64("entries", n))
		if c.call("Handle", func() error { return c.handler.Handle(context.Background(), warning) }) != nil {
			c.lost.Add(n)
		}
	}
	panicked := c.call("Handle", func() error { err = c.handler.Handle(context.Background(), recordOf(e, fields)); return nil })
	if panicked != nil {
		c.lost.Add(1)
	}
	return err
}

// Sync has nothing to do: a handler of log/slog has no such thing.
func (core) Sync() error { return nil }

// call calls the handler. The error is that of f, or that it panics.
func (core) call(what string, f func() error) (err error) {
	defer foreign.Catch(what, &err)
	return f()
}

// levelOf is zap's level among those of log/slog, which are four apart.
func levelOf(level zapcore.Level) slog.Level { return slog.Level(4 * int(level)) }

// recordOf is an entry as a record.
func recordOf(e zapcore.Entry, fields []zap.Field) slog.Record {
	pc := uintptr(0)
	if e.Caller.Defined && e.Caller.PC != 0 {
		pc = e.Caller.PC + 1 // log/slog takes it for the address after the call
	}
	record := slog.NewRecord(e.Time, levelOf(e.Level), e.Message, pc)
	if e.LoggerName != "" {
		record.AddAttrs(slog.String("logger", e.LoggerName))
	}
	parts := partsOf(fields)
	for i := len(parts) - 1; i > 0; i-- { // each is a group in the one before
		parts[i-1].attrs = append(parts[i-1].attrs, slog.Attr{Key: parts[i].group, Value: slog.GroupValue(parts[i].attrs...)})
	}
	record.AddAttrs(parts[0].attrs...)
	if e.Stack != "" {
		record.AddAttrs(slog.String("stacktrace", e.Stack))
	}
	return record
}
