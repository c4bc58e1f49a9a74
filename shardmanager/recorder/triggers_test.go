package recorder_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"runtime/trace"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/recorder"
)

// written are dumps that were written.
type written struct {
	mu  sync.Mutex
	all []string
}

func (w *written) write(d recorder.Dump) error {
	var b bytes.Buffer
	_, err := d.WriteTo(&b)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, b.String())
	return err
}

func (w *written) dumps() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.all...)
}

// TestFatalEndIsDumped: with what led to it, of the shard that has ended; and an end that was asked for is not.
func TestFatalEndIsDumped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
		var w written
		flight := recorder.New(recorder.WithDumps(w.write))
		m := newManager(t, g, shardmanager.WithHooks(flight.Hooks()...))
		start(t, m)
		if err := m.Drain(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if n := len(w.dumps()); n != 0 {
			t.Fatalf("%d dumps of a shard that was asked to end", n)
		}
		g.Shard(1).Close(4010)
		pass(2 * time.Second)
		if len(w.dumps()) != 1 {
			t.Fatalf("%d dumps", len(w.dumps()))
		}
		all := lines(t, []byte(w.dumps()[0]))
		if all[0].Reason != "shard 1/2 has ended" || len(all[0].Shards) != 1 || all[1].Shard != "1/2" {
			t.Errorf("%+v", all[0])
		}
		if ends := find(all, func(l line) bool { return l.Kind == "move" && l.To == "Closed" && l.Code == 4010 }); len(ends) != 1 {
			t.Errorf("its end is not there: %s", w.dumps()[0])
		}
	})
}

// TestManyEndsAreOneDump: of some of them; and the next is a minute later.
func TestManyEndsAreOneDump(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var w written
		flight := recorder.New(recorder.WithDumps(w.write))
		end := func(shard int) {
			flight.Hooks()[0].(actors.ObserverState).OnState(ended(shard))
		}
		for i := range 10_000 {
			end(i)
		}
		pass(recorder.GatherFor)
		if len(w.dumps()) != 1 {
			t.Fatalf("%d dumps", len(w.dumps()))
		}
		all := lines(t, []byte(w.dumps()[0]))
		if all[0].Reason != "10000 shards have ended" || len(all[0].Shards) != 32 {
			t.Errorf("%+v", all[0])
		}
		for i := range 100 {
			end(i)
		}
		pass(58 * time.Second)
		if len(w.dumps()) != 1 {
			t.Errorf("%d dumps within a minute", len(w.dumps()))
		}
		pass(3 * time.Second)
		if len(w.dumps()) != 2 {
			t.Errorf("%d dumps after a minute", len(w.dumps()))
		}
	})
}

// ended is how a shard ends for good.
func ended(shard int) (c actors.StateChanged) {
	c.Key.Shard = events.ShardID{Index: shard, Total: 10_000}
	c.At, c.To, c.Cause = time.Now(), session.Closed, &session.CloseError{Code: 4010}
	return c
}

// TestTrigger writes a dump, but not one after the other.
func TestTrigger(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var w written
		flight := recorder.New(recorder.WithDumps(w.write))
		taken := flight.Trigger("it looks odd")
		pass(9 * time.Second)
		if !taken || flight.Trigger("it looks odd") {
			t.Error("the first Trigger counts, and the second does not")
		}
		pass(time.Second)
		if !flight.Trigger("again") {
			t.Error("10 s later it is taken again")
		}
		pass(time.Second)
		if all := w.dumps(); len(all) != 2 || lines(t, []byte(all[0]))[0].Reason != "it looks odd" {
			t.Errorf("%q", all)
		}
		if recorder.New().Trigger("nobody writes it") {
			t.Error("a Trigger without WithDumps was taken")
		}
	})
}

// TestFlushWaits for what is gathered, and for what is being written, and no longer than its context.
func TestFlushWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var w written
		slow := make(chan struct{})
		flight := recorder.New(recorder.WithDumps(func(d recorder.Dump) error {
			<-slow
			return w.write(d)
		}))
		if err := flight.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		flight.Hooks()[0].(actors.ObserverState).OnState(ended(1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := flight.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v while it is written", err)
		}
		go func() { time.Sleep(time.Minute); close(slow) }()
		if err := flight.Flush(t.Context()); err != nil || len(w.dumps()) != 1 {
			t.Errorf("%v, and %d dumps", err, len(w.dumps()))
		}
		pass(time.Minute)
		if len(w.dumps()) != 1 {
			t.Errorf("%d dumps of one end", len(w.dumps()))
		}
	})
}

// TestDumpsFunctionCostsItself alone: one that panics, ends its goroutine, hangs or fails.
func TestDumpsFunctionCostsItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		calls, hang := 0, make(chan struct{})
		flight := recorder.New(recorder.WithDumps(func(recorder.Dump) error {
			switch calls++; calls {
			case 1:
				panic("no")
			case 2:
				runtime.Goexit()
			case 3:
				return errors.New("no")
			}
			<-hang
			return nil
		}))
		m := newManager(t, g, shardmanager.WithHooks(flight.Hooks()...))
		start(t, m)
		for i := range 4 {
			if !flight.Trigger("look") {
				t.Errorf("Trigger %d was not taken", i)
			}
			pass(time.Minute)
		}
		flight.Hooks()[0].(actors.ObserverState).OnState(ended(1))
		pass(time.Minute)
		g.Shard(0).Drop()
		pass(time.Minute)
		if status, _ := m.Shard(0).Status(); status.State != session.Ready || calls != 4 || len(dump(t, flight)) == 0 {
			t.Errorf("%v, after %d calls", status.State, calls)
		}
		close(hang)
	})
}

// TestToDirectory writes files that nobody else may read, and keeps the latest.
func TestToDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "dumps")
	to, at := recorder.ToDirectory(dir), time.Now()
	flight := recorder.New(recorder.WithDumps(func(d recorder.Dump) error { return nil }))
	for i := range 23 {
		if err := to(flight.NewDump(at.Add(time.Duration(i) * time.Second))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "mine.jsonl"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := to(flight.NewDump(at.Add(time.Minute))); err != nil {
		t.Fatal(err)
	}
	if err := to(flight.NewDump(at.Add(time.Minute))); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second one of the same moment: %v", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 21 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files[:20] {
		info, err := file.Info()
		if err != nil || info.Mode().Perm() != 0o600 || !strings.HasPrefix(file.Name(), "flight-") {
			t.Errorf("%v, %v", info, err)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, files[19].Name()))
	if err != nil || lines(t, data)[0].Kind != "dump" {
		t.Errorf("%s, %v", data, err)
	}
}

// TestTraceIsAnnotated, if somebody has one taken; and none is begun.
func TestTraceIsAnnotated(t *testing.T) { // not parallel: a process has one trace
	if trace.IsEnabled() {
		t.Fatal("somebody traces")
	}
	flight := recorder.New()
	flight.Hooks()[0].(actors.ObserverState).OnState(ended(7))
	if trace.IsEnabled() {
		t.Fatal("the recorder traces")
	}
	var b bytes.Buffer
	if err := trace.Start(&b); err != nil {
		t.Fatal(err)
	}
	flight.Hooks()[0].(actors.ObserverState).OnState(ended(8))
	trace.Stop()
	if said := b.String(); !strings.Contains(said, "shard 8/10000: move Idle to Closed") || strings.Contains(said, "shard 7/10000") {
		t.Errorf("the trace has not what it should have: %d bytes", len(said))
	}
}
