package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const deafShards = 4

// quickPolicy needs ten minutes to know a shard.
var quickPolicy = shardmanager.DeafSession{Window: 20 * time.Second, Least: 20}

// deafHook keeps what is told of deaf sessions.
type deafHook struct {
	mu   sync.Mutex
	told []string
}

func (h *deafHook) OnDeaf(d actors.ShardDeaf) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = append(h.told, fmt.Sprint(d.Key.Shard.Index, " ", d.Step))
}

func (h *deafHook) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.told, ", ")
}

// deafBot is a manager of a busy world.
func deafBot(t *testing.T, policy *shardmanager.DeafSession, opts ...shardmanager.Option) (*gatewaytest.Server, *shardmanager.Manager, *deafHook) {
	t.Helper()
	g := newGateway(t, gatewaytest.WithShards(deafShards), gatewaytest.WithMaxConcurrency(deafShards), gatewaytest.WithGuildsPerShard(1))
	m, hook := deafBotOf(t, g, policy, opts...)
	return g, m, hook
}

// deafBotOf is another process of the same bot.
func deafBotOf(t *testing.T, g *gatewaytest.Server, policy *shardmanager.DeafSession, opts ...shardmanager.Option) (*shardmanager.Manager, *deafHook) {
	t.Helper()
	hook := new(deafHook)
	opts = append([]shardmanager.Option{shardmanager.WithHooks(hook), shardmanager.WithIdentifyReserve(100)}, opts...)
	if policy != nil {
		opts = append(opts, shardmanager.WithDeafSessionPolicy(*policy))
	}
	return newManager(t, g, opts...), hook
}

// talk has somebody say something in each guild every second, for a time.
func talk(g *gatewaytest.Server, d time.Duration) {
	for range int(d / time.Second) {
		for index := range deafShards {
			g.World().Message(gatewaytest.GuildOf(events.ShardID{Index: index, Total: deafShards}, 0), gatewaytest.Message{Content: "x"})
		}
		pass(time.Second)
	}
}

// deafen keeps from now on everything from a shard's session that happens; its heartbeats are answered.
func deafen(g *gatewaytest.Server, index int) { g.Shard(index).Lose(math.MaxInt) }

// TestRestartAfterADeafSessionHasACauseOfItsOwn: ErrDeaf is the cause of what the policy did, and of nothing that an operator asks for later.
func TestRestartAfterADeafSessionHasACauseOfItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, m, _ := deafBot(t, &quickPolicy)
		changes := m.Watch(t.Context())
		start(t, m)
		talk(g, 17*20*time.Second)
		deafen(g, 2)
		talk(g, 3*20*time.Second)
		pass(10 * time.Second)
		if err := m.Restart(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		closeNow(t, m)
		var causes []error
		for change := range changes {
			if change.Shard.Index == 2 && change.From == session.Ready && change.To != session.Closed {
				causes = append(causes, change.Cause)
			}
		}
		if len(causes) < 2 || !errors.Is(causes[0], actors.ErrDeaf) || errors.Is(causes[len(causes)-1], actors.ErrDeaf) {
			t.Errorf("%v", causes)
		}
	})
}

// TestDeafSession: a session hears nothing any more, while the others do. It is resumed, and if that does not help it is given up, if the
// budget allows it. The other shards never notice.
//
// Failures: F75.
func TestDeafSession(t *testing.T) {
	for _, c := range []struct {
		name       string
		policy     *shardmanager.DeafSession
		opts       []shardmanager.Option
		cured      bool // by a Resume
		deaf       []int
		told       string
		identifies int // beyond those of the start
		resumes    int
	}{
		{name: "a Resume helps", policy: &quickPolicy, cured: true, deaf: []int{2}, told: "2 resumed", resumes: 1},
		{name: "a new session helps, by the defaults", policy: new(shardmanager.DeafSession), deaf: []int{2}, told: "2 resumed, 2 reidentified", identifies: 1, resumes: 1},
		{
			name: "the budget does not allow a new session", policy: &quickPolicy, deaf: []int{2},
			opts: []shardmanager.Option{shardmanager.WithIdentifyReserve(1000 - deafShards)},
			told: "2 resumed, 2 unaffordable", resumes: 1,
		},
		{name: "all are deaf", policy: &quickPolicy, deaf: []int{0, 1, 2, 3}},
		{name: "most are deaf", policy: &quickPolicy, deaf: []int{0, 1, 2}},
		{name: "no policy", deaf: []int{2}},
		{name: "it has fewer events than are asked for", policy: &shardmanager.DeafSession{Window: 20 * time.Second, Least: 21}, deaf: []int{2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g, m, hook := deafBot(t, c.policy, c.opts...)
				g.OnFrame(func(f gatewaytest.Frame) bool {
					if c.cured && f.Op == events.OpResume {
						g.Shard(2).Lose(0)
					}
					return false
				})
				causes := make(map[int][]error)
				changes := m.Watch(t.Context())
				start(t, m)
				window := 20 * time.Second
				if c.policy != nil && c.policy.Window == 0 {
					window = 2 * time.Minute
				}
				talk(g, 17*window)
				for _, index := range c.deaf {
					deafen(g, index)
				}
				talk(g, 6*window)
				if hook.String() != c.told {
					t.Errorf("told: %s", hook)
				}
				if s := g.Stats(); s.Identifies != deafShards+c.identifies || s.Resumes != c.resumes || s.Live != deafShards {
					t.Errorf("%+v", s)
				}
				for _, shard := range m.Status().Shards {
					if shard.State != session.Ready || shard.Cause != nil { // a reconnect is over when it has succeeded
						t.Errorf("%v is %v, cause %v", shard.Shard, shard.State, shard.Cause)
					}
				}
				if heard := time.Since(m.Status().Shards[2].LastEvent); (heard < 2*time.Second) != (c.cured || c.identifies > 0) {
					t.Errorf("it has heard nothing for %v", heard)
				}
				closeNow(t, m)
				for change := range changes {
					if errors.Is(change.Cause, actors.ErrDeaf) {
						causes[change.Shard.Index] = append(causes[change.Shard.Index], change.Cause)
						if change.Lost != (len(causes[2]) > c.resumes) {
							t.Errorf("lost %v: %v", change.Lost, change.Cause)
						}
					}
				}
				if len(causes[2]) != c.identifies+c.resumes || len(causes) > 1 {
					t.Errorf("causes: %v", causes)
				}
				g.RequireNoViolations(t)
			})
		})
	}
}

// TestShardWhoseHandlersAreBehindIsNotDeaf: nothing comes because we do not read, and that is no reason to reconnect.
func TestShardWhoseHandlersAreBehindIsNotDeaf(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, m, hook := deafBot(t, &quickPolicy)
		var block chan struct{}
		var mu sync.Mutex
		shardmanager.On(m, func(_ context.Context, _ *events.MessageCreate, at events.Meta) {
			mu.Lock()
			waits := block
			mu.Unlock()
			if waits != nil && at.Shard.Index == 2 {
				<-waits
			}
		})
		start(t, m)
		talk(g, 6*time.Minute)
		mu.Lock()
		block = make(chan struct{})
		mu.Unlock()
		for range 5000 { // more than may wait for handlers
			g.Shard(2).Dispatch("X", 1)
			g.World().Message(gatewaytest.GuildOf(events.ShardID{Index: 2, Total: deafShards}, 0), gatewaytest.Message{})
		}
		talk(g, time.Minute)
		before, _ := m.Shard(2).Status()
		talk(g, 2*time.Minute)
		if shard, _ := m.Shard(2).Status(); shard.Seq != before.Seq || shard.Frames == 0 {
			t.Errorf("it is read on: %+v", shard)
		}
		if s := g.Stats(); hook.String() != "" || s.Connections != deafShards {
			t.Errorf("%s: %+v", hook, s)
		}
		close(block)
		talk(g, 3*time.Minute)
		if s := g.Stats(); hook.String() != "" || s.Connections != deafShards {
			t.Errorf("afterwards %s: %+v", hook, s)
		}
		g.RequireNoViolations(t)
	})
}

// TestDeafSessionOfAProcessThatNeverIdentified: its sessions are those of the process before it, and so it has not had to know what is left
// of the budget.
func TestDeafSessionOfAProcessThatNeverIdentified(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := &disk{Store: session.NewMemoryStore()}
		g, first, _ := deafBot(t, nil, shardmanager.WithSessionStore(store))
		start(t, first)
		talk(g, time.Minute)
		closeNow(t, first)
		m, hook := deafBotOf(t, g, &quickPolicy, shardmanager.WithSessionStore(store))
		start(t, m)
		talk(g, 6*time.Minute)
		deafen(g, 2)
		talk(g, 2*time.Minute)
		if s := g.Stats(); hook.String() != "2 resumed, 2 reidentified" || s.Identifies != deafShards+1 {
			t.Errorf("%s: %+v", hook, s)
		}
		g.RequireNoViolations(t)
	})
}
