package health_test

import (
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager/health"
)

// The tests of this file go along the table in the package's comment.

// TestStartIsAliveAndNotReady: before it, while the gateway cannot be asked, in a long identify queue; and ready with the last shard that is not tolerated.
func TestStartIsAliveAndNotReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, 20, gatewaytest.WithMaxConcurrency(1))
		g.Outage(true)
		m := newManager(t, g)
		ask := newAsker(t, m)
		ask.alive(true, health.NotStarted)
		if r := ask.is(false, health.NotStarted); r.Reason != "Start was not called yet" || r.Shards != (health.Shards{}) {
			t.Errorf("%+v", r)
		}
		started := make(chan error, 1)
		go func() { started <- m.Start(t.Context()) }()
		pass(time.Minute)
		ask.alive(true, health.Starting)
		if r := ask.is(false, health.Starting); !strings.HasPrefix(r.Reason, "Start goes on: shardmanager: GET /api/v10/gateway/bot: ") {
			t.Errorf("it does not say what Start waits for: %s", r.Reason)
		}
		g.Outage(false)
		if err := <-started; err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		ask.is(false, health.Starting) // a shard that has not been Ready yet is not away for a short time
		pass(53 * time.Second)         // the first at once, and one each 5 s and a quarter
		ask.alive(true, health.Running)
		r := ask.is(false, health.Starting)
		if r.Shards != (health.Shards{Wanted: 20, Ready: 11, Away: 9, Counted: 9, Tolerated: 1}) || r.More != 0 || len(r.Away) != 9 {
			t.Errorf("%+v", r)
		}
		if a := r.Away[0]; a.Kind != health.KindQueue || a.State != "Queued" || a.Shard != 11 || a.Total != 20 || !a.Counted || time.Until(a.Next) > 5*time.Second || a.Next.Before(time.Now()) {
			t.Errorf("%+v", a)
		}
		pass(42 * time.Second)
		if r := ask.is(true, health.Starting); r.Shards.Ready != 19 || r.Away[0].Kind != health.KindQueue || r.Away[0].Shard != 19 {
			t.Errorf("%+v", r)
		}
		pass(5 * time.Second)
		if r := ask.is(true, health.Running); r.Reason != "20 shards are ready" || len(r.Away) != 0 {
			t.Errorf("%+v", r)
		}
	})
}

// TestReconnectIsTolerated, for a while; and since when it is not is told to the second, though nobody asked then.
func TestReconnectIsTolerated(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, 4)
		m := newManager(t, g)
		ask := newAsker(t, m)
		begin(t, m)
		ask.is(true, health.Running)
		g.Shard(2).Drop()
		g.Outage(true)
		pass(20 * time.Second)
		r := ask.is(true, health.Running)
		if r.Shards != (health.Shards{Wanted: 4, Away: 4}) || r.Away[0].Counted || r.Away[0].Kind != health.KindConnection {
			t.Errorf("%+v", r)
		}
		pass(time.Minute)
		ask.alive(true, health.Running)
		r = ask.is(false, health.Running)
		ask.ago("that it is not ready", r.Since, 50*time.Second)
		ask.ago("that the shard is away", r.Away[0].Since, 80*time.Second)
		if a := r.Away[0]; !a.Counted || a.Text == "" || r.Shards.Counted != 4 || !strings.HasPrefix(r.Reason, "4 of 4 shards are away, and 0 may be: shard ") {
			t.Errorf("%+v", r)
		}
		pass(6 * time.Hour) // not dead, however long it takes
		ask.alive(true, health.Running)
		ask.ago("that it is not ready", ask.is(false, health.Running).Since, 6*time.Hour+50*time.Second)
		g.Outage(false)
		pass(5 * time.Minute)
		r = ask.is(true, health.Running)
		ask.ago("that it is ready", r.Since, 0)
		pass(time.Minute)
		if again := ask.is(true, health.Running); !again.Since.Equal(r.Since) {
			t.Errorf("ready since %v, and then since %v", r.Since, again.Since)
		}
	})
}

// TestCauseThatChangesDoesNotStartTheTimeAnew: a shard that fails now so and now so is away all the while.
func TestCauseThatChangesDoesNotStartTheTimeAnew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, 1)
		m := newManager(t, g)
		ask := newAsker(t, m)
		begin(t, m)
		pass(time.Minute)
		refuse := false
		for range 40 {
			if refuse = !refuse; refuse {
				g.Outage(true)
				g.Hang(false)
			} else {
				g.Hang(true)
				g.Outage(false)
			}
			pass(15 * time.Second)
			ask.alive(true, health.Running)
			get(t, ask.ready, func(r health.Readiness) bool { return r.Ready })
		}
		r := ask.is(false, health.Running)
		ask.ago("that the shard is away", r.Away[0].Since, 10*time.Minute)
		g.Hang(false)
		g.Outage(false)
		pass(5 * time.Minute)
		ask.is(true, health.Running)
		g.Shard(0).Drop()
		g.Outage(true) // another time, of which only that counts
		pass(10 * time.Second)
		ask.ago("that the shard is away", ask.is(true, health.Running).Away[0].Since, 10*time.Second)
	})
}

// TestShardThatWasBackMeanwhileIsAwayAnew, though nobody has asked then: by its session, or by another one.
func TestShardThatWasBackMeanwhileIsAwayAnew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, 1)
		m := newManager(t, g)
		ask := newAsker(t, m)
		begin(t, m)
		lose := func() {
			g.Outage(true)
			pass(10 * time.Second)
			ask.ago("that the shard is away", ask.is(true, health.Running).Away[0].Since, 10*time.Second)
			g.Outage(false)
		}
		lose()
		pass(5 * time.Minute)
		lose()
		g.ForgetSessions()
		pass(5 * time.Minute)
		lose()
		if s := m.Status().Shards[0]; s.Resumes != 1 || s.Identifies != 2 {
			t.Errorf("%d Resumes, %d Identifies", s.Resumes, s.Identifies)
		}
	})
}

// TestToleranceIsAShareOfThoseThatAreWanted.
func TestToleranceIsAShareOfThoseThatAreWanted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, 10)
		m := newManager(t, g)
		strict, usual, loose := newAsker(t, m, health.WithTolerance(0, 0)), newAsker(t, m), newAsker(t, m, health.WithTolerance(0.2, 10*time.Second), health.WithListed(2))
		begin(t, m)
		g.OnConnect(func(int) bool { return true }) // no connection gets its Hello any more
		lose := func(shards ...int) {
			for _, shard := range shards {
				g.Shard(shard).Drop()
			}
		}
		lose(3)
		pass(11 * time.Second)
		strict.is(false, health.Running)
		usual.is(true, health.Running)
		loose.is(true, health.Running)
		pass(30 * time.Second)
		usual.is(false, health.Running) // a twentieth of ten is none
		lose(4)
		pass(11 * time.Second)
		if r := loose.is(true, health.Running); r.Shards.Counted != 2 || r.Shards.Tolerated != 2 || !strings.HasPrefix(r.Reason, "2 of 10 shards are away, 2 count, and 2 may: shard 3, ") {
			t.Errorf("%+v", r)
		}
		lose(5)
		pass(11 * time.Second)
		r := loose.is(false, health.Running)
		if len(r.Away) != 2 || r.More != 1 || r.Away[0].Shard != 3 || r.Away[1].Shard != 4 {
			t.Errorf("%+v", r)
		}
		loose.ago("that it is not ready", r.Since, time.Second)
	})
}

// TestBudgetThatIsUsedUpIsNotDeath: the shards wait, and say until when.
func TestBudgetThatIsUsedUpIsNotDeath(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, 2, gatewaytest.WithSessionStarts(1000, 50, 3*time.Hour))
		m := newManager(t, g)
		ask := newAsker(t, m)
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		ask.alive(true, health.Running)
		r := ask.is(false, health.Starting)
		if a := r.Away[0]; a.Kind != health.KindBudget || !strings.Contains(a.Text, "ratelimit: identify budget: 50 left") || a.Next.IsZero() || len(r.Away) != 2 {
			t.Errorf("%+v", r)
		}
		pass(3 * time.Hour)
		ask.is(true, health.Running)
	})
}
