package slogger_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/slogger"
)

// TestMain fails when a goroutine outlives the tests of this package.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// locked is a buffer that many may write to.
type locked struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// lives has a Manager with a handler start, lose its connections twice, and end.
func lives(t *testing.T, h slog.Handler) {
	g := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithExact(), gatewaytest.WithShards(3), gatewaytest.WithMaxConcurrency(3))
	m, err := shardmanager.New("a.secret.token", shardmanager.WithGateway(g), shardmanager.WithLogger(slogger.New(h)))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.WaitReady(t.Context()); err != nil || time.Since(began) > time.Second {
		t.Fatalf("ready after %v: %v", time.Since(began), err)
	}
	for range 2 {
		g.DropAll()
		time.Sleep(time.Minute)
		if n := m.Status().Ready(); n != 3 {
			t.Errorf("%d are ready", n)
		}
	}
	if err := m.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestManagerLogsToLogSlog: each entry with its shard, as a number, and with the product's line as its source; and with no secret.
func TestManagerLogsToLogSlog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out locked
		lives(t, slog.NewJSONHandler(&out, &slog.HandlerOptions{AddSource: true, Level: slog.LevelDebug}))
		lost := 0
		for line := range strings.Lines(out.text.String()) {
			var entry struct {
				Level, Msg, State, Error string
				Time                     time.Time
				Shard                    *int
				Source                   struct{ Function, File string }
				Retry                    *int64 `json:"retry_in"` // a duration, and no text
			}
			if err := json.Unmarshal([]byte(line), &entry); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			if entry.Msg != "shard disconnected" {
				continue
			}
			lost++
			if entry.Level != "WARN" || entry.Shard == nil || entry.State != "Backoff" || entry.Error == "" || entry.Retry == nil || entry.Time.Year() != 2000 ||
				!strings.HasSuffix(entry.Source.File, "actors/host.go") {
				t.Error(line)
			}
		}
		if lost != 6 || strings.Contains(out.text.String(), "secret") {
			t.Errorf("%d connections were lost: %s", lost, &out.text)
		}
	})
}

// TestHandlerThatIsBrokenCostsTheManagerNothing: one that blocks, panics, or ends its goroutine.
func TestHandlerThatIsBrokenCostsTheManagerNothing(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(){"blocks": nil, "panics": func() { panic("a bug") }, "calls Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				let := make(chan struct{})
				h := newRecorder(slog.LevelInfo)
				h.arm("Handle", func() error {
					if breaks == nil {
						<-let
					} else {
						breaks()
					}
					return nil
				})
				lives(t, h)
				close(let)
				synctest.Wait()
			})
		})
	}
}
