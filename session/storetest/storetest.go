// Package storetest is the suite that a session.Store must pass: see Run. What a store may be besides, such as a session.Notebook, is judged if it is that.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// Run tests stores. open returns an empty one, which open's own cleanup closes.
func Run(t *testing.T, open func(t *testing.T) session.Store) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, session.Store)
	}{
		{"nothing is stored", empty}, {"what is saved is loaded", roundTrip}, {"the last one wins", last},
		{"shards of other totals are others", totals}, {"delete", remove}, {"a context that has ended", ended},
		{"many at once", concurrent}, {"secrets do not print", secrets},
		{"a lower fence is refused", lowerFence}, {"of a batch only the fenced are refused", fencedBatch}, {"two owners", owners},
		{"a claim needs a higher fence", claims}, {"of many claims one wins", oneClaim}, {"totals", countTotals},
		{"no note at first", noNote}, {"the last note wins", lastNote}, {"an empty note is none", emptyNote}, {"a note changes no session", noteAlone},
		{"a large note", largeNote}, {"a note and a context that has ended", endedNote}, {"notes and sessions at once", concurrentNotes}, {"a note does not print", secretNote},
	} {
		t.Run(strings.ReplaceAll(test.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			test.run(t, open(t))
		})
	}
}

const canary = "canary-9d41c2"

func sample(index, total int, seq int64) session.Snapshot {
	return session.Snapshot{
		Shard: events.ShardID{Index: index, Total: total}, SessionID: canary + "-session é \x00", ResumeURL: "wss://" + canary + ".discord.gg",
		Seq: seq, Exact: true, Bot: math.MaxUint64, SavedAt: time.Date(2026, 11, 24, 1, 2, 3, 456789, time.UTC),
		Terms:    session.Terms{Known: true, Intents: events.IntentsAll, Capabilities: math.MinInt64, LargeThreshold: 250},
		Presence: `{"since":null,"activities":[{"name":"a \"é\" <b>","type":0}],"status":"idle","afk":false}`, PresenceUpdated: true,
		Guilds: 2500, GuildsAway: 12, GuildsSeq: seq, EventRate: 12.625, Fence: math.MaxUint64 - 7,
	}
}

func load(t *testing.T, s session.Store, id events.ShardID) session.Snapshot {
	t.Helper()
	got, err := s.Load(t.Context(), id)
	if err != nil {
		t.Fatalf("Load %v: %v", id, err)
	}
	return got
}

func save(t *testing.T, s session.Store, all ...session.Snapshot) {
	t.Helper()
	if err := s.Save(t.Context(), all...); err != nil {
		t.Fatalf("Save: %v", err)
	}
}

func missing(t *testing.T, s session.Store, id events.ShardID) {
	t.Helper()
	if got, err := s.Load(t.Context(), id); !errors.Is(err, session.ErrNoSnapshot) {
		t.Errorf("Load %v: %v, %v, want ErrNoSnapshot", id, got, err)
	}
}

func equal(a, b session.Snapshot) bool {
	same := a.SavedAt.Equal(b.SavedAt)
	a.SavedAt = b.SavedAt
	return same && a == b
}

func empty(t *testing.T, s session.Store) { missing(t, s, events.ShardID{Index: 0, Total: 1}) }

func roundTrip(t *testing.T, s session.Store) {
	for i, want := range []session.Snapshot{
		sample(0, 1, 1), sample(3, 16, math.MaxInt64), {Shard: events.ShardID{Index: 15_999, Total: 16_000}, SessionID: "s", SavedAt: time.Now()},
	} {
		save(t, s, want)
		if got := load(t, s, want.Shard); !equal(got, want) {
			t.Errorf("%d: got %v, want %v", i, got, want)
		}
	}
}

func last(t *testing.T, s session.Store) {
	save(t, s, sample(0, 2, 1), sample(1, 2, 1), sample(0, 2, 5), sample(0, 2, 3))
	if got := load(t, s, events.ShardID{Index: 0, Total: 2}); got.Seq != 3 {
		t.Errorf("of a batch, sequence %d is kept", got.Seq)
	}
	save(t, s, sample(0, 2, 2))
	if got := load(t, s, events.ShardID{Index: 0, Total: 2}); got.Seq != 2 {
		t.Errorf("of two batches, sequence %d is kept", got.Seq)
	}
	if got := load(t, s, events.ShardID{Index: 1, Total: 2}); got.Seq != 1 {
		t.Errorf("the other shard is at %d", got.Seq)
	}
	save(t, s)
}

func totals(t *testing.T, s session.Store) {
	save(t, s, sample(1, 2, 7))
	missing(t, s, events.ShardID{Index: 1, Total: 4})
	missing(t, s, events.ShardID{Index: 0, Total: 2})
}

func remove(t *testing.T, s session.Store) {
	id := events.ShardID{Index: 0, Total: 2}
	save(t, s, sample(0, 2, 1), sample(1, 2, 1))
	for range 2 { // of what is not there it is no error
		if err := s.Delete(t.Context(), id); err != nil {
			t.Fatalf("Delete: %v", err)
		}
		missing(t, s, id)
	}
	load(t, s, events.ShardID{Index: 1, Total: 2})
}

func ended(t *testing.T, s session.Store) {
	save(t, s, sample(0, 1, 1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Save(ctx, sample(0, 1, 2)); !errors.Is(err, context.Canceled) {
		t.Errorf("Save: %v", err)
	}
	if err := s.Delete(ctx, events.ShardID{Index: 0, Total: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("Delete: %v", err)
	}
	if _, err := s.Load(ctx, events.ShardID{Index: 0, Total: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("Load: %v", err)
	}
	if got := load(t, s, events.ShardID{Index: 0, Total: 1}); got.Seq != 1 {
		t.Errorf("sequence %d is kept, of what was cancelled", got.Seq)
	}
}

func concurrent(t *testing.T, s session.Store) {
	const shards, rounds = 8, 20
	var all sync.WaitGroup
	for index := range shards {
		all.Go(func() {
			for seq := int64(1); seq <= rounds; seq++ {
				if err := s.Save(t.Context(), sample(index, shards, seq)); err != nil {
					t.Errorf("Save: %v", err)
				}
				if got, err := s.Load(t.Context(), events.ShardID{Index: index, Total: shards}); err != nil || got.Seq != seq {
					t.Errorf("shard %d: %v, %v, want sequence %d", index, got, err, seq)
				}
			}
		})
	}
	all.Wait()
}

func secrets(t *testing.T, s session.Store) {
	save(t, s, sample(0, 1, 1))
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, s); strings.Contains(text, canary) {
			t.Errorf("%s shows a secret: %.200s", format, text)
		}
	}
}
