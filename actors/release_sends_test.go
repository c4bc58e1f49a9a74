package actors_test

import (
	"errors"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
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
