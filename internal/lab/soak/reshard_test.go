package soak_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

var (
	reshardTotals = flag.String("soak.reshard", "4,8,16,12,4", "the numbers of shards that a bot has one after another")
	reshardSeed   = flag.Uint64("soak.reshard-seed", 1, "when it is killed, and who writes messages")
	reshardRate   = flag.Int("soak.reshard-rate", 20, "messages in a second")
	reshardGuildN = flag.Int("soak.reshard-guilds", 40, "its guilds")
)

func totals(t *testing.T) (all []int) {
	t.Helper()
	for _, each := range strings.Split(*reshardTotals, ",") {
		n, err := strconv.Atoi(each)
		if err != nil {
			t.Fatalf("-soak.reshard: %v", err)
		}
		all = append(all, n)
	}
	return all
}

// identifies are what a step to all[i+1] costs: none, if the shards of that total retire still.
func identifies(all []int, i int) int {
	if i > 0 && all[i-1] == all[i+1] {
		return 0
	}
	return all[i+1]
}

const reshardIntents = events.IntentGuilds | events.IntentGuildMessages | events.IntentMessageContent

// gatewayOf is that of a bot that begins with so many shards.
func gatewayOf(shards int, guilds []events.Snowflake) []gatewaytest.Option {
	return []gatewaytest.Option{gatewaytest.WithExact(), gatewaytest.WithShards(shards), gatewaytest.WithGuilds(guilds...), gatewaytest.WithMaxConcurrency(16),
		gatewaytest.WithSessionStarts(100_000, 100_000, 24*time.Hour), gatewaytest.WithReplayBuffer(1 << 20), gatewaytest.WithResumeTimeout(time.Hour)}
}

// mortal is the store of a process: from its death on it keeps nothing.
type mortal struct {
	session.Store
	session.Notebook
	dead atomic.Bool
}

var errDead = errors.New("the process is dead")

func (s *mortal) Save(ctx context.Context, all ...session.Snapshot) error {
	if s.dead.Load() {
		return errDead
	}
	return s.Store.Save(ctx, all...)
}

func (s *mortal) Delete(ctx context.Context, id events.ShardID) error {
	if s.dead.Load() {
		return errDead
	}
	return s.Store.Delete(ctx, id)
}

func (s *mortal) SaveNote(ctx context.Context, note []byte) error {
	if s.dead.Load() {
		return errDead
	}
	return s.Notebook.SaveNote(ctx, note)
}

// life is a process of the bot, in virtual time.
type life struct {
	*shardmanager.Manager
	store *mortal
	end   context.CancelFunc // of its sends
	sends sync.WaitGroup
}

// live begins a process, which the load is told by.
func live(t *testing.T, l *load, store session.Store, number int) *life {
	t.Helper()
	p := &life{store: &mortal{Store: store, Notebook: store.(session.Notebook)}}
	m, err := shardmanager.New("soak", shardmanager.WithGateway(l.gateway), shardmanager.WithLogger(zap.NewNop()), shardmanager.WithSessionStore(p.store),
		shardmanager.WithIntents(reshardIntents), shardmanager.WithDrain(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	p.Manager = m
	shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, at events.Meta) {
		if n, _ := strconv.Atoi(e.Content); !p.store.dead.Load() {
			l.hear(e.GuildID, n, at.Redelivered)
		}
	})
	if err := errors.Join(m.Start(t.Context()), m.WaitReady(t.Context())); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	p.end = end
	for i := range reshardAskers {
		p.sends.Go(func() {
			ask(ctx, m, number, i, l.guildAt, func(who events.Snowflake) {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.ask(who)
			}, func(who events.Snowflake, err error) {
				l.mu.Lock()
				defer l.mu.Unlock()
				if l.ask(who).ended++; err != nil {
					l.ask(who).err = err.Error()
				}
			})
		})
	}
	return p
}

// guildAt is one of the guilds.
func (l *load) guildAt(n int) events.Snowflake {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.guilds[n%len(l.guilds)]
}

const reshardAskers = 3 // each has a send under way nearly all the time

// ask sends again and again, each time for somebody else, until ctx ends.
func ask(ctx context.Context, m *shardmanager.Manager, life, asker int, guild func(n int) events.Snowflake, began func(events.Snowflake), ended func(events.Snowflake, error)) {
	for n := 1; ctx.Err() == nil; n++ {
		who := events.Snowflake(life*reshardAskers+asker)<<40 + events.Snowflake(n)
		began(who)
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute) // what was begun is to end by itself
		_, err := events.RequestGuildMembers{GuildID: guild(n*reshardAskers + asker), UserIDs: []events.Snowflake{who}}.SendEvent(bounded, m)
		cancel()
		ended(who, err)
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// reach has so many shards serve: one that a process before has begun goes on first.
func reach(ctx context.Context, m *shardmanager.Manager, total int, opts ...shardmanager.ReshardOption) error {
	for {
		err := m.Reshard(ctx, total, opts...)
		switch {
		case err == nil, errors.Is(err, shardmanager.ErrSameShards):
			return nil
		case !errors.Is(err, shardmanager.ErrResharding):
			return err
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// TestReshards changes the number of shards again and again, in virtual time, while messages are written and the bot sends: no event is lost, none comes twice, and each send
// has one outcome. The most sessions that there were are printed.
//
// Failures: F132.
func TestReshards(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { reshards(t, false) })
}

// TestReshardsWithKills kills the process in each of them, at any instant, and another goes on: what comes again says so.
//
// Failures: F132.
func TestReshardsWithKills(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { reshards(t, true) })
}

func reshards(t *testing.T, kill bool) {
	all, guilds := totals(t), reshardGuilds(*reshardGuildN)
	gateway := gatewaytest.NewServer(t, append(gatewayOf(all[0], guilds), gatewaytest.WithVirtualNetwork())...)
	l := newLoad(gateway, guilds)
	store := session.NewMemoryStore()
	p, number, kills := live(t, l, store, 1), 1, 0
	defer func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	talks, stop := context.WithCancel(t.Context())
	var talk sync.WaitGroup
	talk.Go(func() { l.talk(talks, *reshardRate, *reshardSeed) })
	defer talk.Wait()
	defer stop()
	random := rand.New(rand.NewPCG(*reshardSeed, 2))
	time.Sleep(5 * time.Second) // its sessions are stored
	for i, total := range all[1:] {
		there := l.begin()
		began, before, spent := time.Now(), all[i], gateway.Stats().Identifies
		join := time.AfterFunc(10*time.Second, func() { l.join(i) })
		killed := ""
		if kill {
			done := make(chan error, 1)
			go func() { done <- p.Reshard(t.Context(), total) }()
			time.Sleep(time.Duration(random.Int64N(int64(3 * time.Minute))))
			far, _ := p.Resharding()
			killed = fmt.Sprintf(", killed after %v while %v (%d of %d guilds cut)", time.Since(began).Round(time.Second), far.Phase, far.Cut, far.Guilds)
			p.store.dead.Store(true)
			_ = p.Close(context.Background())
			<-done
			p.end()
			p.sends.Wait()
			kills, number = kills+1, number+1
			time.Sleep(5*time.Second + time.Duration(random.Int64N(int64(3*time.Second)))) // this store keeps no ledger of Identifies
			p = live(t, l, store, number)
		}
		if err := reach(t.Context(), p.Manager, total); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d to %d shards in %v: %d sessions at its beginning, %d at the most, %d identifies%s", before, total, time.Since(began).Round(time.Second), there, l.most(), gateway.Stats().Identifies-spent, killed)
		if n := gateway.Stats().Identifies - spent; !kill && n != identifies(all, i) {
			t.Errorf("%d identifies", n)
		}
		if status := p.Status(); status.Total != total || l.most() > max(before+total, there) { // there: some retire still
			t.Errorf("%d shards serve, %d sessions at the most", status.Total, l.most())
		}
		join.Stop()
		time.Sleep(time.Duration(random.Int64N(int64(time.Minute))))
	}
	stop()
	talk.Wait()
	l.last()
	p.end()
	p.sends.Wait()
	time.Sleep(time.Minute)
	l.judge(t, kills)
}
