package shardmanager_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// undecodable keeps what the decode hook is given.
type undecodable struct{ seqs []int64 }

func (u *undecodable) OnDecodeError(raw events.Raw, at events.Meta, _ error) {
	if len(raw.Data) == 0 {
		at.Seq = -at.Seq
	}
	u.seqs = append(u.seqs, at.Seq)
}

// TestEventThatCannotBeReadCostsItself: it costs itself and nothing else; what is odd in one that can be read costs that field.
// Failures: F68.
func TestEventThatCannotBeReadCostsItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		var bad undecodable
		m := newManager(t, g, shardmanager.WithHooks(&bad))
		var all seen
		var typed []int64
		shardmanager.OnRaw(m, all.handle)
		shardmanager.On(m, func(_ context.Context, _ *events.MessageCreate, at events.Meta) { typed = append(typed, at.Seq) })
		start(t, m)
		good := `{"content":"x","timestamp":"2026-01-01T00:00:00Z"}`
		for _, e := range []struct{ name, d string }{ // from sequence 2
			{"MESSAGE_CREATE", good}, {"MESSAGE_CREATE", `{"content":5}`}, {"MESSAGE_CREATE", `[]`}, {"MESSAGE_CREATE", `7`},
			{"MESSAGE_CREATE", `{"timestamp":"yesterday"}`}, {"NEW_IN_2027", `{"any":[1]}`}, {"RESUMED", `null`},
			{"MESSAGE_CREATE", `{"author":{"id":{}}}`}, {"MESSAGE_CREATE", good},
		} {
			g.Shard(0).Dispatch(events.Type(e.name), json.RawMessage(e.d))
		}
		pass(time.Second)
		if want := []int64{3, 4, 5, 6, 9}; !slices.Equal(bad.seqs, want) {
			t.Errorf("the hook was told of %v, want %v", bad.seqs, want)
		}
		if !slices.Equal(typed, []int64{2, 3, 6, 9, 10}) || len(all.seqs) != 10 || !slices.IsSorted(all.seqs) {
			t.Errorf("typed %v, raw %v", typed, all.seqs)
		}
		if status, _ := m.Shard(0).Status(); status.Seq != 10 || g.Stats().Connections != 1 {
			t.Errorf("sequence %d, %d connections", status.Seq, g.Stats().Connections)
		}
		g.RequireNoViolations(t)
	})
}

// TestUnreadableEnvelopeEndsTheConnectionOnly: an opcode that nobody knows is nothing; what is no envelope ends the
// connection, and not the session.
// Failures: F69.
func TestUnreadableEnvelopeEndsTheConnectionOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var codes []events.CloseCode
		g := newGateway(t, gatewaytest.WithTrace(func(e gatewaytest.Entry) {
			if e.Kind == gatewaytest.Closed {
				codes = append(codes, e.Code)
			}
		}))
		m := newManager(t, g, shardmanager.WithCompression(events.CompressionNone))
		var got seen
		shardmanager.OnRaw(m, got.handle)
		start(t, m)
		for _, known := range []string{`{"op":99,"d":{}}`, `{"op":-1}`, `{"op":11,"d":{"x":1},"t":null,"s":null}`} {
			g.Shard(0).SendRaw([]byte(known))
		}
		pass(time.Second)
		if n := g.Stats().Connections; n != 1 {
			t.Fatalf("%d connections after opcodes that nobody knows", n)
		}
		broken := []string{`not JSON`, ``, `{"d":{}}`, `{"op":"0"}`, `{"op":0,"t":"X","s":"7","d":1}`, `[]`, `{"op":0,"t":"X","s":2,"d":{`}
		for _, each := range broken {
			g.Shard(0).SendRaw([]byte(each))
			g.Shard(0).Dispatch("X", 1)
			pass(2 * time.Minute)
		}
		if seq := g.Shard(0).Seq(); int64(len(got.seqs)) != seq || !slices.IsSorted(got.seqs) {
			t.Errorf("handled %v of %d", got.seqs, seq)
		}
		if len(codes) != len(broken) || slices.ContainsFunc(codes, func(c events.CloseCode) bool { return c != events.CloseUnknownError }) {
			t.Errorf("closed with %v", codes)
		}
		wantResumed(t, g, m, len(broken))
	})
}

// TestPoisonInEveryReplayIsSkipped: the bytes that cannot be read come again with each Resume. After two new connections they are
// skipped and counted, and the session goes on behind them.
// Failures: F70.
func TestPoisonInEveryReplayIsSkipped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g, shardmanager.WithCompression(events.CompressionNone))
		var got seen
		shardmanager.OnRaw(m, got.handle)
		start(t, m)
		var asked atomic.Int64
		g.OnFrame(func(f gatewaytest.Frame) bool {
			if f.Op != events.OpResume {
				return false
			}
			asked.Add(1)
			for _, payload := range []string{
				`{"op":0,"t":"X","s":2,"d":1}`, `{"op":0,"t":"X","s":3,"d":{`, `{"op":0,"t":"X","s":4,"d":1}`, `{"op":0,"t":"RESUMED","s":5,"d":{}}`,
			} {
				g.SendTo(f.Conn, []byte(payload))
			}
			return true
		})
		g.Shard(0).Drop()
		pass(time.Minute)
		status, _ := m.Shard(0).Status()
		if s := g.Stats(); asked.Load() != 3 || s.Identifies != 1 || s.Connections != 4 || status.State != session.Ready || status.Seq != 5 {
			t.Errorf("%d resumes, %d identifies, %d connections, then %+v", asked.Load(), s.Identifies, s.Connections, status)
		}
		if want := []int64{1, 2, 4, 5}; !slices.Equal(got.seqs, want) || status.Odd != 4 { // the frame, the gap, and what came again
			t.Errorf("handled %v, %d oddities", got.seqs, status.Odd)
		}
	})
}
