package zaplog_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/internal/zaplog"
)

func TestValuesThatAreNotPlainShowTheirTypeAlone(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.DebugLevel)
	log := slog.New(zaplog.Handler(zap.New(core))).With("lib", "actors", "config", struct{ Token string }{"secret"})
	log.Info("[DeadLetter]", slog.Any("message", map[string]string{"token": "secret"}), slog.Any("reason", errors.New("secret")),
		slog.Any("pid", actor.NewPID("here", "shard-1-0")), slog.Int("n", 3), slog.Duration("d", time.Second), slog.Bool("b", true))
	log.WithGroup("g").Error("failed", "key", "value", "bytes", []byte("secret"))
	text := fmt.Sprintf("%+v", logs.All())
	for _, entry := range logs.All() {
		text += fmt.Sprint(entry.ContextMap())
	}
	if strings.Contains(text, "secret") {
		t.Errorf("a value is shown: %s", text)
	}
	for _, want := range []string{"map[string]string", "shard-1-0", "n:3", "lib:actors", "g.key:value"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing: %s", want, text)
		}
	}
	if levels := fmt.Sprint(logs.All()[0].Level, logs.All()[1].Level); levels != "debug error" {
		t.Errorf("levels: %s", levels)
	}
}
