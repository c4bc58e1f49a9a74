package actors_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// withhold keeps requests for members unanswered, until what it returns is called: then the latest gets an answer.
func withhold(f *fleet) (answer func()) {
	var nonce string
	f.gateway.OnFrame(func(frame gatewaytest.Frame) bool {
		if frame.Op != events.OpRequestGuildMembers {
			return false
		}
		var d struct {
			Nonce string `json:"nonce"`
		}
		if err := json.Unmarshal(frame.Data, &d); err != nil {
			f.t.Error(err)
		}
		nonce = d.Nonce
		return true
	})
	return func() {
		f.gateway.Shard(0).Dispatch("GUILD_MEMBERS_CHUNK", map[string]any{
			"guild_id": fmt.Sprint(gatewaytest.GuildOf(events.ShardID{Total: 1}, 0)), "members": []any{}, "chunk_index": 0, "chunk_count": 1, "nonce": nonce,
		})
	}
}

// underWay starts a fleet of one shard, and has p ask it for members, as 1, who do not come until answer is called.
func underWay(t *testing.T) (f *fleet, p *probe, answer func()) {
	f = newFleet(t, nil)
	f.start(1)
	answer, p = withhold(f), f.probe()
	p.ask(f.supervisor, actors.SendEvent{ID: 1, Op: events.OpRequestGuildMembers, Data: members(t)})
	pass(time.Second)
	return f, p, answer
}

// crowd asks for more than the connection may have now, as 100 and on: some wait.
func crowd(f *fleet, p *probe) {
	for id := range uint64(200) {
		p.ask(f.supervisor, actors.SendEvent{ID: 100 + id, Op: events.OpHeartbeat})
	}
	pass(time.Second)
}

// TestDrainEndsWhatIsUnderWay: a shard that drains takes no more sends and says so; what was written is answered, and then its connection ends and
// its session stays. When it is to run again it resumes, and takes sends.
func TestDrainEndsWhatIsUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, p, answer := underWay(t)
		crowd(f, p)
		waiting, _ := f.shard(0)
		if waiting.Waiting == 0 {
			t.Fatal("nothing waits")
		}
		f.mode(actors.Drain)
		draining := 0
		for range 200 {
			switch m := p.next(time.Second).(type) {
			case *actors.EventSent:
				if m.ID < 100 {
					t.Errorf("%d was sent", m.ID)
				}
			case *actors.SendFailed:
				if e := sendError(t, m.Err); !errors.Is(m.Err, actors.ErrDraining) || e.Sent() || m.ID < 100 {
					t.Errorf("%d failed, %v: %v", m.ID, e.Stage, m.Err)
				}
				draining++
			default:
				t.Fatalf("a %T came", m)
			}
		}
		if draining != waiting.Waiting {
			t.Errorf("%d were told that it drains, %d had waited", draining, waiting.Waiting)
		}
		if _, err := f.sendsTo(0).Send(t.Context(), events.Heartbeat{}); !errors.Is(err, actors.ErrDraining) {
			t.Errorf("a new one: %v", err)
		}
		pass(20 * time.Second)
		if shard, _ := f.shard(0); shard.State != session.Ready || shard.Mode != actors.Drain || !f.gateway.Shard(0).Live() {
			t.Errorf("with one under way it is %v, %v", shard.State, shard.Mode)
		}
		p.expectNone(0)
		answer()
		if sent := expect[*actors.EventSent](p, time.Second); sent.ID != 1 {
			t.Errorf("sent: %+v", sent)
		}
		pass(time.Second)
		if shard, _ := f.shard(0); shard.State != session.Closed || f.gateway.Stats().Live != 0 {
			t.Errorf("with none under way it is %v", shard.State)
		}
		if _, err := f.sendsTo(0).Send(t.Context(), events.Heartbeat{}); !errors.Is(err, actors.ErrDraining) {
			t.Errorf("one that has drained: %v", err)
		}
		f.runsAgain()
	})
}

// runsAgain has the first shard run, which must resume, and send.
func (f *fleet) runsAgain() {
	f.t.Helper()
	f.mode(actors.Run)
	pass(10 * time.Second)
	shard, _ := f.shard(0)
	if s := f.gateway.Stats(); shard.State != session.Ready || shard.Session != 1 || s.Identifies != 1 || s.Resumes != 1 {
		f.t.Errorf("it is %v, in session %d: %+v", shard.State, shard.Session, s)
	}
	if _, err := f.sendsTo(0).Send(f.t.Context(), events.Heartbeat{}); err != nil {
		f.t.Error(err)
	}
	f.gateway.RequireNoViolations(f.t)
}

// TestDrainThatIsTakenBackGoesOn: a shard that drains and has something under way takes sends again, on the same connection.
func TestDrainThatIsTakenBackGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, p, answer := underWay(t)
		f.mode(actors.Drain)
		pass(time.Second)
		f.mode(actors.Run)
		if _, err := f.sendsTo(0).Send(t.Context(), events.Heartbeat{}); err != nil {
			t.Error(err)
		}
		answer()
		if sent := expect[*actors.EventSent](p, time.Second); sent.ID != 1 {
			t.Errorf("sent: %+v", sent)
		}
		pass(time.Minute)
		if shard, _ := f.shard(0); shard.State != session.Ready || shard.Conn != 1 {
			t.Errorf("it is %v, on connection %d", shard.State, shard.Conn)
		}
	})
}

// TestPauseKeepsTheSession: a paused shard is not connected, refuses sends and says why, and resumes when it is to run again; a restart that is
// asked for meanwhile does not have it run.
func TestPauseKeepsTheSession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, p, _ := underWay(t)
		f.mode(actors.Pause)
		failed := expect[*actors.SendFailed](p, time.Second)
		if e := sendError(t, failed.Err); failed.ID != 1 || !e.Sent() {
			t.Errorf("what was under way: %+v, %v", failed, e.Stage)
		}
		for range 3 {
			f.ask(actors.RestartShard{Key: f.key(0)})
			pass(20 * time.Second)
			shard, _ := f.shard(0)
			_, err := f.sendsTo(0).Send(t.Context(), events.Heartbeat{})
			if shard.State != session.Closed || shard.Mode != actors.Pause || f.gateway.Stats().Live != 0 || !errors.Is(err, actors.ErrPaused) || !sendError(t, err).Retryable() {
				t.Errorf("it is %v, %v; a send: %v", shard.State, shard.Mode, err)
			}
			if tally := f.Board().Tally(); tally != (actors.Tally{}) {
				t.Errorf("nothing is to run: %+v", tally)
			}
		}
		f.runsAgain()
	})
}

// TestLeaseKeeperDoesNotUndoAPause: who writes plans by himself, and does not know of the operator's change, is refused, and decides anew.
func TestLeaseKeeperDoesNotUndoAPause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(2)
		seen := f.ask(actors.GetPlan{}).(*actors.Plan) // by the keeper, before:
		f.mode(actors.Pause)
		pass(time.Second)
		renew := func(plan *actors.Plan) any {
			change := make(map[actors.Key]actors.Want)
			for key, want := range plan.Wants {
				want.Fence++
				change[key] = want
			}
			return f.ask(actors.SetPlan{From: plan.Version, Change: change})
		}
		var stale *actors.StalePlanError
		if refusal, ok := renew(seen).(*actors.Refusal); !ok || !errors.As(refusal.Err, &stale) {
			t.Fatalf("it is answered with %+v", refusal)
		}
		if set, ok := renew(f.ask(actors.GetPlan{}).(*actors.Plan)).(*actors.PlanSet); !ok {
			t.Fatalf("made anew it is answered with %+v", set)
		}
		pass(time.Minute)
		first, _ := f.shard(0)
		second, _ := f.shard(1)
		if s := f.gateway.Stats(); first.State != session.Closed || second.State != session.Ready || second.Conn != 1 || s.Connections != 2 {
			t.Errorf("the paused one is %v, the other %v: %+v", first.State, second.State, s)
		}
		for key, want := range f.ask(actors.GetPlan{}).(*actors.Plan).Wants {
			if want.Fence != 1 || (want.Mode == actors.Pause) != (key == f.key(0)) {
				t.Errorf("%v: %+v", key, want)
			}
		}
		if s := f.gateway.Stats(); s.Identifies != 2 {
			t.Errorf("%+v", s)
		}
	})
}

// TestSendThatWaitsEndsWithItsShard: at once, when the shard is stopped or paused while the send waits for a permit; and who comes then does not wait.
func TestSendThatWaitsEndsWithItsShard(t *testing.T) {
	for want, mode := range map[error]actors.Mode{actors.ErrPaused: actors.Pause, actors.ErrClosed: actors.Stop} {
		t.Run(want.Error(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, nil)
				f.start(1)
				p := f.probe()
				for range 115 {
					p.ask(f.supervisor, actors.SendEvent{Op: events.OpHeartbeat})
					expect[*actors.EventSent](p, time.Second)
				}
				p.ask(f.supervisor, actors.SendEvent{Op: events.OpHeartbeat})
				pass(time.Second)
				f.mode(mode)
				if failed := expect[*actors.SendFailed](p, time.Millisecond); !errors.Is(failed.Err, want) {
					t.Errorf("who waited: %v", failed.Err)
				}
				p.ask(f.supervisor, actors.SendEvent{Op: events.OpHeartbeat})
				if failed := expect[*actors.SendFailed](p, time.Millisecond); !errors.Is(failed.Err, want) {
					t.Errorf("who comes then: %v", failed.Err)
				}
			})
		})
	}
}

// TestSendToAShardThatNeverRanIsRefused: it is paused from the beginning, and the supervisor goes on.
func TestSendToAShardThatNeverRanIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.ask(actors.SetPlan{Change: map[actors.Key]actors.Want{f.key(0): {Mode: actors.Pause}}})
		failed, ok := f.ask(actors.SendEvent{Shard: f.id(0), Op: events.OpHeartbeat}).(*actors.SendFailed)
		if !ok || sendError(t, failed.Err).Stage != actors.Refused || errors.Is(failed.Err, actors.ErrCrashed) {
			t.Errorf("%+v", failed)
		}
	})
}
