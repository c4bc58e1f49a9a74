package shardmanager_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestPhaseIsWhatAManagerDoes, from before its Start to its end.
func TestPhaseIsWhatAManagerDoes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		guild := events.Snowflake(1 << 22)
		g := newGateway(t, gatewaytest.WithGuilds(guild))
		down := true
		g.OnDiscovery(func(w http.ResponseWriter) bool {
			if down {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return down
		})
		m := newManager(t, g)
		is := func(want shardmanager.Phase) {
			t.Helper()
			if got := m.Phase(); got != want {
				t.Errorf("it is %v, want %v", got, want)
			}
		}
		shardmanager.On(m, func(context.Context, *events.MessageCreate, events.Meta) { time.Sleep(5 * time.Second) })
		is(shardmanager.PhaseNotStarted)
		over := make(chan error, 1)
		go func() { over <- m.Start(t.Context()) }()
		pass(10 * time.Second)
		is(shardmanager.PhaseStarting)
		down = false
		if err := <-over; err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		is(shardmanager.PhaseRunning)
		g.Outage(true)
		pass(time.Minute)
		is(shardmanager.PhaseRunning)
		g.Outage(false)
		pass(time.Minute)
		g.World().Message(guild, gatewaytest.Message{})
		pass(time.Millisecond)
		go func() { over <- m.Close(context.Background()) }()
		pass(time.Second)
		is(shardmanager.PhaseClosing)
		if err := <-over; err != nil {
			t.Error(err)
		}
		is(shardmanager.PhaseClosed)
	})
}

// TestRollingRestartIsSeenWhileItIsUnderWay: from its begin to its end.
func TestRollingRestartIsSeenWhileItIsUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(5), gatewaytest.WithMaxConcurrency(16))
		m := newManager(t, g)
		if _, is := m.Rolling(); is {
			t.Error("one is under way before Start")
		}
		start(t, m)
		began := time.Now()
		over := make(chan error, 1)
		go func() {
			over <- m.RollingRestartWith(t.Context(), shardmanager.Rolling{Pause: 20 * time.Second})
		}()
		pass(time.Second)
		if p, is := m.Rolling(); !is || p.Shard != -1 || p.Done != 0 || p.Of != 5 || !p.Began.Equal(began) {
			t.Errorf("under way: %v, %+v", is, p)
		}
		pass(40 * time.Second)
		if p, is := m.Rolling(); !is || p.Done < 2 || p.Of != 5 || p.Shard != p.Done-1 || p.Left <= 0 || !p.Began.Equal(began) {
			t.Errorf("under way: %v, %+v", is, p)
		}
		if err := <-over; err != nil {
			t.Error(err)
		}
		if p, is := m.Rolling(); is {
			t.Errorf("it is over: %+v", p)
		}
	})
}

// TestOwnerOfIsWhoServesNow: over a reshard, guild by guild.
func TestOwnerOfIsWhoServesNow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		guilds := guildIDs(12)
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithGuilds(guilds...))
		m := newManager(t, g)
		owners := func() map[int]int {
			by := make(map[int]int)
			for _, guild := range guilds {
				key, is := m.OwnerOf(guild)
				if is && key.Shard.Index != events.ShardFor(guild, key.Shard.Total) {
					t.Errorf("guild %v: %v", guild, key)
				}
				by[key.Shard.Total]++
			}
			return by
		}
		if by := owners(); by[0] != 12 {
			t.Errorf("before Start: %v", by)
		}
		var mu sync.Mutex
		from := make(map[events.Snowflake]int)
		shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, at events.Meta) {
			mu.Lock()
			defer mu.Unlock()
			from[e.GuildID] = at.Shard.Total
		})
		start(t, m)
		if by := owners(); by[2] != 12 {
			t.Errorf("before the reshard: %v", by)
		}
		if _, is := m.OwnerOf(0); is {
			t.Error("no guild is served")
		}
		if err := m.Pause(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if by := owners(); by[2] != 12 {
			t.Errorf("of a paused shard: %v", by)
		}
		if err := m.Unpause(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		over, mixed := make(chan error, 1), false
		go func() { over <- m.Reshard(t.Context(), 4, shardmanager.WithRetirement(time.Minute)) }()
		for range 10 * 60 {
			pass(time.Second)
			by := owners()
			mixed = mixed || by[2] > 0 && by[4] > 0
			p, _ := m.Resharding()
			if p.Over {
				break
			}
			if p.Cut != by[4] && p.Phase < shardmanager.ReshardCutting {
				t.Errorf("%v: %v", p, by)
			}
		}
		if err := <-over; err != nil {
			t.Fatal(err)
		}
		for _, guild := range guilds {
			g.World().Message(guild, gatewaytest.Message{})
		}
		pass(time.Second)
		if by := owners(); by[4] != 12 {
			t.Errorf("after the reshard: %v", by)
		}
		mu.Lock()
		defer mu.Unlock()
		for guild, total := range from {
			if key, _ := m.OwnerOf(guild); key.Shard.Total != total {
				t.Errorf("guild %v: its event came from one of %d, its owner is %v", guild, total, key)
			}
		}
		pass(2 * time.Minute)
		t.Logf("seen in the midst: %v", mixed)
	})
}

// TestReshardThatEndsSaysSo: with what it ended in, and in a line.
func TestReshardThatEndsSaysSo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(16), gatewaytest.WithGuildsPerShard(2))
		m := newManager(t, g)
		start(t, m)
		pass(time.Second)
		ctx, cancel := context.WithCancelCause(t.Context())
		over := make(chan error, 1)
		go func() { over <- m.Reshard(ctx, 4) }()
		pass(20 * time.Second)
		p, _ := m.Resharding()
		if text := p.String(); p.Over || p.Err != nil || !strings.HasPrefix(text, "2 to 4 shards, comparing: ") {
			t.Errorf("under way: %+v: %s", p, text)
		}
		bored := errors.New("bored")
		cancel(bored)
		err := <-over
		p, _ = m.Resharding()
		if text := p.String(); !p.Over || p.Err != err || !errors.Is(p.Err, bored) || !strings.HasPrefix(text, "2 to 4 shards, stopped: ") || !strings.HasSuffix(text, "bored") {
			t.Errorf("it ended in %v: %+v: %s", err, p, text)
		}
		if err := m.Reshard(t.Context(), 4, shardmanager.WithRetirement(time.Minute)); err != nil {
			t.Fatal(err)
		}
		p, _ = m.Resharding()
		if text := p.String(); !p.Over || p.Err != nil || p.Phase != shardmanager.ReshardRetiring || !strings.HasPrefix(text, "2 to 4 shards, retiring: all ") {
			t.Errorf("it has ended well: %+v: %s", p, text)
		}
		pass(2 * time.Minute)
		if p, _ = m.Resharding(); !p.Over || p.Phase != shardmanager.ReshardDone {
			t.Errorf("long after: %+v", p)
		}
	})
}

// unreadable is an error whose text cannot be read.
type unreadable struct{}

func (unreadable) Error() string { panic("no text") }

// broken is an HTTP client's transport that fails so.
type broken struct{}

func (broken) RoundTrip(*http.Request) (*http.Response, error) { return nil, unreadable{} }

// TestWaitReadySurvivesErrorsThatCannotBeRead: they are the user's code.
func TestWaitReadySurvivesErrorsThatCannotBeRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newManager(t, newGateway(t), shardmanager.WithHTTPClient(&http.Client{Transport: broken{}}))
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan error, 1)
		go func() { over <- m.Start(ctx) }()
		pass(5 * time.Second)
		waits, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := m.WaitReady(waits); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "Start goes on") {
			t.Errorf("WaitReady: %v", err)
		}
		cancel()
		if err := <-over; err == nil {
			t.Error("it has started")
		}
	})
}
