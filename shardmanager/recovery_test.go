package shardmanager_test

import (
	"context"
	"errors"
	"flag"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

var recoveryShards = flag.Int("recovery.shards", 500/sizes, "how many shards lose their connections at once; docs/reconnects.md has the numbers of 5000")

// recovery is a fleet, with what its gateway saw of Resumes.
type recovery struct {
	*gatewaytest.Server
	m       *shardmanager.Manager
	dials   *dialLog
	mu      sync.Mutex
	lostAt  map[int]time.Time // by shard
	took    []time.Duration   // from a loss to RESUMED, at the gateway
	resumed chan struct{}     // each time that none is lost any more
}

func newRecovery(t *testing.T, shards int, opts ...shardmanager.Option) *recovery {
	r := &recovery{lostAt: make(map[int]time.Time), resumed: make(chan struct{}, 1)}
	r.Server = newGateway(t, gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(shards), gatewaytest.WithResumeTimeout(time.Hour),
		gatewaytest.WithSessionStarts(2*shards+100, 2*shards+100, 24*time.Hour), gatewaytest.WithTrace(r.saw))
	r.dials = &dialLog{g: r.Server}
	r.m = newManager(t, r.Server, append([]shardmanager.Option{
		shardmanager.WithCompression(events.CompressionNone), shardmanager.WithNetDial(r.dials.dial),
	}, opts...)...)
	start(t, r.m)
	pass(70 * time.Second)
	r.dials.take()
	return r
}

func (r *recovery) saw(e gatewaytest.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, lost := r.lostAt[e.Shard.Index]; lost && e.Kind == gatewaytest.Resumed {
		delete(r.lostAt, e.Shard.Index)
		if r.took = append(r.took, e.At.Sub(at)); len(r.lostAt) == 0 {
			r.resumed <- struct{}{}
		}
	}
}

// lose has shards lose their connections by what happens, and waits until all have resumed, but not for longer than an hour.
func (r *recovery) lose(t *testing.T, happens func(), shards ...int) {
	t.Helper()
	r.mu.Lock()
	for _, shard := range shards {
		r.lostAt[shard] = time.Now()
	}
	r.mu.Unlock()
	happens()
	select {
	case <-r.resumed:
	case <-time.After(time.Hour):
		t.Fatalf("%d of %d have not resumed", len(r.lostAt), len(shards))
	}
}

// within requires that half of the recoveries took no longer than p50, none longer than most, and that they cost no Identify.
func (r *recovery) within(t *testing.T, p50, most time.Duration) {
	t.Helper()
	slices.Sort(r.took)
	half, longest := r.took[len(r.took)/2], r.took[len(r.took)-1]
	t.Logf("%d losses: RESUMED after p50 %v, p99 %v, max %v", len(r.took), half, r.took[len(r.took)*99/100], longest)
	if half > p50 || longest > most {
		t.Errorf("p50 %v, max %v, want at most %v and %v", half, longest, p50, most)
	}
	if n, shards := r.Stats().Identifies, len(r.m.Status().Shards); n != shards {
		t.Errorf("%d Identifies of %d shards", n, shards)
	}
	r.RequireNoViolations(t)
}

// hurts are ways to lose a connection, and not the session.
var hurts = map[string]func(gatewaytest.Script){
	"drop": gatewaytest.Script.Drop, "op 7": gatewaytest.Script.Reconnect, "close": func(s gatewaytest.Script) { s.Close(events.CloseUnknownError) },
}

// TestLossNowAndThenIsMadeUpForAtOnce: 200 shards lose their connection once each, 70 s after the one before.
func TestLossNowAndThenIsMadeUpForAtOnce(t *testing.T) {
	for name, hurt := range hurts {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRecovery(t, 200/sizes)
				for shard := range 200 / sizes {
					r.lose(t, func() { hurt(r.Shard(shard)) }, shard)
					pass(70 * time.Second)
				}
				r.within(t, 100*time.Millisecond, time.Second)
			})
		})
	}
}

// TestLossAgainAndAgainIsMadeUpForAtOnce: one shard loses its connection every 3 s, 200 times.
func TestLossAgainAndAgainIsMadeUpForAtOnce(t *testing.T) {
	for name, hurt := range hurts {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRecovery(t, 1)
				for range 200 {
					next := time.Now().Add(3 * time.Second)
					r.lose(t, func() { hurt(r.Shard(0)) }, 0)
					pass(time.Until(next))
				}
				r.within(t, 500*time.Millisecond, 5*time.Second)
			})
		})
	}
}

// TestOutageEndsForAllAtOnce: the first shard that gets through releases the others.
func TestOutageEndsForAllAtOnce(t *testing.T) {
	for name, fails := range map[string]func(r *recovery, on bool){
		"refused": func(r *recovery, on bool) { r.Outage(on) },
		"silence": func(r *recovery, on bool) {
			if r.Hang(on); on {
				r.DropAll()
			}
		},
	} {
		for _, outage := range []time.Duration{20 * time.Second, 45 * time.Second, 10 * time.Minute} {
			t.Run(name+" for "+outage.String(), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					const shards = 200 / sizes
					r := newRecovery(t, shards)
					fails(r, true)
					pass(outage)
					r.lose(t, func() { fails(r, false) }, all(shards)...)
					r.within(t, 3*time.Second, 15*time.Second)
				})
			})
		}
	}
}

// TestFleetLostTenTimesIsBackEachTime: the size is -recovery.shards; the bound is the time that the dials of 5,000 shards take.
func TestFleetLostTenTimesIsBackEachTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		shards := *recoveryShards
		r := newRecovery(t, shards)
		for range 10 {
			r.lose(t, r.DropAll, all(shards)...)
			pass(70 * time.Second)
		}
		r.within(t, 25*time.Second, 25*time.Second)
	})
}

func all(shards int) (ids []int) {
	for shard := range shards {
		ids = append(ids, shard)
	}
	return ids
}

// TestNoShardDialsMoreThanOnceASecond, though each attempt gains a session, which is lost again at once.
func TestNoShardDialsMoreThanOnceASecond(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRecovery(t, 1)
		for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); pass(20 * time.Millisecond) {
			r.Shard(0).Drop()
		}
		at := r.dials.take()
		if most := busiest(at, 30*time.Second); most > 30 || len(at) < 300 {
			t.Errorf("%d dials in 10 minutes, at most %d in 30 s", len(at), most)
		}
		if s := r.Stats(); s.Identifies != 1 {
			t.Errorf("%d identifies", s.Identifies)
		}
	})
}

// TestOneBadShardAmongGoodOnesBacksOff: that others get through, again and again, does not release it.
func TestOneBadShardAmongGoodOnesBacksOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2))
		var mu sync.Mutex
		var dials []time.Time
		m := newManager(t, g, shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			if d, _ := actors.DialOf(ctx); d.Shard.Index == 1 {
				mu.Lock()
				defer mu.Unlock()
				dials = append(dials, time.Now())
				return nil, errors.New("no route")
			}
			return g.DialContext(ctx, network, addr)
		}))
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 60 {
			pass(20 * time.Second)
			g.Shard(0).Drop()
		}
		mu.Lock()
		defer mu.Unlock()
		recent := slices.DeleteFunc(dials, func(at time.Time) bool { return time.Since(at) > 15*time.Minute })
		if n := len(recent); n < 20 || n > 40 {
			t.Errorf("%d dials in the last 15 minutes, want about 30", n)
		}
	})
}

// TestSessionOfTwoProcessesIsNamed: each Resume of the one ends the other's connection. Status says what may be the matter, and the process
// that started first gives way in the end: it begins a session of its own, which it does not save.
func TestSessionOfTwoProcessesIsNamed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := session.NewMemoryStore()
		one := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, one)
		pass(3 * time.Second)
		if status, _ := one.Shard(0).Status(); status.Cause != nil {
			t.Errorf("before: %v", status.Cause)
		}
		two := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, two)
		pass(20 * time.Second)
		for _, m := range []*shardmanager.Manager{one, two} {
			if status, _ := m.Shard(0).Status(); !errors.Is(status.Cause, session.ErrTakenOver) {
				t.Errorf("cause: %v", status.Cause)
			}
		}
		if s := g.Stats(); s.Identifies != 1 {
			t.Errorf("%d identifies", s.Identifies)
		}
		pass(time.Minute)
		before := g.Stats()
		pass(time.Hour)
		if s := g.Stats(); s.Identifies != 2 || s.Connections != before.Connections || one.Status().Ready()+two.Status().Ready() != 2 {
			t.Errorf("%+v, and a minute later %+v", before, s)
		}
		if p := one.Persistence(); p.Fenced != 1 || !errors.Is(p.Err, session.ErrFenced) {
			t.Errorf("the first: %+v", p)
		}
		if p := two.Persistence(); p.Fenced != 0 || p.Err != nil {
			t.Errorf("the second: %+v", p)
		}
	})
}
