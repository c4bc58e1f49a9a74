package zaplog_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/internal/zaplog"
)

// TestLevelsAreMapped: what the actor library calls information is for whoever debugs; and what the logger does not want is not asked for.
func TestLevelsAreMapped(t *testing.T) {
	t.Parallel()
	for level, want := range map[slog.Level]zapcore.Level{
		slog.LevelDebug: zap.DebugLevel, slog.LevelInfo: zap.DebugLevel, slog.LevelWarn - 1: zap.DebugLevel, slog.LevelWarn: zap.WarnLevel,
		slog.LevelError - 1: zap.WarnLevel, slog.LevelError: zap.ErrorLevel, slog.LevelError + 4: zap.ErrorLevel,
	} {
		for _, enabled := range []zapcore.Level{zap.DebugLevel, zap.WarnLevel, zap.ErrorLevel, zap.DPanicLevel} {
			core, logs := observer.New(enabled)
			handler := zaplog.Handler(zap.New(core))
			log := slog.New(handler)
			log.Log(t.Context(), level, "message")
			if err := handler.Handle(t.Context(), slog.NewRecord(time.Now(), level, "message", 0)); err != nil {
				t.Error(err)
			}
			heard := want >= enabled
			if got := logs.All(); handler.Enabled(t.Context(), level) != heard || len(got) != 0 != heard || heard && (len(got) != 2 || got[0].Level != want || got[0].LoggerName != "actor") {
				t.Errorf("%v for a logger of %v: %+v", level, enabled, got)
			}
		}
	}
}

// TestPlainValuesAreShown, each in its kind; and of two loggers with one origin neither has the other's.
func TestPlainValuesAreShown(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.DebugLevel)
	at := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	log := slog.New(zaplog.Handler(zap.New(core))).With("a", 1)
	one, other := log.With("one", 1), log.With("other", 2)
	one.Info("plain", "text", "t", "int", int64(-1), "uint", uint64(1<<63), "float", 1.5, "bool", true, "span", time.Second, "at", at, "pid", "named")
	other.Info("plain")
	if got, want := fmt.Sprint(logs.All()[0].ContextMap()), "map[a:1 at:2026-11-26 00:00:00 +0000 UTC bool:true float:1.5 int:-1 one:1 pid:named span:1s text:t uint:9223372036854775808]"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := fmt.Sprint(logs.All()[1].ContextMap()); got != "map[a:1 other:2]" {
		t.Error(got)
	}
}

// TestQueuedEntriesKeepTheirLevelsAndFields: the queue leaves out what its core does not want, and Sync waits for nothing.
func TestQueuedEntriesKeepTheirLevelsAndFields(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.WarnLevel)
	log, queue := zaplog.Wrap(zap.New(core))
	fields := []zap.Field{zap.Int("n", 1)}
	log.Info("quiet")
	log.Warn("loud", fields...)
	fields[0] = zap.Int("n", 2) // it is the caller's
	log.With(zap.String("k", "v")).Error("louder")
	if err := log.Sync(); err != nil {
		t.Error(err)
	}
	queue.Flush(time.Minute)
	queue.Flush(time.Minute) // there is nothing to wait for
	text := ""
	for _, entry := range logs.All() {
		text += fmt.Sprintln(entry.Level, entry.Message, entry.ContextMap())
	}
	if text != "warn loud map[n:1]\nerror louder map[k:v]\n" {
		t.Error(text)
	}
}
