package shardmanager_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// resumes are the Resumes and Identifies that the gateway has read, and the sequences of the former.
func resumes(t *testing.T, g *gatewaytest.Server) (frames []gatewaytest.Frame, seqs []int64) {
	t.Helper()
	for _, f := range g.Frames(0) {
		switch f.Op {
		case events.OpIdentify:
			frames = append(frames, f)
		case events.OpResume:
			var d struct {
				Seq *int64 `json:"seq"`
			}
			if err := json.Unmarshal(f.Data, &d); err != nil || d.Seq == nil {
				t.Fatalf("a Resume without a sequence: %v", err)
			}
			frames, seqs = append(frames, f), append(seqs, *d.Seq)
		}
	}
	return frames, seqs
}

// stubborn answers every Resume with a payload, or with the end of the connection if it is nil,
// and notes when.
func stubborn(g *gatewaytest.Server, payload []byte) *[]time.Time {
	var asked []time.Time
	g.OnFrame(func(f gatewaytest.Frame) bool {
		if f.Op != events.OpResume {
			return false
		}
		asked = append(asked, f.At)
		if payload == nil {
			g.DropAll()
		} else {
			g.SendTo(f.Conn, payload)
		}
		return true
	})
	return &asked
}

// TestResumeNamesTheLastDeliveredSequence: it is that of the last event that was delivered, whatever came between.
// Failures: F100.
func TestResumeNamesTheLastDeliveredSequence(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		var last atomic.Int64
		shardmanager.OnRaw(m, func(_ context.Context, _ events.Raw, at events.Meta) { last.Store(at.Seq) })
		start(t, m)
		var want []int64
		for round := range 8 {
			for range round {
				g.Shard(0).Dispatch("X", round)
			}
			pass(2 * time.Minute) // with heartbeats, whose ACKs have a null sequence
			g.Shard(0).RequestHeartbeat()
			g.Shard(0).SendRaw([]byte(`{"op":11,"d":null,"s":null,"t":null}`))
			pass(time.Second)
			want = append(want, last.Load())
			switch round % 4 {
			case 0:
				g.Shard(0).Reconnect()
			case 1:
				g.Shard(0).Drop()
			case 2:
				g.Shard(0).Close(events.CloseUnknownError)
			case 3:
				if err := m.Restart(t.Context(), 0); err != nil {
					t.Fatal(err)
				}
			}
			pass(time.Minute)
		}
		if _, seqs := resumes(t, g); !slices.Equal(seqs, want) {
			t.Errorf("resumed from %v, want %v", seqs, want)
		}
		wantResumed(t, g, m, 8)
	})
}

// TestEventWithoutASequenceForgetsNothing: it does not make the status or the store forget the latest one.
// Failures: F100.
func TestEventWithoutASequenceForgetsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := session.NewMemoryStore()
		m := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, m)
		g.Shard(0).Dispatch("X", 1) // 2
		g.Shard(0).SendRaw([]byte(`{"op":0,"t":"Y","s":null,"d":1}`))
		pass(time.Minute)
		status, _ := m.Shard(0).Status()
		saved, err := store.Load(t.Context(), events.ShardID{Total: 1})
		if status.Seq != 2 || err != nil || saved.Seq != 2 {
			t.Errorf("status at %d, saved %d, %v", status.Seq, saved.Seq, err)
		}
		closeNow(t, m)
		second := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, second)
		if _, seqs := resumes(t, g); !slices.Equal(seqs, []int64{2}) {
			t.Errorf("resumed from %v", seqs)
		}
		wantResumed(t, g, second, 1)
	})
}

// TestUnansweredResumeIsTriedAgain: after half a minute it is tried again.
// Failures: F101.
func TestUnansweredResumeIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		var silent atomic.Bool
		g.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpResume && !silent.Swap(true) })
		g.Shard(0).Drop()
		pass(2 * time.Minute)
		frames, seqs := resumes(t, g)
		if len(seqs) != 2 {
			t.Fatalf("%d resumes", len(seqs))
		}
		if apart := frames[2].At.Sub(frames[1].At); apart < session.ReadyTimeout || apart > session.ReadyTimeout+5*time.Second {
			t.Errorf("tried again after %v", apart)
		}
		wantResumed(t, g, m, 1)
	})
}

// TestCutInEveryReplayComesFurther: each replay comes a little further, and none goes back.
// Failures: F102.
func TestCutInEveryReplayComesFurther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithResumeTimeout(time.Hour))
		m := newManager(t, g, shardmanager.WithCompression(events.CompressionNone))
		var got seen
		shardmanager.OnRaw(m, got.handle)
		start(t, m)
		g.OnFrame(func(f gatewaytest.Frame) bool {
			if f.Op == events.OpResume {
				g.Shard(0).CutAt(200) // four or five events
			}
			return false
		})
		g.Shard(0).Drop()
		const missed = 60
		for i := range missed {
			g.Shard(0).Dispatch("X", fmt.Sprint("event ", i))
		}
		pass(20 * time.Minute)
		_, seqs := resumes(t, g)
		if len(seqs) < 10 || !slices.IsSorted(seqs) {
			t.Errorf("resumed from %v", seqs)
		}
		for i, seq := range got.seqs {
			if seq != int64(i+1) {
				t.Fatalf("handled %v", got.seqs)
			}
		}
		if len(got.seqs) < missed+1 || g.Stats().Identifies != 1 {
			t.Errorf("%d events of %d, %d identifies", len(got.seqs), missed+1, g.Stats().Identifies)
		}
		g.RequireNoViolations(t)
	})
}

// TestFirstConnectionOfAProcessMayBeAResume: what can happen to a Resume may happen to a process's first.
// Failures: F109.
func TestFirstConnectionOfAProcessMayBeAResume(t *testing.T) {
	for name, fault := range map[string]struct {
		happen     func(g *gatewaytest.Server)
		identifies int
	}{
		"nothing": {func(*gatewaytest.Server) {}, 1},
		"op 7 in place of Hello": {func(g *gatewaytest.Server) {
			g.OnConnect(func(conn int) bool {
				if conn == 2 {
					g.SendTo(conn, []byte(`{"op":7,"d":null}`))
				}
				return conn == 2
			})
		}, 1},
		"op 9, resumable":        {func(g *gatewaytest.Server) { once(g, func(conn int) { g.SendTo(conn, []byte(`{"op":9,"d":true}`)) }) }, 1},
		"op 9":                   {func(g *gatewaytest.Server) { once(g, func(conn int) { g.SendTo(conn, []byte(`{"op":9,"d":false}`)) }) }, 2},
		"the connection ends":    {func(g *gatewaytest.Server) { once(g, func(int) { g.DropAll() }) }, 1},
		"silence":                {func(g *gatewaytest.Server) { once(g, func(int) {}) }, 1},
		"it is not there at all": {func(g *gatewaytest.Server) { g.ForgetSessions() }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				store := session.NewMemoryStore()
				first := newManager(t, g, shardmanager.WithSessionStore(store))
				start(t, first)
				closeNow(t, first)
				pass(10 * time.Second) // this store has no ledger of when the last Identify was
				g.Shard(0).Dispatch("X", 1)
				fault.happen(g)
				m := newManager(t, g, shardmanager.WithSessionStore(store))
				var got seen
				shardmanager.OnRaw(m, got.handle)
				start(t, m)
				pass(time.Second)
				want := []int64{2, 3} // the event, and RESUMED
				if fault.identifies == 2 {
					want = []int64{1}
				}
				if s := g.Stats(); s.Identifies != fault.identifies || !slices.Equal(got.seqs, want) {
					t.Errorf("%d identifies, handled %v", s.Identifies, got.seqs)
				}
				g.RequireNoViolations(t)
			})
		})
	}
}

// once has f answer the next Resume.
func once(g *gatewaytest.Server, f func(conn int)) {
	var done atomic.Bool
	g.OnFrame(func(frame gatewaytest.Frame) bool {
		if frame.Op != events.OpResume || done.Swap(true) {
			return false
		}
		f(frame.Conn)
		return true
	})
}
