package shardmanager_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestPhaseIsWhatAManagerDoes, from before its Start to its end.
func TestPhaseIsWhatAManagerDoes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		guild := events.Snowflake(1 << 22)
		g := newGateway(t, gatewaytest.WithGuilds(guild))
		var up atomic.Bool
		g.OnDiscovery(func(w http.ResponseWriter) bool {
			if !up.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return !up.Load()
		})
		m := newManager(t, g)
		is := func(want shardmanager.Phase) {
			t.Helper()
			if got := m.Phase(); got != want {
				t.Errorf("it is %v, want %v", got, want)
			}
		}
		shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) { time.Sleep(5 * time.Second) })
		is(shardmanager.PhaseNotStarted)
		over := make(chan error, 1)
		go func() { over <- m.Start(t.Context()) }()
		pass(10 * time.Second)
		is(shardmanager.PhaseStarting)
		up.Store(true)
		if err := <-over; err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		is(shardmanager.PhaseRunning)
		g.Outage(true)
		pass(time.Minute)
		is(shardmanager.PhaseRunning)
		g.Outage(false)
		pass(time.Minute)
		g.World().Message(guild, gatewaytest.Message{})
		pass(time.Millisecond)
		go func() { over <- m.Close(context.Background()) }()
		pass(time.Second)
		is(shardmanager.PhaseClosing)
		if err := <-over; err != nil {
			t.Error(err)
		}
		is(shardmanager.PhaseClosed)
	})
}

// TestRollingRestartIsSeenWhileItIsUnderWay: from its begin to its end.
func TestRollingRestartIsSeenWhileItIsUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(5), gatewaytest.WithMaxConcurrency(16))
		m := newManager(t, g)
		if _, is := m.Rolling(); is {
			t.Error("one is under way before Start")
		}
		start(t, m)
		began := time.Now()
		over := make(chan error, 1)
		go func() {
			over <- m.RollingRestartWith(t.Context(), shardmanager.Rolling{Pause: 20 * time.Second})
		}()
		pass(time.Second)
		if p, is := m.Rolling(); !is || p.Shard != -1 || p.Done != 0 || p.Of != 5 || !p.Began.Equal(began) {
			t.Errorf("under way: %v, %+v", is, p)
		}
		pass(40 * time.Second)
		if p, is := m.Rolling(); !is || p.Done < 2 || p.Of != 5 || p.Shard != p.Done-1 || p.Left <= 0 || !p.Began.Equal(began) {
			t.Errorf("under way: %v, %+v", is, p)
		}
		if err := m.RollingRestart(t.Context(), 0, 1); !errors.Is(err, shardmanager.ErrRolling) {
			t.Errorf("a second one: %v", err)
		}
		if p, is := m.Rolling(); !is || p.Of != 5 {
			t.Errorf("after a second one was refused: %v, %+v", is, p)
		}
		if err := <-over; err != nil {
			t.Error(err)
		}
		if p, is := m.Rolling(); is {
			t.Errorf("it is over: %+v", p)
		}
	})
}

// TestReshardThatEndsSaysSo: with what it ended in, and in a line.
func TestReshardThatEndsSaysSo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithGuildsPerShard(2))
		m := newManager(t, g)
		start(t, m)
		pass(time.Second)
		ctx, cancel := context.WithCancelCause(t.Context())
		over := make(chan error, 1)
		go func() { over <- m.Reshard(ctx, 4) }()
		pass(20 * time.Second)
		p, _ := m.Resharding()
		if text := p.String(); p.Over || p.Err != nil || !strings.HasPrefix(text, "2 to 4 shards, comparing: ") {
			t.Errorf("under way: %+v: %s", p, text)
		}
		bored := errors.New("bored")
		cancel(bored)
		err := <-over
		p, _ = m.Resharding()
		if text := p.String(); !p.Over || p.Err != err || !errors.Is(p.Err, bored) || !strings.HasPrefix(text, "2 to 4 shards, stopped: ") || !strings.HasSuffix(text, "bored") {
			t.Errorf("it ended in %v: %+v: %s", err, p, text)
		}
		if err := m.Reshard(t.Context(), 4, shardmanager.WithRetirement(time.Minute)); err != nil {
			t.Fatal(err)
		}
		p, _ = m.Resharding()
		if text := p.String(); !p.Over || p.Err != nil || p.Phase != shardmanager.ReshardRetiring || !strings.HasPrefix(text, "2 to 4 shards, retiring: all ") {
			t.Errorf("it has ended well: %+v: %s", p, text)
		}
		pass(2 * time.Minute)
		if p, _ = m.Resharding(); !p.Over || p.Phase != shardmanager.ReshardDone {
			t.Errorf("long after: %+v", p)
		}
	})
}

// TestPhasesInWords: also those that are none.
func TestPhasesInWords(t *testing.T) {
	t.Parallel()
	for phase, want := range map[shardmanager.Phase]string{
		-1: "-1", shardmanager.PhaseNotStarted: "not started", shardmanager.PhaseRunning: "running", shardmanager.PhaseClosed: "closed", shardmanager.PhaseClosed + 1: "5",
	} {
		if got := phase.String(); got != want {
			t.Errorf("phase %d is %q, want %q", int(phase), got, want)
		}
	}
}
