package actors_test

import (
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// wantAway fails unless the shard is away since then; zero: it is not.
func (f *fleet) wantAway(when string, since time.Time) {
	f.t.Helper()
	s, _ := f.shard(0)
	if s.Away.IsZero() != since.IsZero() || s.Away.Sub(since).Abs() > time.Second && !since.IsZero() {
		f.t.Errorf("%s: in %v since %v, away since %v; want %v", when, s.State, s.Since, s.Away, since)
	}
}

// TestAwayIsSinceTheShardWasReady, over all that it does until it is again; and where it was not to run, since it is.
func TestAwayIsSinceTheShardWasReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.gateway.Outage(true)
		began := time.Now()
		f.ask(actors.StartShards{Total: 1})
		pass(time.Minute)
		f.wantAway("before it was ever Ready", began)
		f.gateway.Outage(false)
		pass(2 * time.Minute)
		f.wantAway("Ready", time.Time{})

		f.gateway.Outage(true)
		lost := time.Now()
		pass(3 * time.Minute)
		f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(0)})
		pass(time.Minute)
		f.wantAway("after some dials and a crash", lost)
		f.mode(actors.Pause)
		pass(time.Hour)
		f.wantAway("paused", lost)
		f.mode(actors.Run)
		again := time.Now()
		pass(2 * time.Minute)
		f.wantAway("to run again", again)
		f.gateway.Outage(false)
		pass(2 * time.Minute)
		f.wantAway("Ready again", time.Time{})

		f.gateway.Shard(0).Close(events.CloseInvalidShard)
		ended := time.Now()
		pass(time.Minute)
		f.gateway.Outage(true)
		f.ask(actors.RestartShard{Key: f.key(0)})
		pass(time.Minute)
		if s, _ := f.shard(0); s.Ended() {
			t.Fatal("it was not restarted")
		}
		f.wantAway("restarted after an end by itself", ended)
	})
}

// TestLastFrameIsOfAllFrames: an ACK of a heartbeat is one, and a connection that is made anew does not forget when the one before was heard.
func TestLastFrameIsOfAllFrames(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.gateway.Outage(true)
		f.ask(actors.StartShards{Total: 1})
		pass(time.Minute)
		if s, _ := f.shard(0); !s.LastFrame.IsZero() {
			t.Errorf("something was read at %v, and there was no connection", s.LastFrame)
		}
		f.gateway.Outage(false)
		pass(10 * time.Minute)
		now := time.Now()
		if s, _ := f.shard(0); now.Sub(s.LastFrame) > s.HeartbeatInterval() || now.Sub(s.LastEvent) < 5*time.Minute {
			t.Errorf("the last frame is %v old, the last event %v", now.Sub(s.LastFrame), now.Sub(s.LastEvent))
		}
		f.gateway.Outage(true)
		pass(5 * time.Minute)
		if s, _ := f.shard(0); s.Conn < 3 || s.LastFrame.After(now) || now.Sub(s.LastFrame) > time.Minute {
			t.Errorf("on connection %d: the last frame came at %v, and the outage at %v", s.Conn, s.LastFrame, now)
		}
	})
}

// silentBucket panics when it is asked how it stands.
type silentBucket struct{ ratelimit.Bucket }

func (silentBucket) Remaining(time.Time) int { panic("a bug in the bucket") }

type silentLimiter struct{ ratelimit.RateLimiter }

func (l silentLimiter) Connection(s ratelimit.Shard, heartbeat time.Duration) ratelimit.Bucket {
	return silentBucket{l.RateLimiter.Connection(s, heartbeat)}
}

// TestPermitsAreThoseOfTheConnection: each send takes one until it comes back, and a new connection has all.
func TestPermitsAreThoseOfTheConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		permits := func(when string, want int) {
			t.Helper()
			if s, _ := f.shard(0); s.Permits != want {
				t.Errorf("%s: %d permits, want %d", when, s.Permits, want)
			}
		}
		send := func(n int) {
			t.Helper()
			for range n {
				if _, err := f.sendsTo(0).Send(t.Context(), events.Heartbeat{}); err != nil {
					t.Error(err)
				}
			}
			pass(time.Second)
		}
		f.start(1)
		s, _ := f.shard(0)
		all := s.Permits
		if all < 110 || all >= 120 {
			t.Errorf("%d permits at the beginning", all)
		}
		send(7)
		permits("7 sends", all-7)
		pass(30 * time.Second)
		send(1)
		permits("one more", all-8)
		pass(35 * time.Second)
		send(1)
		permits("the 7 came back", all-2)
		pass(2 * time.Minute)
		permits("all came back", all)
		go send(all + 20)
		pass(time.Second)
		permits("none is left", 0)
		f.gateway.Outage(true)
		pass(time.Second)
		permits("there is no connection", 0)
		f.gateway.Outage(false)
		pass(10 * time.Second)
		if s, _ := f.shard(0); s.State != session.Ready || s.Permits < all-21 {
			t.Errorf("%v, with %d permits on a new connection", s.State, s.Permits)
		}
		pass(3 * time.Minute)
	})
}

// TestBucketThatPanicsOfItsStandingCostsThatAlone: sends go, and no permit is shown.
func TestBucketThatPanicsOfItsStandingCostsThatAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.Limiter = silentLimiter{cfg.Limiter} })
		f.start(1)
		if _, err := f.sendsTo(0).Send(t.Context(), events.Heartbeat{}); err != nil {
			t.Error(err)
		}
		if s, _ := f.shard(0); s.Permits != 0 || s.Crashes != 0 {
			t.Errorf("%d permits, %d crashes", s.Permits, s.Crashes)
		}
	})
}
