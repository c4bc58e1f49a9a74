package runbook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// stage is where a trouble happens, and what was seen of it.
type stage struct {
	*testing.T
	gateway *gatewaytest.Server
	mu      sync.Mutex
	seen    bytes.Buffer
}

// Write takes lines of the log.
func (s *stage) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.Write(p)
}

// Sync is for zap.
func (*stage) Sync() error { return nil }

// show writes down what an expression of the page gives.
func (s *stage) show(expression string, value any) {
	synctest.Wait() // the log comes first
	fmt.Fprintf(s, "%s: %v\n", expression, value)
}

// shards writes down what the page's loop over Status prints.
func (s *stage) shards(m *shardmanager.Manager) {
	synctest.Wait()
	for _, shard := range m.Status().Shards {
		fmt.Fprintln(s, shard.Shard, shard.State, "since", shard.Since.Format(time.TimeOnly), shard.Cause)
	}
}

// queues writes down what the page's loop over Queues prints of those in which something waits.
func (s *stage) queues(m *shardmanager.Manager) {
	synctest.Wait()
	for _, q := range m.Queues() {
		if q.Depth > 0 {
			fmt.Fprintln(s, q.Name, q.Shard.Shard, "depth", q.Depth, "of", q.Limit, "shed", q.Shed)
		}
	}
}

// manager is a bot whose log is seen, as on stderr. It is closed in the end.
func (s *stage) manager(opts ...shardmanager.Option) *shardmanager.Manager {
	s.Helper()
	log := zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(zapcore.EncoderConfig{
		TimeKey: "time", LevelKey: "level", MessageKey: "message",
		EncodeTime: zapcore.TimeEncoderOfLayout(time.DateTime), EncodeLevel: zapcore.CapitalLevelEncoder, EncodeDuration: zapcore.StringDurationEncoder,
	}), s, zap.WarnLevel))
	m, err := shardmanager.New("token", append([]shardmanager.Option{shardmanager.WithGateway(s.gateway), shardmanager.WithSeed(1),
		shardmanager.WithIntents(events.IntentGuilds | events.IntentGuildMessages), shardmanager.WithLogger(log)}, opts...)...)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		var cut *shardmanager.CutOffError
		if err := m.Close(context.Background()); err != nil && !errors.As(err, &cut) {
			s.Error(err)
		}
	})
	return m
}

// begin starts a bot, and waits until it is ready.
func (s *stage) begin(opts ...shardmanager.Option) *shardmanager.Manager {
	s.Helper()
	m := s.manager(opts...)
	if err := errors.Join(m.Start(s.Context()), m.WaitReady(s.Context())); err != nil {
		s.Fatal(err)
	}
	return m
}

// waitReady waits for so long, and writes down what came of it.
func (s *stage) waitReady(m *shardmanager.Manager, d time.Duration) {
	ctx, cancel := context.WithTimeout(s.Context(), d)
	defer cancel()
	s.show("m.WaitReady(ctx)", m.WaitReady(ctx))
}

// ended waits for the end of a bot, and writes down why.
func (s *stage) ended(m *shardmanager.Manager) {
	<-m.Done()
	s.show("m.Err()", m.Err())
}

// play plays a scene on a gateway, and says what was seen.
func play(t *testing.T, f func(*stage), opts ...gatewaytest.Option) (seen string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{T: t, gateway: gatewaytest.NewServer(t, append([]gatewaytest.Option{gatewaytest.WithVirtualNetwork()}, opts...)...)}
		f(s)
		synctest.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		seen = strings.TrimRight(s.seen.String(), "\n")
	})
	return seen
}
