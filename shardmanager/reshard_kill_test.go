package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// process is what the store is to a process: from its death on nothing of it is kept.
type process struct {
	session.Store
	notes session.Notebook
	dead  atomic.Bool
}

var errDead = errors.New("the process is dead")

func (p *process) Save(ctx context.Context, all ...session.Snapshot) error {
	if p.dead.Load() {
		return errDead
	}
	return p.Store.Save(ctx, all...)
}

func (p *process) Delete(ctx context.Context, id events.ShardID) error {
	if p.dead.Load() {
		return errDead
	}
	return p.Store.Delete(ctx, id)
}

func (p *process) LoadNote(ctx context.Context) ([]byte, error) { return p.notes.LoadNote(ctx) }

func (p *process) SaveNote(ctx context.Context, note []byte) error {
	if p.dead.Load() {
		return errDead
	}
	return p.notes.SaveNote(ctx, note)
}

// arrivals counts how often each message came, and how often without the flag that it may have come before.
type arrivals struct {
	mu         sync.Mutex
	all, fresh map[string]int
	how        map[string][]string
}

func newArrivals() *arrivals {
	return &arrivals{all: make(map[string]int), fresh: make(map[string]int), how: make(map[string][]string)}
}

// once requires that all that was said came, and what came twice was flagged.
func (a *arrivals) once(t *testing.T, said map[events.Snowflake]int) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	for guild, n := range said {
		for i := range n {
			if name := fmt.Sprint(guild, " ", strconv.Itoa(i)); a.all[name] == 0 || a.fresh[name] > 1 {
				t.Errorf("message %s of %d: came %d times, %d of them unflagged: %v", name, n, a.all[name], a.fresh[name], a.how[name])
			}
		}
	}
}

// runProcess begins a process of the bot. After its death nothing that its handlers are told counts.
func runProcess(t *testing.T, g *gatewaytest.Server, store session.Store, came *arrivals, shards int) (*shardmanager.Manager, *process) {
	t.Helper()
	p := &process{Store: store, notes: store.(session.Notebook)}
	m, err := shardmanager.New("token", shardmanager.WithGateway(g), shardmanager.WithLogger(zap.NewNop()), shardmanager.WithSessionStore(p), shardmanager.WithShards(shards),
		shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages|events.IntentMessageContent), shardmanager.WithDrain(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, at events.Meta) {
		came.mu.Lock()
		defer came.mu.Unlock()
		if p.dead.Load() {
			return
		}
		name := fmt.Sprint(e.GuildID, " ", e.Content)
		came.how[name] = append(came.how[name], fmt.Sprintf("%p %v %+v", p, time.Now().Format("05.000"), at))
		if came.all[name]++; !at.Redelivered {
			came.fresh[name]++
		}
	})
	return m, p
}

// TestProcessThatFollowsGoesOnWithAReshard: whenever the one before dies, or is closed in order, nothing is lost, and what comes twice is flagged. A process
// that follows one which had cut a guild goes to the end; before that, the old shards serve.
func TestProcessThatFollowsGoesOnWithAReshard(t *testing.T) {
	for i := range *reshardSeeds {
		seed := uint64(*reshardSeed + i)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { bubble(t, func(t *testing.T) { killInReshard(t, seed) }) })
	}
}

func killInReshard(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 11))
	from, to := 1+random.IntN(4), 1+random.IntN(4)
	if from == to {
		to++
	}
	guilds := guildIDs(10)
	g := newGateway(t, gatewaytest.WithShards(from), gatewaytest.WithGuilds(guilds...), gatewaytest.WithMaxConcurrency(16))
	store := session.NewMemoryStore()
	came := newArrivals()
	m, p := runProcess(t, g, store, came, from)
	start(t, m)
	stop := make(chan struct{})
	end := sync.OnceFunc(func() { close(stop) })
	t.Cleanup(end)
	said := chat(g.World(), guilds, stop)
	time.Sleep(3 * time.Second) // its sessions are stored
	done := make(chan error, 1)
	go func() { done <- m.Reshard(t.Context(), to) }()
	after := time.Duration(random.Int64N(int64(130 * time.Second)))
	time.Sleep(after / 2)
	for i := range to { // what the old ones have shown already would be lost if nobody knew that a guild is the new ones'
		if of := g.ShardOf(events.ShardID{Index: i, Total: to}); of.Live() && random.IntN(2) == 0 {
			of.Lag(time.Duration(random.Int64N(int64(1500 * time.Millisecond))))
		}
	}
	if random.IntN(3) == 0 {
		time.Sleep(after - after/2)
	} else { // in the midst of the cuts
		for p, _ := m.Resharding(); p.Cut == 0 && p.Phase < shardmanager.ReshardRetiring; p, _ = m.Resharding() {
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(time.Duration(random.Int64N(int64(4 * time.Second))))
	}
	var phase shardmanager.ReshardProgress
	for range 1 + random.IntN(3) {
		phase, _ = m.Resharding()
		p.dead.Store(random.IntN(3) > 0)
		killed := p.dead.Load()
		err := m.Close(t.Context())
		if cut := new(shardmanager.CutOffError); !killed && err != nil && !errors.As(err, &cut) {
			t.Error(err)
		}
		p.dead.Store(true)
		t.Logf("%p ended at %v, killed %v, %+v", p, time.Now().Format("05.000"), killed, phase)
		time.Sleep(time.Duration(random.Int64N(int64(3 * time.Second))))
		m, p = runProcess(t, g, store, came, from)
		start(t, m)
		time.Sleep(time.Duration(random.Int64N(int64(5 * time.Second))))
	}
	defer func() {
		closeNow(t, m)
		<-done
	}()
	began := time.Now()
	for { // it goes on, or it was none
		p, goesOn := m.Resharding()
		if !goesOn || p.Phase >= shardmanager.ReshardRetiring {
			break
		}
		if time.Sleep(time.Second); time.Since(began) > time.Hour {
			t.Fatalf("killed after %v (%+v): it goes on for an hour: %+v", after, phase, p)
		}
	}
	time.Sleep(20 * time.Second)
	end()
	counts := said()
	time.Sleep(10 * time.Second)
	came.once(t, counts)
	if status := m.Status(); t.Failed() {
		t.Logf("%d to %d, killed after %v at %+v; now %d serve", from, to, after, phase, status.Total)
	}
}
