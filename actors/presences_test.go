package actors_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
)

// TestPresenceNeedsNoRoom: it takes the place of the one before it, and goes however many other sends wait.
func TestPresenceNeedsNoRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.QueueLimit = 2 })
		f.start(1)
		f.gateway.Outage(true)
		f.gateway.DropAll()
		pass(time.Millisecond)
		p := f.probe()
		for id := range uint64(3) {
			p.ask(f.supervisor, actors.SendEvent{ID: id, Op: events.OpHeartbeat})
		}
		if failed := expect[*actors.SendFailed](p, time.Second); failed.ID != 2 || !errors.Is(failed.Err, actors.ErrQueueFull) {
			t.Errorf("%d of a full queue: %v", failed.ID, failed.Err)
		}
		for id := range uint64(3) {
			p.ask(f.supervisor, actors.SendEvent{ID: 10 + id, Op: events.OpPresenceUpdate, Data: presence(t)})
		}
		for id := range uint64(2) {
			failed := expect[*actors.SendFailed](p, time.Second)
			if e := sendError(t, failed.Err); failed.ID != 10+id || e.Stage != actors.Queued || !errors.Is(e, actors.ErrSuperseded) {
				t.Errorf("%d, which a newer one replaces: %v", failed.ID, e)
			}
		}
		p.expectNone(time.Second)
		f.gateway.Outage(false)
		all := make(map[uint64]bool)
		for range 3 {
			all[expect[*actors.EventSent](p, 2*time.Minute).ID] = true
		}
		if !all[0] || !all[1] || !all[12] {
			t.Errorf("sent: %v", all)
		}
	})
}

// TestPresenceThatComesBackGivesWay to a newer one that waits: it was forwarded to a connection that was lost, and whoever asked is told.
func TestPresenceThatComesBackGivesWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var armed atomic.Bool
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.ShardProps = onShards(func(message string) {
				if message == "actors.lost" && armed.CompareAndSwap(true, false) {
					time.Sleep(time.Second) // in which sends are forwarded to the connection
				}
			})
		})
		f.start(1)
		armed.Store(true)
		f.gateway.DropAll()
		pass(100 * time.Millisecond)
		if armed.Load() {
			t.Fatal("the shard does not know that the connection is lost")
		}
		const limit = 5 // of a session, in 20 s
		p := f.probe()
		for id := range uint64(limit + 1) {
			p.ask(f.supervisor, actors.SendEvent{ID: id, Op: events.OpPresenceUpdate, Data: presence(t)})
			p.expectNone(time.Millisecond)
		}
		told := make(map[uint64]int)
		for range limit {
			failed := expect[*actors.SendFailed](p, 2*time.Second)
			if e := sendError(t, failed.Err); e.Stage != actors.Queued || !errors.Is(e, actors.ErrSuperseded) {
				t.Errorf("%d: %v", failed.ID, e)
			}
			told[failed.ID]++
		}
		if sent := expect[*actors.EventSent](p, time.Minute); sent.ID != limit || len(told) != limit {
			t.Errorf("%d is sent, want %d, the newest; others: %v", sent.ID, limit, told)
		}
		p.expectNone(time.Hour)
		if n := sent(f.gateway, events.OpPresenceUpdate); n != 1 {
			t.Errorf("the gateway has %d presences", n)
		}
		f.gateway.RequireNoViolations(t)
	})
}

// TestPresencesThatWaitGoEachInItsTime: as soon as its own shard may send one more, whatever the order in which the shards have used up theirs.
func TestPresencesThatWaitGoEachInItsTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(6)
		const limit, period = 5, 21 * time.Second // of a session
		p := f.probe()
		may := make(map[uint64]time.Time)
		for _, index := range []int{3, 5, 0, 1, 4, 2} {
			may[uint64(index)] = time.Now().Add(period)
			for n := range limit {
				p.ask(f.supervisor, actors.SendEvent{ID: uint64(100 + n), Op: events.OpPresenceUpdate, Data: presence(t), Shard: f.id(index)})
				expect[*actors.EventSent](p, time.Second)
			}
			p.ask(f.supervisor, actors.SendEvent{ID: uint64(index), Op: events.OpPresenceUpdate, Data: presence(t), Shard: f.id(index)})
			p.expectNone(1500 * time.Millisecond)
		}
		for range len(may) {
			sent := expect[*actors.EventSent](p, time.Minute)
			if late := time.Since(may[sent.ID]); late < 0 || late > 100*time.Millisecond {
				t.Errorf("that of shard %d goes %v after it may", sent.ID, late)
			}
		}
		f.gateway.RequireNoViolations(t)
	})
}
