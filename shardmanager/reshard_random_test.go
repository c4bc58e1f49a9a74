package shardmanager_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

var (
	reshardSeeds = flag.Int("reshard.seeds", 30/sizes, "how many random reshards TestReshardsWhileMuchHappens goes through")
	reshardSeed  = flag.Int("reshard.seed", 1, "the first of them")
)

// ledger counts what has happened in the world, and what handlers were told of it, by a name that each happening has.
type happenings struct {
	mu       sync.Mutex
	happened map[string]int
	heard    map[string]int
	last     map[string]int // of a guild's messages
	disorder []string
}

func (h *happenings) happens(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.happened[name]++
}

func (h *happenings) hears(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard[name]++
}

// says hears a message, which has a number in its guild.
func (h *happenings) says(guild events.Snowflake, text string) {
	of := fmt.Sprint("message in ", guild)
	h.hears(of + " " + text)
	n, _ := strconv.Atoi(text)
	h.mu.Lock()
	defer h.mu.Unlock()
	if n < h.last[of] {
		h.disorder = append(h.disorder, fmt.Sprintf("%s: %d after %d", of, n, h.last[of]))
	}
	h.last[of] = n
}

// check fails for what was not told as often as it has happened. lost: the old sessions may have missed some.
func (h *happenings) check(t *testing.T, lost bool) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, n := range h.happened {
		if heard := h.heard[name]; heard > n || heard < n && !lost {
			t.Errorf("%s: happened %d times, heard %d times", name, n, heard)
		}
	}
	for name, n := range h.heard {
		if h.happened[name] == 0 {
			t.Errorf("%s: never happened, heard %d times", name, n)
		}
	}
	for _, d := range h.disorder {
		t.Error(d)
	}
}

// TestReshardsWhileMuchHappens: whatever happens in the guilds and to the connections, each event is delivered once, and messages of a guild in order.
func TestReshardsWhileMuchHappens(t *testing.T) {
	for i := range *reshardSeeds {
		seed := uint64(*reshardSeed + i)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { bubble(t, func(t *testing.T) { reshardRandomly(t, seed) }) })
	}
}

func reshardRandomly(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 7))
	from, to := 1+random.IntN(5), 1+random.IntN(5)
	if from == to {
		to++
	}
	guilds := guildIDs(1 + random.IntN(15))
	g := newGateway(t, gatewaytest.WithShards(from), gatewaytest.WithGuilds(guilds...), gatewaytest.WithMaxConcurrency(16))
	m := newManager(t, g, shardmanager.WithShards(from), shardmanager.WithSeed(seed),
		shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages|events.IntentMessageContent|events.IntentGuildMessageTyping|events.IntentDirectMessages))
	h := &happenings{happened: make(map[string]int), heard: make(map[string]int), last: make(map[string]int)}
	shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, _ events.Meta) { h.says(e.GuildID, e.Content) })
	shardmanager.On(m, func(_ context.Context, e *events.TypingStart, _ events.Meta) {
		h.hears(fmt.Sprint("typing in ", e.GuildID))
	})
	slow := random.IntN(4) == 0
	shardmanager.On(m, func(_ context.Context, e *events.GuildCreate, _ events.Meta) {
		if slow {
			time.Sleep(time.Second)
		}
		h.hears(fmt.Sprint("guild ", e.Guild.ID))
	})
	shardmanager.On(m, func(_ context.Context, e *events.GuildDelete, _ events.Meta) { h.hears(fmt.Sprint("no guild ", e.ID)) })
	for _, guild := range guilds {
		h.happens(fmt.Sprint("guild ", guild))
	}
	start(t, m)
	w := g.World()
	stop := make(chan struct{})
	end := sync.OnceFunc(func() { close(stop) })
	t.Cleanup(end)
	var all sync.WaitGroup
	pace, calm := time.Duration(1+random.IntN(2000))*time.Millisecond, random.IntN(3) == 0
	all.Go(func() { // the world
		said, joined := make(map[events.Snowflake]int), 0
		r := rand.New(rand.NewPCG(seed, 8))
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(r.Int64N(int64(pace)) + 1)):
			}
			switch what := r.IntN(100); {
			case what < 60:
				guild := guilds[r.IntN(len(guilds))]
				h.happens(fmt.Sprint("message in ", guild, " ", said[guild]))
				w.Message(guild, gatewaytest.Message{Content: strconv.Itoa(said[guild])})
				said[guild]++
			case what < 90:
				guild := guilds[r.IntN(len(guilds))]
				h.happens(fmt.Sprint("typing in ", guild))
				w.Typing(guild, g.BotID())
			case what < 97:
				h.happens(fmt.Sprint("message in 0 ", said[0]))
				w.DirectMessage(gatewaytest.Message{Content: strconv.Itoa(said[0])})
				said[0]++
			case what < 99:
				guild := events.Snowflake(5000+joined) << 22
				joined++
				h.happens(fmt.Sprint("guild ", guild))
				w.AddGuild(guild, nil)
				guilds = append(guilds, guild)
			case len(guilds) > 1:
				i := r.IntN(len(guilds))
				h.happens(fmt.Sprint("no guild ", guilds[i]))
				w.RemoveGuild(guilds[i])
				guilds = append(guilds[:i:i], guilds[i+1:]...)
			}
		}
	})
	all.Go(func() { // the network
		r := rand.New(rand.NewPCG(seed, 9))
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(r.Int64N(int64(30*time.Second)) + 1)):
			}
			total := from
			if r.IntN(2) == 0 {
				total = to
			}
			of := g.ShardOf(events.ShardID{Index: r.IntN(total), Total: total})
			if !of.Live() || calm {
				continue
			}
			switch r.IntN(5) {
			case 0:
				of.Drop()
			case 1:
				of.Reconnect()
			case 2:
				of.Lag(time.Duration(r.Int64N(int64(2 * time.Second))))
			case 3:
				of.Lag(0)
			case 4:
				if total == to && m.Status().Total == from { // nobody misses what a new session has not told
					if p, _ := m.Resharding(); p.Phase < shardmanager.ReshardCutting {
						of.InvalidSession(false)
					}
				}
			}
		}
	})
	time.Sleep(time.Duration(random.Int64N(int64(20 * time.Second))))
	if err := m.Reshard(t.Context(), to); err != nil {
		t.Error(err)
	}
	p, _ := m.Resharding()
	time.Sleep(time.Duration(random.Int64N(int64(20 * time.Second))))
	if random.IntN(3) == 0 {
		before := g.Stats().Identifies
		if err := m.Reshard(t.Context(), from); err != nil {
			t.Error(err)
		}
		if n := g.Stats().Identifies; n != before {
			t.Errorf("back to %d shards: %d identifies", from, n-before)
		}
	}
	end()
	all.Wait()
	time.Sleep(30 * time.Second)
	h.check(t, p.Flagged > 0)
	if t.Failed() {
		t.Logf("%d to %d, %d guilds, %+v", from, to, len(guilds), p)
	}
}
