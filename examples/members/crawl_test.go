package members_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/examples/members"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const perGuild = 1100

// book is what a bot keeps of members.
type book struct {
	mu      sync.Mutex
	members map[events.Snowflake]map[events.Snowflake]bool // by guild
	done    map[events.Snowflake]error
	most    int // members that came at once
}

func newBook() *book {
	return &book{members: make(map[events.Snowflake]map[events.Snowflake]bool), done: make(map[events.Snowflake]error)}
}

func (b *book) chunk(_ context.Context, chunk *events.GuildMembersChunk) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.members[chunk.GuildID] == nil {
		b.members[chunk.GuildID] = make(map[events.Snowflake]bool)
	}
	for _, member := range chunk.Members {
		b.members[chunk.GuildID][member.User.ID] = true
	}
	b.most = max(b.most, len(chunk.Members))
	return nil
}

func (b *book) whole(guild events.Snowflake, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done[guild] = err
}

// has fails the test unless all members of the guilds are known, and were so in parts.
func (b *book) has(t *testing.T, guilds []events.Snowflake) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, guild := range guilds {
		if err, ok := b.done[guild]; !ok || err != nil || len(b.members[guild]) != perGuild {
			t.Errorf("guild %v has %d members, done %v: %v", guild, len(b.members[guild]), ok, err)
		}
	}
	if b.most > 1000 {
		t.Errorf("%d members came at once", b.most)
	}
}

// begin starts a bot of two shards with three large guilds each.
func begin(t *testing.T) (gateway *gatewaytest.Server, m *shardmanager.Manager, guilds []events.Snowflake) {
	t.Helper()
	for n := range 6 {
		guilds = append(guilds, events.Snowflake(n+1)<<22)
	}
	gateway = gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithShards(2), gatewaytest.WithGuilds(guilds...), gatewaytest.WithMembers(perGuild))
	m, err := shardmanager.New("token", shardmanager.WithGateway(gateway), shardmanager.WithLogger(zap.NewNop()),
		shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMembers))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(m.Start(t.Context()), m.WaitReady(t.Context())); err != nil {
		t.Fatal(err)
	}
	return gateway, m, guilds
}

// requests are how often each shard has asked.
func requests(gateway *gatewaytest.Server, shard int) (n int) {
	for _, frame := range gateway.Frames(shard) {
		if frame.Op == events.OpRequestGuildMembers {
			n++
		}
	}
	return n
}

// TestCrawl: all guilds are read, each once, and those of a shard one after the other.
func TestCrawl(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gateway, m, guilds := begin(t)
		book, begun := newBook(), time.Now()
		if err := (members.Crawl{Pause: 10 * time.Second, Chunk: book.chunk, Done: book.whole}).Run(t.Context(), m, guilds); err != nil {
			t.Fatal(err)
		}
		book.has(t, guilds)
		if took := time.Since(begun); took < 30*time.Second || took > 31*time.Second { // three guilds, and three pauses
			t.Errorf("it took %v", took)
		}
		for shard := range 2 {
			if n := requests(gateway, shard); n != 3 {
				t.Errorf("shard %d has asked %d times", shard, n)
			}
		}
		gateway.RequireNoViolations(t)
	})
}

// TestCrawlThroughTrouble: a connection or a session that is lost in the midst of an answer, and a guild that somebody else has just asked for, cost time
// and no member.
func TestCrawlThroughTrouble(t *testing.T) {
	t.Parallel()
	t.Run("connection", func(t *testing.T) { testTrouble(t, false) })
	t.Run("session", func(t *testing.T) { testTrouble(t, true) })
}

func testTrouble(t *testing.T, session bool) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gateway, m, guilds := begin(t)
		other := events.RequestGuildMembers{GuildID: guilds[1], Query: events.Ptr(""), Limit: events.Ptr(0)}
		if _, err := other.SendEvent(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		gateway.Shard(1).CutAt(5_000) // of the first answer, within its first part
		identifies, resumes := 2, 1
		if session {
			gateway.ForgetSessions()
			identifies, resumes = 3, 0
		}
		book, begun := newBook(), time.Now()
		if err := (members.Crawl{Chunk: book.chunk, Done: book.whole}).Run(t.Context(), m, guilds); err != nil {
			t.Fatal(err)
		}
		book.has(t, guilds)
		if took := time.Since(begun); took < 25*time.Second || took > 2*time.Minute {
			t.Errorf("it took %v", took)
		}
		if stats := gateway.Stats(); stats.Resumes != resumes || stats.Identifies != identifies {
			t.Errorf("%d identifies and %d resumes, want %d and %d", stats.Identifies, stats.Resumes, identifies, resumes)
		}
		gateway.RequireNoViolations(t)
	})
}

// TestCrawlEnds: with its context, and with an error of the caller's.
func TestCrawlEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, m, guilds := begin(t)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := (members.Crawl{Pause: time.Minute, Chunk: newBook().chunk}).Run(ctx, m, guilds); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("its context has ended: %v", err)
		}
		time.Sleep(time.Minute)
		full := errors.New("the database is full")
		err := members.Crawl{Chunk: func(context.Context, *events.GuildMembersChunk) error { return full }}.Run(t.Context(), m, guilds)
		if !errors.Is(err, full) {
			t.Errorf("Chunk has failed: %v", err)
		}
	})
}
