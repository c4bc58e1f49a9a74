// Package zaplog carries the actor library's logs to zap. That library logs whole messages, and
// ours carry payloads, so of a value that is not plain it shows the type alone.
package zaplog

import (
	"context"
	"fmt"
	"log/slog"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Handler returns a slog.Handler that writes to log.
func Handler(log *zap.Logger) slog.Handler {
	return handler{log.Core(), nil, ""}
}

type handler struct {
	core   zapcore.Core
	fields []zap.Field
	group  string
}

func (h handler) Enabled(_ context.Context, level slog.Level) bool {
	return h.core.Enabled(zapLevel(level))
}

func (h handler) Handle(_ context.Context, record slog.Record) error {
	entry := zapcore.Entry{Level: zapLevel(record.Level), Time: record.Time, LoggerName: "actor", Message: record.Message}
	checked := h.core.Check(entry, nil)
	if checked == nil {
		return nil
	}
	fields := h.fields[:len(h.fields):len(h.fields)]
	record.Attrs(func(attr slog.Attr) bool {
		fields = append(fields, h.field(attr))
		return true
	})
	checked.Write(fields...)
	return nil
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.fields = h.fields[:len(h.fields):len(h.fields)]
	for _, attr := range attrs {
		h.fields = append(h.fields, h.field(attr))
	}
	return h
}

func (h handler) WithGroup(name string) slog.Handler {
	h.group += name + "."
	return h
}

// names are the keys under which the library logs actors' names.
var names = map[string]bool{"self": true, "pid": true, "actor": true, "sender": true, "who": true, "child": true}

// reasons are the keys under which the library logs what an actor panicked with.
var reasons = map[string]bool{"reason": true, "exception": true}

func (h handler) field(attr slog.Attr) zap.Field {
	key, value := h.group+attr.Key, attr.Value.Resolve()
	if reasons[attr.Key] {
		return zap.String(key, fmt.Sprintf("%T", value.Any()))
	}
	switch value.Kind() {
	case slog.KindString:
		return zap.String(key, value.String())
	case slog.KindInt64:
		return zap.Int64(key, value.Int64())
	case slog.KindUint64:
		return zap.Uint64(key, value.Uint64())
	case slog.KindFloat64:
		return zap.Float64(key, value.Float64())
	case slog.KindBool:
		return zap.Bool(key, value.Bool())
	case slog.KindDuration:
		return zap.Duration(key, value.Duration())
	case slog.KindTime:
		return zap.Time(key, value.Time())
	}
	if name, ok := value.Any().(fmt.Stringer); ok && names[attr.Key] {
		return zap.Stringer(key, name)
	}
	return zap.String(key, fmt.Sprintf("%T", value.Any()))
}

// zapLevel maps the library's levels: what it calls information is ours to debug.
func zapLevel(level slog.Level) zapcore.Level {
	switch {
	case level >= slog.LevelError:
		return zap.ErrorLevel
	case level >= slog.LevelWarn:
		return zap.WarnLevel
	}
	return zap.DebugLevel
}
