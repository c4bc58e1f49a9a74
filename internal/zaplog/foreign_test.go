package zaplog_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/internal/zaplog"
)

// badCore is a core that does something else when it is to write an entry that says "bad".
type badCore struct {
	zapcore.Core
	how func()
}

func (c badCore) With(fields []zap.Field) zapcore.Core { return badCore{c.Core.With(fields), c.how} }

func (c badCore) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return checked.AddCore(e, c)
}

func (c badCore) Write(e zapcore.Entry, fields []zap.Field) error {
	if e.Message == "bad" {
		c.how()
	}
	return c.Core.Write(e, fields)
}

// TestWriterThatDoesNotReturnCostsThatEntry: those after it are written, in order, the one is counted, and no goroutine is left.
func TestWriterThatDoesNotReturnCostsThatEntry(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]func(){"panics": func() { panic("a bug") }, "calls Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				observed, logs := observer.New(zap.DebugLevel)
				log, queue := zaplog.Wrap(zap.New(badCore{observed, how}))
				for _, message := range []string{"one", "bad", "two", "bad", "three"} {
					log.Info(message)
				}
				began := time.Now()
				queue.Flush(time.Second)
				if took := time.Since(began); took != 0 {
					t.Errorf("Flush took %v", took)
				}
				log.Info("four")
				queue.Flush(time.Second)
				synctest.Wait()
				var got []string
				told := int64(0)
				for _, e := range logs.All() {
					if n, ok := e.ContextMap()["entries"].(int64); ok {
						told += n
						continue
					}
					got = append(got, e.Message)
				}
				if len(got) != 4 || got[0] != "one" || got[1] != "two" || got[2] != "three" || got[3] != "four" || told != 2 {
					t.Errorf("written: %q; left out: %d", got, told)
				}
			})
		})
	}
}

// badLevels is a level that panics.
type badLevels struct{ armed atomic.Bool }

func (l *badLevels) Enabled(zapcore.Level) bool {
	if l.armed.Load() {
		panic("a bug")
	}
	return true
}

// TestLevelsThatPanicCostTheEntry: whoever logs goes on.
func TestLevelsThatPanicCostTheEntry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		observed, logs := observer.New(zap.DebugLevel)
		levels := new(badLevels)
		core := zapcore.NewTee(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(discard{}), levels), observed)
		log, queue := zaplog.Wrap(zap.New(core))
		levels.armed.Store(true)
		log.With(zap.Int("shard", 1)).Info("lost")
		zaplog.Handler(log).Enabled(t.Context(), 0)
		levels.armed.Store(false)
		log.Info("written")
		queue.Flush(time.Second)
		if logs.FilterMessage("written").Len() != 1 || logs.FilterMessageSnippet("left out").Len() != 1 {
			t.Errorf("%v", logs.All())
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
