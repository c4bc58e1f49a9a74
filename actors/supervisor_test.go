package actors_test

import (
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// house is a supervisor in a system of the test's own, without a Manager.
type house struct {
	gateway    *gatewaytest.Server
	system     *actor.ActorSystem
	supervisor *actor.PID
	fleet      *actors.Fleet
}

func config(g *gatewaytest.Server) actors.SupervisorConfig {
	return actors.SupervisorConfig{
		Identify: events.Identify{Token: "token", Intents: events.IntentGuilds}, URL: g.URL, NetDial: g.DialContext,
		Limiter: ratelimit.Local(ratelimit.SessionStart{Total: 1000, Remaining: 1000, MaxConcurrency: 16, ResetAfter: time.Hour}),
	}
}

func build(t *testing.T, change func(*actors.SupervisorConfig)) *house {
	t.Helper()
	h := &house{gateway: gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithGuildsPerShard(1))}
	cfg := config(h.gateway)
	if change != nil {
		change(&cfg)
	}
	fleet, err := actors.NewFleet(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h.fleet = fleet
	h.system = actor.NewActorSystem(actor.WithDeadLetterThrottleInterval(time.Millisecond),
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	h.supervisor = h.system.Root.Spawn(fleet.Props())
	t.Cleanup(func() {
		if err := h.system.Root.StopFuture(h.supervisor).Wait(); err != nil {
			t.Error(err)
		}
		fleet.Wait()
		h.system.Shutdown()
		time.Sleep(time.Second)
	})
	return h
}

func (h *house) ask(t *testing.T, message any) any {
	t.Helper()
	answer, err := h.system.Root.RequestFuture(h.supervisor, message, time.Minute).Result()
	if err != nil {
		t.Fatalf("%T: %v", message, err)
	}
	return answer
}

func TestSupervisorByMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := build(t, nil)
		for _, bad := range []actors.StartShards{{}, {Total: 2, IDs: []int{2}}, {Total: 2, IDs: []int{-1}}} {
			if started := h.ask(t, bad).(actors.ShardsStarted); started.Err == nil {
				t.Errorf("%+v was accepted", bad)
			}
		}
		if started := h.ask(t, actors.StartShards{Total: 8, IDs: []int{1, 3}}).(actors.ShardsStarted); started.Err != nil {
			t.Fatal(started.Err)
		}
		if started := h.ask(t, actors.StartShards{Total: 4}).(actors.ShardsStarted); started.Err == nil {
			t.Error("another total was accepted")
		}
		time.Sleep(time.Second)
		status := h.ask(t, actors.GetStatus{}).(actors.Status)
		if status.Total != 8 || len(status.Shards) != 2 || status.Ready() != 2 {
			t.Errorf("status: %+v", status)
		}
		started := h.ask(t, actors.StartShards{Total: 8, IDs: []int{1, 5}}).(actors.ShardsStarted)
		time.Sleep(time.Second)
		if n := h.fleet.Status().Ready(); started.Err != nil || n != 3 || h.gateway.Stats().Identifies != 3 {
			t.Errorf("%d ready, %+v", n, started)
		}
		h.ask(t, actors.StopShards{IDs: []int{3}})
		time.Sleep(time.Hour)
		if shard, _ := h.fleet.Shard(3); shard.State != session.Closed {
			t.Errorf("shard 3 is %v", shard.State)
		}
		failed, ok := h.ask(t, actors.SendEvent{ID: 7, Shard: 3, Op: events.OpHeartbeat}).(*actors.SendFailed)
		if !ok || failed.ID != 7 || !errors.Is(failed.Err, actors.ErrClosed) {
			t.Errorf("to a stopped shard: %+v", failed)
		}
		sent, ok := h.ask(t, actors.SendEvent{ID: 8, Shard: 5, Op: events.OpHeartbeat}).(*actors.EventSent)
		if !ok || sent.ID != 8 || sent.Shard != (events.ShardID{Index: 5, Total: 8}) {
			t.Errorf("sent: %+v", sent)
		}
		h.gateway.RequireNoViolations(t)
	})
}

// Failures: F81, F86.
func TestPriorityAndQueueLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := build(t, func(cfg *actors.SupervisorConfig) { cfg.QueueLimit = 10 })
		h.ask(t, actors.StartShards{Total: 1})
		time.Sleep(time.Second)
		var mu sync.Mutex
		var order []uint64
		full := 0
		collector := h.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			mu.Lock()
			defer mu.Unlock()
			switch m := ctx.Message().(type) {
			case *actors.EventSent:
				order = append(order, m.ID)
			case *actors.SendFailed:
				if errors.Is(m.Err, actors.ErrQueueFull) {
					full++
				}
			}
		}))
		send := func(id uint64, priority actors.Priority) {
			h.system.Root.RequestWithCustomSender(h.supervisor, actors.SendEvent{ID: id, Op: events.OpHeartbeat, Priority: priority}, collector)
		}
		for id := range uint64(115) {
			send(id, actors.Normal)
		}
		send(1001, actors.Low)
		for id := range uint64(8) {
			send(2000+id, actors.Normal)
		}
		send(3000, actors.High)
		send(4000, actors.High) // one too many
		time.Sleep(5 * time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if full != 1 || len(order) != 125 {
			t.Fatalf("%d refused, %d sent", full, len(order))
		}
		if late := order[115:]; late[0] != 3000 || late[1] != 2000 || late[8] != 2007 || late[9] != 1001 {
			t.Errorf("the order of those who waited: %v", late)
		}
		h.gateway.RequireNoViolations(t)
	})
}

func TestSupervisorThatIsRestartedResumesItsShards(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var armed bool
		var mu sync.Mutex
		h := build(t, func(cfg *actors.SupervisorConfig) {
			cfg.Limiter = crashing{cfg.Limiter, func() {
				mu.Lock()
				defer mu.Unlock()
				if armed {
					armed = false
					panic("a bug in the limiter")
				}
			}}
		})
		h.ask(t, actors.StartShards{Total: 3})
		time.Sleep(time.Second)
		mu.Lock()
		armed = true
		mu.Unlock()
		h.gateway.Shard(0).Drop() // its new connection asks the limiter for a bucket: the supervisor crashes
		time.Sleep(2 * time.Minute)
		if s := h.gateway.Stats(); h.fleet.Status().Ready() != 3 || s.Identifies != 3 || s.Resumes != 4 {
			t.Errorf("ready %d, identifies %d, resumes %d, want 3, 3 and 4", h.fleet.Status().Ready(), s.Identifies, s.Resumes)
		}
		if _, ok := h.ask(t, actors.SendEvent{ID: 1, Shard: 2, Op: events.OpHeartbeat}).(*actors.EventSent); !ok {
			t.Error("after the restart a send was not answered")
		}
		h.gateway.RequireNoViolations(t)
	})
}

type crashing struct {
	ratelimit.RateLimiter
	maybe func()
}

func (c crashing) Connection(shard int, heartbeat time.Duration) ratelimit.Bucket {
	c.maybe()
	return c.RateLimiter.Connection(shard, heartbeat)
}

func TestNewFleetRefusesBadConfig(t *testing.T) {
	t.Parallel()
	good := actors.SupervisorConfig{Identify: events.Identify{Token: "t"}, URL: "wss://gateway.discord.gg", Limiter: ratelimit.Local(ratelimit.SessionStart{})}
	if _, err := actors.NewFleet(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*actors.SupervisorConfig){
		"token": func(c *actors.SupervisorConfig) { c.Identify.Token = "" }, "intents": func(c *actors.SupervisorConfig) { c.Identify.Intents = 1 << 18 },
		"URL": func(c *actors.SupervisorConfig) { c.URL = "" }, "limiter": func(c *actors.SupervisorConfig) { c.Limiter = nil },
	} {
		bad := good
		spoil(&bad)
		if _, err := actors.NewFleet(bad); err == nil {
			t.Errorf("without its %s it was accepted", name)
		}
	}
}
