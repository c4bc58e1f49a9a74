package zaplog_test

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/internal/zaplog"
)

// gate is a writer that blocks until it is opened.
type gate struct{ open chan struct{} }

func (g gate) Write(p []byte) (int, error) { <-g.open; return len(p), nil }
func (g gate) Sync() error                 { <-g.open; return nil }

// TestBlockedWriterDelaysNobody: whoever logs goes on, what does not fit is counted, and no
// goroutine is left when the writer goes on.
//
// Failures: F147.
func TestBlockedWriterDelaysNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gate{make(chan struct{})}
		observed, logs := observer.New(zap.DebugLevel)
		blocked := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), g, zap.DebugLevel)
		log, queue := zaplog.Wrap(zap.New(zapcore.NewTee(blocked, observed)))
		began := time.Now()
		for i := range 5000 {
			log.With(zap.Int("shard", i)).Info("busy")
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("logging took %v", took)
		}
		queue.Flush(100 * time.Millisecond)
		if took := time.Since(began); took != 100*time.Millisecond {
			t.Errorf("Flush took %v", took)
		}
		close(g.open)
		synctest.Wait()
		queue.Flush(time.Second)
		left := logs.FilterMessageSnippet("left out").All()
		told := int64(0)
		for _, entry := range left {
			told += entry.ContextMap()["entries"].(int64)
		}
		if busy := logs.FilterMessage("busy").Len(); len(left) == 0 || int64(busy)+told != 5000 || busy > 2100 {
			t.Errorf("%d written, %d told to be left out", busy, told)
		}
	})
}

// TestLoopsAreLeftOut: of a message that repeats, ten a second are written for each shard.
//
// Failures: F147.
func TestLoopsAreLeftOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.DebugLevel)
		log, queue := zaplog.Wrap(zap.New(core))
		for range 5 * 1000 {
			for shard := range 2 {
				log.With(zap.Int("shard", shard)).Warn("odd gateway")
			}
			time.Sleep(time.Millisecond)
		}
		log.Warn("something else")
		queue.Flush(time.Second)
		if n := logs.FilterMessage("odd gateway").Len(); n != 2*5*10 {
			t.Errorf("%d lines in 5 s of 2 shards", n)
		}
		if logs.FilterMessage("something else").Len() != 1 || logs.FilterMessageSnippet("left out").Len() == 0 {
			t.Error("what was left out is not told, or too much was")
		}
	})
}
