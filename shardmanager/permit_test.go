package shardmanager_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// lateLimiter grants its first permit after a minute, whether or not it is still wanted: its cancel comes too late. The others it grants at once.
type lateLimiter struct {
	countingLimiter
	used, released atomic.Int64 // of the first
}

func (l *lateLimiter) Identify() ratelimit.IdentifyQueue { return l }

func (l *lateLimiter) Enqueue(shard int, granted func(ratelimit.Permit)) func() {
	if l.identifies.Load() > 0 {
		return l.countingLimiter.Enqueue(shard, granted)
	}
	l.identifies.Add(1)
	time.AfterFunc(time.Minute, func() {
		granted(ratelimit.NewPermit(func() { l.used.Add(1) }, func() { l.released.Add(1) }))
	})
	return func() {}
}

// TestPermitThatComesLateGoesBack: the connection that it was asked for has ended, and the shard has gone on with another permit.
func TestPermitThatComesLateGoesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(1))
		l := new(lateLimiter)
		m := newManager(t, g, shardmanager.WithRateLimiter(l))
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		if err := m.Restart(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if err := m.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		if l.released.Load() != 0 {
			t.Error("it went back before it came")
		}
		pass(time.Minute)
		if used, released := l.used.Load(), l.released.Load(); used != 0 || released != 1 {
			t.Errorf("used %d times, given back %d times", used, released)
		}
		if n := counted(g, 0, events.OpIdentify); n != 1 || l.identifies.Load() != 2 {
			t.Errorf("%d Identifies, %d were asked for", n, l.identifies.Load())
		}
		g.RequireNoViolations(t)
	})
}
