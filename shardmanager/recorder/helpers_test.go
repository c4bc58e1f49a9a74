package recorder_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/recorder"
)

// bubble runs f in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

// pass lets virtual time pass, and all that happens in it come to rest.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

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

func closeNow(t *testing.T, m *shardmanager.Manager) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Second)
	defer cancel()
	var cut *shardmanager.CutOffError
	if err := m.Close(ctx); err != nil && (!errors.As(err, &cut) || cut.Err != nil) {
		t.Errorf("Close: %v", err)
	}
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

// line is a line of a dump, as a reader sees it.
type line struct {
	At, Shard, Kind, Type, From, To, Stage, Outcome, Cause, Reason string
	Conn                                                           uint64
	Op                                                             *int
	Size, Code                                                     int
	Seq, Failed                                                    int64
	LeftOut                                                        int `json:"left_out"`
	Shards                                                         []string
	RoundTrip                                                      float64 `json:"round_trip_ms"`
}

// lines reads a dump.
func lines(t *testing.T, dump []byte) (all []line) {
	t.Helper()
	for decoder := json.NewDecoder(bytes.NewReader(dump)); decoder.More(); {
		var l line
		if err := decoder.Decode(&l); err != nil {
			t.Fatalf("%v in %s", err, dump)
		}
		all = append(all, l)
	}
	return all
}

// dump is what a Recorder has.
func dump(t *testing.T, r *recorder.Recorder, shards ...actors.Key) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.DumpTo(&b, shards...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// find are the lines that fit.
func find(all []line, fits func(line) bool) (found []line) {
	for _, l := range all {
		if fits(l) {
			found = append(found, l)
		}
	}
	return found
}

func ofKind(kind string) func(line) bool { return func(l line) bool { return l.Kind == kind } }
