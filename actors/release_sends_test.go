package actors_test

import (
	"errors"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// TestSendsOfAShardThatIsReleased: from the first moment new ones are refused, what waits is given back, and what was written is answered while there
// is time for it. Each ends once.
func TestSendsOfAShardThatIsReleased(t *testing.T) {
	for name, answered := range map[string]bool{"answered": true, "not answered": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f, p, answer := underWay(t)
				crowd(f, p)
				waiting, _ := f.shard(0)
				asker := f.probe()
				asker.ask(f.supervisor, actors.ReleaseShard{Key: f.key(0), Within: 20 * time.Second})
				p.ask(f.supervisor, actors.SendEvent{ID: 99, Op: events.OpHeartbeat})
				moving := 0
				for range 201 {
					if m, ok := p.next(time.Second).(*actors.SendFailed); ok {
						e := sendError(t, m.Err)
						if moving++; !errors.Is(m.Err, actors.ErrMoving) || e.Sent() || !e.Retryable() {
							t.Errorf("%d failed: %v", m.ID, m.Err)
						}
					}
				}
				if moving != waiting.Waiting+1 || waiting.Waiting == 0 {
					t.Errorf("%d were told, %d had waited", moving, waiting.Waiting)
				}
				pass(5 * time.Second)
				if !f.gateway.Shard(0).Live() {
					t.Error("it has not waited for the answer")
				}
				if answered {
					answer()
					if sent := expect[*actors.EventSent](p, time.Second); sent.ID != 1 {
						t.Errorf("sent: %+v", sent)
					}
				} else if failed := expect[*actors.SendFailed](p, 7*time.Second); failed.ID != 1 || !sendError(t, failed.Err).Sent() {
					t.Errorf("failed: %+v", failed)
				}
				if m := expect[*actors.ShardReleased](asker, 2*time.Second); !m.Snapshot.Exact {
					t.Errorf("%v", m.Snapshot)
				}
				if _, err := f.sendsTo(0).Send(t.Context(), events.Heartbeat{}); !errors.Is(err, actors.ErrMoving) {
					t.Errorf("one that was released: %v", err)
				}
				p.expectNone(time.Minute)
				f.gateway.RequireNoViolations(t)
			})
		})
	}
}

// gone are the modes in which a shard takes no more sends, though it is connected, and what those end in.
var gone = map[actors.Mode]error{actors.Drain: actors.ErrDraining, actors.Release: actors.ErrMoving}

// TestReconnectOfAShardThatTakesNoMoreSends: it takes none on its new connection either, where what was written before has its answer.
func TestReconnectOfAShardThatTakesNoMoreSends(t *testing.T) {
	for mode, want := range gone {
		t.Run(mode.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f, p, answer := underWay(t)
				f.mode(mode)
				f.gateway.Shard(0).Drop()
				pass(time.Second)
				if shard, _ := f.shard(0); shard.State != session.Ready || shard.Resumes != 1 {
					t.Fatalf("it is %v, after %d resumes", shard.State, shard.Resumes)
				}
				if _, err := f.sendsTo(0).Send(t.Context(), events.Heartbeat{}); !errors.Is(err, want) {
					t.Errorf("a new one: %v", err)
				}
				answer()
				if sent := expect[*actors.EventSent](p, time.Second); sent.ID != 1 {
					t.Errorf("sent: %+v", sent)
				}
				if pass(time.Second); f.gateway.Stats().Live != 0 {
					t.Error("with none under way it is connected")
				}
			})
		})
	}
}

// TestSendThatComesBackFromAShardThatTakesNoMore is told why, and does not wait: it was admitted before, for a connection that had ended.
func TestSendThatComesBackFromAShardThatTakesNoMore(t *testing.T) {
	for mode, want := range gone {
		for name, event := range map[string]actors.SendEvent{
			"in the queue": {ID: 7, Op: events.OpHeartbeat},
			"a presence":   {ID: 7, Op: events.OpPresenceUpdate, Data: presence(t)},
		} {
			t.Run(mode.String()+" "+name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					var f *fleet
					f = newFleet(t, nil, actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
						return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
							if m, ok := e.Message.(actors.SendEvent); ok && m.ID == 7 { // the supervisor hears of what follows behind it
								f.gateway.Outage(true)
								f.gateway.DropAll()
								time.Sleep(time.Second)
								f.system.Root.Send(f.supervisor, actors.SetMode{Keys: []actors.Key{f.key(0)}, Mode: mode})
							}
							next(ctx, e)
						}
					}))
					f.start(1)
					answer, p, q := withhold(f), f.probe(), f.probe()
					p.ask(f.supervisor, actors.SendEvent{ID: 1, Op: events.OpRequestGuildMembers, Data: members(t)}) // for its answer the shard goes on
					pass(time.Second)
					q.ask(f.supervisor, event)
					if e := sendError(t, expect[*actors.SendFailed](q, 2*time.Second).Err); !errors.Is(e, want) || e.Sent() || !e.Retryable() {
						t.Errorf("it is told %v", e)
					}
					pass(0)
					if shard, _ := f.shard(0); shard.State == session.Ready || shard.State == session.Closed || shard.Waiting != 0 {
						t.Errorf("the shard is %v, and %d wait", shard.State, shard.Waiting)
					}
					f.gateway.Outage(false)
					pass(time.Second)
					answer()
					q.expectNone(time.Minute)
				})
			})
		}
	}
}

// TestHandlersThatAreNotDoneInTime: what they have not finished comes again where the shard is adopted, and says so; what had not begun is not handled here.
func TestHandlersThatAreNotDoneInTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(1)
		var here, there seen
		f.Handle([]events.Type{"X"}, here.handle(8*time.Second))
		first := f.gateway.Shard(0).Dispatch("X", 1)
		for range 3 {
			f.gateway.Shard(0).Dispatch("X", 2)
		}
		pass(time.Second)
		begun := time.Now()
		snapshot := f.release(0, 10*time.Second)
		if took := time.Since(begun); took < 9*time.Second || took > 11*time.Second || snapshot.Exact || snapshot.Seq != first {
			t.Errorf("after %v: %v, exact %v, the first event is %d", took, snapshot, snapshot.Exact, first)
		}
		other := f.beside(1, nil)
		other.Handle([]events.Type{"X"}, there.handle(0))
		if err := other.adopt(snapshot); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if h, o := here.take(), there.take(); !equal(h, first, first+1) || !equal(o, -first-1, -first-2, -first-3) {
			t.Errorf("here came %v, there %v", h, o)
		}
	})
}
