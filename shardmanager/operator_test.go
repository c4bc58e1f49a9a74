package shardmanager_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestVerbs: what is asked of shards comes about, once however often it is asked, and the moves tell why.
func TestVerbs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(3), gatewaytest.WithMaxConcurrency(3))
		m := newManager(t, g)
		start(t, m)
		twice := func(verb func(context.Context, ...int) error, shards ...int) {
			t.Helper()
			for range 2 {
				if err := verb(t.Context(), shards...); err != nil {
					t.Error(err)
				}
			}
			pass(5 * time.Second)
		}
		stands := func(index int, mode actors.Mode, state session.State) {
			t.Helper()
			if s, _ := m.Shard(index).Status(); s.Mode != mode || s.State != state {
				t.Errorf("shard %d is to %v, and %v", index, s.Mode, s.State)
			}
		}
		twice(m.Pause, 0, 1)
		stands(0, actors.Pause, session.Closed)
		stands(1, actors.Pause, session.Closed)
		stands(2, actors.Run, session.Ready)
		twice(m.Unpause, 0, 1, 2)
		stands(0, actors.Run, session.Ready)
		twice(m.Drain, 2)
		stands(2, actors.Drain, session.Closed)
		twice(m.Unpause, 2)
		if s := g.Stats(); s.Identifies != 3 || s.Resumes != 3 || m.Status().Ready() != 3 {
			t.Errorf("%+v", s)
		}
		if err := m.Reidentify(t.Context(), 0, 2); err != nil {
			t.Error(err)
		}
		pass(20 * time.Second)
		if s := g.Stats(); s.Identifies != 5 || s.Resumes != 3 || m.Status().Ready() != 3 {
			t.Errorf("%+v", s)
		}
		g.Shard(1).Close(events.CloseSessionTimedOut)
		pass(20 * time.Second)
		told := false
		moves := m.Shard(1).Moves()
		for _, c := range moves {
			var closed *session.CloseError
			told = told || errors.As(c.Cause, &closed) && c.Lost && c.Shard.Index == 1
		}
		if !told || moves[len(moves)-1].To != session.Ready || m.Shard(9).Moves() != nil {
			t.Errorf("%+v", moves)
		}
		for _, verb := range []func(context.Context, ...int) error{m.Pause, m.Unpause, m.Drain, m.Reidentify} {
			if err := verb(t.Context(), 0, 9); !errors.Is(err, actors.ErrUnknownShard) {
				t.Error(err)
			}
			if err := verb(t.Context()); err == nil {
				t.Error("no shard is named, and there is no error")
			}
		}
		if _, err := m.Release(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		var refused *actors.PlanError
		if err := m.Unpause(t.Context(), 0, 1); !errors.As(err, &refused) {
			t.Errorf("one that was released: %v", err)
		}
		stands(0, actors.Run, session.Ready)
		g.RequireNoViolations(t)
	})
}

// TestPresenceOfTheFleet: each shard tells for itself.
func TestPresenceOfTheFleet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(3), gatewaytest.WithMaxConcurrency(3))
		m := newManager(t, g)
		start(t, m)
		if err := m.Pause(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		set, err := m.SetPresence(t.Context(), events.UpdatePresence{Status: events.StatusIdle})
		if err != nil || len(set) != 3 {
			t.Fatalf("%v, %+v", err, set)
		}
		for i, of := range set {
			if of.Shard != (events.ShardID{Index: i, Total: 3}) || errors.Is(of.Err, actors.ErrPaused) != (i == 1) || of.Err == nil && of.Receipt.Shard != of.Shard {
				t.Errorf("%+v", of)
			}
		}
		if _, err := m.SetPresence(t.Context(), events.UpdatePresence{Status: "asleep"}); err == nil {
			t.Error("a status that there is not is taken")
		}
	})
}

// TestRollingRestart: the canary alone, then so many at a time, each once, without an Identify; paused ones are left alone.
func TestRollingRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const shards = 8
		g := newGateway(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(16))
		m := newManager(t, g)
		start(t, m)
		if err := m.Pause(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		begun, least := time.Now(), shards
		watching, leave := context.WithCancel(t.Context())
		changes := m.Watch(watching)
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			for range changes {
				ready := m.Status().Ready()
				if time.Since(begun) < 10*time.Second && ready < shards-2 {
					t.Errorf("%d are ready while the canary is watched", ready)
				}
				least = min(least, ready)
			}
		}()
		if err := m.RollingRestartWith(t.Context(), shardmanager.Rolling{AtOnce: 2}); err != nil {
			t.Fatal(err)
		}
		leave()
		<-watched
		if took := time.Since(begun); took < 10*time.Second || took > time.Minute {
			t.Errorf("it took %v", took)
		}
		if s := g.Stats(); s.Identifies != shards || s.Resumes != shards-1 || least < shards-1-2 || m.Status().Ready() != shards-1 {
			t.Errorf("%+v, %d at the least", s, least)
		}
		g.RequireNoViolations(t)
	})
}

// TestSecondRollingRestartIsRefused: or more shards would be away than either allows. When the first has ended, another one may begin.
func TestSecondRollingRestartIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(3), gatewaytest.WithMaxConcurrency(16))
		m := newManager(t, g)
		start(t, m)
		ctx, abort := context.WithCancelCause(t.Context())
		first := make(chan error, 1)
		go func() { first <- m.RollingRestart(ctx) }()
		pass(time.Second)
		if err := m.RollingRestart(t.Context(), 2); !errors.Is(err, shardmanager.ErrRolling) {
			t.Errorf("%v", err)
		}
		abort(errAborted)
		if err := <-first; !errors.Is(err, errAborted) {
			t.Error(err)
		}
		if err := m.RollingRestart(t.Context(), 2); err != nil {
			t.Error(err)
		}
		if s := g.Stats(); s.Resumes != 2 {
			t.Errorf("%d Resumes", s.Resumes)
		}
	})
}

// TestRollingRestartStops at the first shard that does not come back, and when it is aborted; the others go on as they were. The error says why, and no more.
func TestRollingRestartStops(t *testing.T) {
	for name, test := range map[string]struct {
		shard, done int
		how         func(g *gatewaytest.Server, m *shardmanager.Manager, abort func(error)) error
	}{
		"the canary does not come back": {0, 0, func(g *gatewaytest.Server, _ *shardmanager.Manager, _ func(error)) error {
			noneComesBackBut(g, 0, func() {})
			return session.ErrPhaseTimeout
		}},
		"the canary does not stay": {0, 0, func(g *gatewaytest.Server, _ *shardmanager.Manager, _ func(error)) error {
			time.AfterFunc(8*time.Second, g.Shard(0).Drop)
			return nil
		}},
		"the canary ends": {0, 0, func(g *gatewaytest.Server, m *shardmanager.Manager, _ func(error)) error {
			noneComesBackBut(g, 0, func() { crash(m, 0) })
			return actors.ErrQuarantined
		}},
		"a later one does not come back": {2, 2, func(g *gatewaytest.Server, _ *shardmanager.Manager, _ func(error)) error {
			noneComesBackBut(g, 2, func() {})
			return session.ErrPhaseTimeout
		}},
		"a later one ends": {2, 2, func(g *gatewaytest.Server, m *shardmanager.Manager, _ func(error)) error {
			noneComesBackBut(g, 2, func() { crash(m, 2) })
			return actors.ErrQuarantined
		}},
		"it is aborted": {-1, 0, func(_ *gatewaytest.Server, _ *shardmanager.Manager, abort func(error)) error {
			time.AfterFunc(5*time.Second, func() { abort(errAborted) })
			return errAborted
		}},
		"it is aborted while the canary is away": {0, 0, func(g *gatewaytest.Server, _ *shardmanager.Manager, abort func(error)) error {
			noneComesBackBut(g, 0, func() {})
			time.AfterFunc(time.Minute, func() { abort(errAborted) })
			return errAborted
		}},
		"the manager is closed": {-1, 0, func(_ *gatewaytest.Server, m *shardmanager.Manager, _ func(error)) error {
			time.AfterFunc(5*time.Second, func() { _ = m.Close(context.Background()) })
			return shardmanager.ErrClosed
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				const shards = 6
				g := newGateway(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(16))
				m := newManager(t, g)
				start(t, m)
				pass(time.Second)
				ctx, abort := context.WithCancelCause(t.Context())
				defer abort(nil)
				why := test.how(g, m, func(err error) { abort(err) })
				begun := time.Now()
				err := m.RollingRestart(ctx)
				var stopped *shardmanager.RollingError
				if !errors.As(err, &stopped) || stopped.Of != shards || why != nil && !errors.Is(err, why) || why == errAborted && stopped.Err != why {
					t.Fatalf("after %v: %v", time.Since(begun), err)
				}
				if test.done >= 0 && stopped.Done != test.done || test.shard >= 0 && stopped.Shard != test.shard || time.Since(begun) > 3*time.Minute {
					t.Errorf("after %v: %v", time.Since(begun), err)
				}
				restarted := 0
				for _, shard := range m.Status().Shards {
					if shard.Conn > 1 {
						restarted++
					}
				}
				if restarted > stopped.Done+1 {
					t.Errorf("%d were restarted, and %d are done", restarted, stopped.Done)
				}
			})
		})
	}
	t.Run("less than one at once", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			m := newManager(t, newGateway(t))
			start(t, m)
			if err := m.RollingRestartWith(t.Context(), shardmanager.Rolling{AtOnce: -1}); err == nil {
				t.Error("-1 at once is taken")
			}
		})
	})
}

var errAborted = errors.New("aborted")

// noneComesBackBut so many shards: no other Resume or Identify is answered. Of each of these f is told.
func noneComesBackBut(g *gatewaytest.Server, back int, f func()) {
	var resumes atomic.Int32
	g.OnFrame(func(frame gatewaytest.Frame) bool {
		if frame.Op == events.OpResume {
			resumes.Add(1)
		}
		silent := frame.Op == events.OpIdentify || frame.Op == events.OpResume && int(resumes.Load()) > back
		if silent {
			f()
		}
		return silent
	})
}

// crash has a shard's actor crash: the fifth time in five minutes the shard ends.
func crash(m *shardmanager.Manager, index int) {
	m.System().Root.Send(m.Supervisor(), actors.CrashShard{Key: shardKey(m, index)})
}
