package shardmanager_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// bubble runs f in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

// newGateway is a simulated gateway inside a bubble.
func newGateway(t *testing.T, opts ...gatewaytest.Option) *gatewaytest.Server {
	t.Helper()
	return gatewaytest.NewServer(t, append([]gatewaytest.Option{gatewaytest.WithVirtualNetwork(), gatewaytest.WithExact()}, opts...)...)
}

// newManager is a manager of the simulated gateway. It is closed when the test ends.
func newManager(t *testing.T, g *gatewaytest.Server, opts ...shardmanager.Option) *shardmanager.Manager {
	t.Helper()
	m, err := shardmanager.New("token", append([]shardmanager.Option{
		shardmanager.WithIntents(events.IntentsUnprivileged), shardmanager.WithGateway(g), shardmanager.WithLogger(zap.NewNop()),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeNow(t, m) })
	return m
}

// closeNow closes a manager, in time. What it had to cut off is the test's business.
func closeNow(t *testing.T, m *shardmanager.Manager) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Second)
	defer cancel()
	var cut *shardmanager.CutOffError
	if err := m.Close(ctx); err != nil && (!errors.As(err, &cut) || cut.Err != nil) {
		t.Errorf("Close: %v", err)
	}
}

// closeUnsaved closes a manager whose store does not keep what it is given.
func closeUnsaved(t *testing.T, m *shardmanager.Manager, shards int) {
	t.Helper()
	var unsaved *shardmanager.UnsavedError
	if err := m.Close(context.Background()); !errors.As(err, &unsaved) || unsaved.Shards != shards {
		t.Errorf("Close: %v, want an *UnsavedError of %d", err, shards)
	}
}

// newUnsaved is newManager with a store that does not keep what it is given in the end.
func newUnsaved(t *testing.T, g *gatewaytest.Server, shards int, opts ...shardmanager.Option) *shardmanager.Manager {
	t.Helper()
	m, err := shardmanager.New("token", append([]shardmanager.Option{shardmanager.WithGateway(g), shardmanager.WithLogger(zap.NewNop())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeUnsaved(t, m, shards) })
	return m
}

// pass lets virtual time pass, and all that happens in it come to rest.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// start starts a manager and waits until it is ready.
func start(t *testing.T, m *shardmanager.Manager) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if err := m.Start(ctx); err != nil {
		t.Fatalf("Start: %v", err)
	}
	if err := m.WaitReady(ctx); err != nil {
		t.Fatalf("WaitReady: %v", err)
	}
}

// quiet is a logger for an actor system of the test's own.
func quiet(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }

// jsonHas tells whether an object's key has the value, given as JSON.
func jsonHas(t *testing.T, data []byte, key, value string) bool {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return string(all[key]) == value
}

// shardKey is the key of the shard with the index.
func shardKey(m *shardmanager.Manager, index int) actors.Key {
	return actors.Key{Shard: events.ShardID{Index: index, Total: m.Status().Total}}
}

// indexOf is the index of a shard, or -1 for the supervisor.
func indexOf(key actors.Key) int {
	if key == (actors.Key{}) {
		return -1
	}
	return key.Shard.Index
}
