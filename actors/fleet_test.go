package actors_test

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// fleet is a supervisor with a simulated gateway, without a Manager.
type fleet struct {
	*harness
	*actors.Supervisor
	gateway    *gatewaytest.Server
	supervisor *actor.PID
}

// config is of a supervisor whose shards connect to g.
func config(g *gatewaytest.Server) actors.SupervisorConfig {
	return actors.SupervisorConfig{
		Identify: events.Identify{Token: "token", Intents: events.IntentGuilds}, URL: g.URL, NetDial: g.DialContext,
		Limiter: ratelimit.Local(ratelimit.SessionStart{Total: 1000, Remaining: 1000, MaxConcurrency: 16, ResetAfter: time.Hour}),
	}
}

func newGateway(t *testing.T) *gatewaytest.Server {
	t.Helper()
	return gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithExact(), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithGuildsPerShard(1))
}

// newFleet is a fleet whose supervisor is restarted when it crashes, unless opts say otherwise.
func newFleet(t *testing.T, change func(*actors.SupervisorConfig), opts ...actor.PropsOption) *fleet {
	t.Helper()
	f := &fleet{gateway: newGateway(t), harness: newHarness(t)}
	cfg := config(f.gateway)
	if change != nil {
		change(&cfg)
	}
	var err error
	if f.Supervisor, err = actors.NewSupervisor(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Wait)
	f.supervisor = f.spawn(f.Props(opts...))
	return f
}

// ask asks the supervisor, and returns its answer.
func (f *fleet) ask(message any) any {
	f.t.Helper()
	answer, err := f.system.Root.RequestFuture(f.supervisor, message, time.Minute).Result()
	if err != nil {
		f.t.Fatalf("%T: %v", message, err)
	}
	return answer
}

// start starts all shards of a total, and returns when they have had the time to be ready.
func (f *fleet) start(total int) {
	f.t.Helper()
	if started := f.ask(actors.StartShards{Total: total}).(*actors.ShardsStarted); started.Err != nil {
		f.t.Fatal(started.Err)
	}
	pass(time.Second)
	if ready := f.status().Ready(); ready != total {
		f.t.Fatalf("%d of %d shards are ready", ready, total)
	}
}

func (f *fleet) status() actors.Status { return f.Board().Status() }

// shard is how the serving shard with the index stands; false: there is none.
func (f *fleet) shard(index int) (actors.ShardStatus, bool) {
	for _, s := range f.status().Shards {
		if s.Shard.Index == index {
			return s, true
		}
	}
	return actors.ShardStatus{}, false
}

// key is that of the shard with the index.
func (f *fleet) key(index int) actors.Key {
	return actors.Key{Shard: events.ShardID{Index: index, Total: max(f.Total(), index+1, 1)}}
}

// sendsTo is a client for one shard.
func (f *fleet) sendsTo(index int) actors.Client {
	return f.Client(f.system, f.supervisor).For(f.key(index))
}

// id is the shard with the index.
func (f *fleet) id(index int) *events.ShardID {
	shard := f.key(index).Shard
	return &shard
}
