package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestRefusedIdentifyWaitsForAnotherTurn: op 9 in answer to Identify costs a start of the day, a pause, and another turn.
//
// Failures: F32.
func TestRefusedIdentifyWaitsForAnotherTurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		var at []time.Time
		g.OnFrame(func(f gatewaytest.Frame) bool {
			if f.Op != events.OpIdentify {
				return false
			}
			if at = append(at, f.At); len(at) > 3 {
				return false
			}
			g.SendTo(f.Conn, []byte(`{"op":9,"d":false}`))
			return true
		})
		m := newManager(t, g)
		start(t, m)
		for i := 1; i < len(at); i++ {
			if pause := at[i].Sub(at[i-1]); pause < 5*time.Second || pause > time.Minute {
				t.Errorf("identify %d comes %v after the one before", i+1, pause)
			}
		}
		if status, _ := m.Shard(0).Status(); len(at) != 4 || status.Identifies != 4 {
			t.Errorf("%d identifies, the status counts %d", len(at), status.Identifies)
		}
		g.RequireNoViolations(t)
	})
}

// TestFatalCodesAreNotTriedAgain: a configuration that cannot work is not tried again, and says what is wrong.
//
// Failures: F36.
func TestFatalCodesAreNotTriedAgain(t *testing.T) {
	for _, code := range []events.CloseCode{4010, 4011, 4012, 4013, 4014} {
		t.Run(fmt.Sprint(int(code)), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
				m := newManager(t, g)
				start(t, m)
				g.Shard(1).Close(code)
				pass(time.Minute)
				before := g.Stats()
				pass(24 * time.Hour)
				after := g.Stats()
				alone := code == events.CloseInvalidShard || code == events.CloseShardingRequired
				status, _ := m.Shard(1).Status()
				var closed *session.CloseError
				if !errors.As(status.Cause, &closed) || closed.Code != code || status.State != session.Closed {
					t.Errorf("%v: %v", status.State, status.Cause)
				}
				if after.Connections != before.Connections || (m.Err() == nil) != alone || g.Shard(0).Live() != alone {
					t.Errorf("connections %d → %d, %v, the other is live: %v", before.Connections, after.Connections, m.Err(), g.Shard(0).Live())
				}
			})
		})
	}
}

// TestLateReadyBeginsNoSession: a READY that comes when nobody waits for it any more begins no session, and holds up no other shard.
//
// Failures: F43, F44.
func TestLateReadyBeginsNoSession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(3))
		late := 0
		g.OnFrame(func(f gatewaytest.Frame) bool {
			if f.Op != events.OpIdentify || f.Shard.Index != 0 || late == 2 {
				return false
			}
			late++
			time.AfterFunc(29999*time.Millisecond, func() {
				g.SendTo(f.Conn, []byte(`{"op":0,"t":"NONE","s":1,"d":{}}`))
			})
			time.AfterFunc(30001*time.Millisecond, func() {
				g.SendTo(f.Conn, []byte(`{"op":0,"t":"READY","s":1,"d":{"session_id":"late","user":{"id":"1"}}}`))
			})
			return true
		})
		m := newManager(t, g)
		var readies atomic.Int64
		shardmanager.OnRaw(m, func(_ context.Context, _ events.Raw, at events.Meta) {
			if at.Shard.Index == 0 {
				readies.Add(1)
			}
		}, shardmanager.WithTypes(events.TypeReady))
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(13 * time.Second)
		if !g.Shard(1).Live() || !g.Shard(2).Live() {
			t.Error("shards 1 and 2 wait for shard 0")
		}
		pass(5 * time.Minute)
		if status, _ := m.Shard(0).Status(); readies.Load() != 1 || status.Session != 1 || !g.Shard(0).Live() {
			t.Errorf("%d READYs, session %d", readies.Load(), status.Session)
		}
		g.RequireNoViolations(t)
	})
}

// TestLostSessionIsToldBeforeTheNextOnesEvents: before the first event of a session that takes another's place, the loss is told; and its handlers see READY first,
// and what comes right behind it in order.
//
// Failures: F48, F50.
func TestLostSessionIsToldBeforeTheNextOnesEvents(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(50))
		var told atomic.Bool
		hook := changes(func(c shardmanager.Change) {
			if c.Lost {
				told.Store(true)
			}
		})
		m := newManager(t, g, shardmanager.WithHooks(hook))
		var seqs []int64
		shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, at events.Meta) {
			if at.Session != 2 {
				return
			}
			if !told.Load() {
				t.Errorf("%s of the new session, and nobody was told", raw.Type)
			}
			if len(seqs) == 0 && raw.Type != events.TypeReady {
				t.Errorf("%s comes first", raw.Type)
			}
			seqs = append(seqs, raw.Seq)
		})
		start(t, m)
		g.Shard(0).InvalidSession(false)
		pass(time.Minute)
		for i, seq := range seqs {
			if seq != int64(i+1) {
				t.Fatalf("events come as %v", seqs)
			}
		}
		if len(seqs) != 51 {
			t.Errorf("%d events", len(seqs))
		}
	})
}

type changes func(shardmanager.Change)

func (f changes) OnChange(c shardmanager.Change) { f(c) }

// gauge is how full a mailbox was at the most.
type gauge struct{ depth, most atomic.Int64 }

func (g *gauge) MailboxStarted()     {}
func (g *gauge) MessageReceived(any) { g.depth.Add(-1) }
func (g *gauge) MailboxEmpty()       {}
func (g *gauge) MessagePosted(any) {
	if d := g.depth.Add(1); d > g.most.Load() {
		g.most.Store(d)
	}
}

// TestFloodsLeaveMailboxesShort: a flood of events and of sends leaves the actors' mailboxes short: the reader has credit for 64 frames, and of
// sends no more wait than have callers.
//
// Failures: F54, F140.
func TestFloodsLeaveMailboxesShort(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		var shard, supervisor gauge
		m := newManager(t, g, shardmanager.WithActorProps(func(key actors.Key) []actor.PropsOption {
			index := indexOf(key)
			if index < 0 {
				return []actor.PropsOption{actor.WithMailbox(actor.Unbounded(&supervisor))}
			}
			return []actor.PropsOption{actor.WithMailbox(actor.Unbounded(&shard))}
		}))
		stuck, release := context.WithCancel(context.Background())
		shardmanager.OnRaw(m, func(context.Context, events.Raw, events.Meta) { <-stuck.Done() })
		start(t, m)
		const callers = 300
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		for range callers {
			go func() {
				for ctx.Err() == nil {
					// It fails in the end: the bucket is empty.
					_, _ = events.RequestGuildMembers{GuildID: gatewaytest.GuildOf(events.ShardID{Total: 1}, 0), UserIDs: []events.Snowflake{1}}.SendEvent(ctx, m)
				}
			}()
		}
		for range 20_000 {
			g.Shard(0).Dispatch("X", strings.Repeat("x", 50))
		}
		pass(6 * time.Minute)
		if most := shard.most.Load(); most > 64+130 {
			t.Errorf("the shard's mailbox held %d messages", most)
		}
		if most := supervisor.most.Load(); most > callers+64 {
			t.Errorf("the supervisor's mailbox held %d messages", most)
		}
		if s := g.Stats(); s.Lateness > 0 || s.Connections != 1 {
			t.Errorf("lateness %v, %d connections", s.Lateness, s.Connections)
		}
		release()
		pass(time.Second)
	})
}

// TestSharedRequestsAreBounded: those who wait for an answer that they share are bounded as well, and seen.
//
// Failures: F140.
func TestSharedRequestsAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		g.OnFrame(func(f gatewaytest.Frame) bool { return f.Op == events.OpRequestChannelInfo }) // nobody answers
		m := newManager(t, g, shardmanager.WithQueueLimit(100))
		start(t, m)
		depth := func() (depth int) {
			for _, q := range m.Queues() {
				if q.Name == "shared" {
					depth += q.Depth
				}
			}
			return depth
		}
		ask := func(ctx context.Context, n int) *atomic.Int64 {
			var full atomic.Int64
			for range n {
				go func() {
					_, err := events.RequestChannelInfo{GuildID: 1 << 22, Fields: []string{"status"}}.SendEvent(ctx, m)
					if errors.Is(err, actors.ErrQueueFull) {
						full.Add(1)
					}
				}()
			}
			pass(time.Millisecond)
			return &full
		}
		first, leave := context.WithCancel(t.Context())
		if full := ask(first, 130); full.Load() != 30 || depth() != 100 {
			t.Errorf("%d refused, %d wait", full.Load(), depth())
		}
		leave()
		pass(time.Millisecond)
		if full := ask(t.Context(), 50); full.Load() != 0 || depth() != 50 {
			t.Errorf("when the first have left: %d refused, %d wait", full.Load(), depth())
		}
		pass(2 * time.Minute) // a request that nobody answers ends
		if depth() != 0 {
			t.Errorf("%d wait in the end", depth())
		}
	})
}
