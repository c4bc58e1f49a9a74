package actors

import (
	"cmp"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/signalbox-go/signalbox/events"
)

// TestRoutesAreThoseOfThePlan, whatever has changed of it: set looks at what was touched alone, and finds what one finds who looks at all.
func TestRoutesAreThoseOfThePlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var r routes
		r.now.Store(new(routing))
		p := newPlan()
		named := make(map[Key]bool)
		for range rapid.IntRange(1, 30).Draw(t, "changes") {
			var keys []Key
			for range rapid.IntRange(0, 4).Draw(t, "keys") {
				total := rapid.IntRange(1, 4).Draw(t, "total")
				key := Key{
					Generation: uint64(rapid.IntRange(0, 2).Draw(t, "generation")),
					Shard:      events.ShardID{Index: rapid.IntRange(0, total-1).Draw(t, "index"), Total: total},
				}
				keys = append(keys, key)
				of := Fleet{key.Generation, total}
				switch _, served := p.servers.at(key.Shard); {
				case p.servers.has(key) && rapid.Bool().Draw(t, "ceases"):
					p.servers.remove(key)
				case !served:
					p.servers.add(key)
				}
				if named[key] = rapid.Bool().Draw(t, "named"); named[key] {
					p.fleets[of]++
				} else if p.fleets[of]--; p.fleets[of] <= 0 {
					delete(p.fleets, of)
				}
			}
			r.set(p, keys)
			requireRoutes(t, r.now.Load(), p)
		}
	})
}

// requireRoutes compares who serves what with all that the plan says.
func requireRoutes(t *rapid.T, now *routing, p *plan) {
	totals := slices.SortedFunc(maps.Keys(p.servers), func(a, b int) int {
		return cmp.Or(cmp.Compare(len(p.servers[b]), len(p.servers[a])), cmp.Compare(b, a))
	})
	find := func(serves func(total int) (Key, bool)) (Key, bool) {
		for _, total := range totals {
			if key, ok := serves(total); ok {
				return key, true
			}
		}
		return Key{}, false
	}
	for guild := events.Snowflake(0); guild < 30<<22; guild += 1 << 22 {
		want, serves := find(func(total int) (Key, bool) {
			index := events.ShardFor(guild, total)
			if guild == 0 {
				index = slices.Min(slices.Collect(maps.Keys(p.servers[total])))
			}
			return p.servers.at(events.ShardID{Index: index, Total: total})
		})
		if got, ok := now.guild(guild); got != want || ok != serves {
			t.Fatalf("guild %d is served by %v (%v), want %v (%v)", guild>>22, got, ok, want, serves)
		}
	}
	for index := -1; index < 6; index++ {
		want, serves := find(func(total int) (Key, bool) { return p.servers.at(events.ShardID{Index: index, Total: total}) })
		if got, ok := now.index(index); got != want || ok != serves {
			t.Fatalf("index %d is %v (%v), want %v (%v)", index, got, ok, want, serves)
		}
		for total := 1; total < 5; total++ {
			shard := events.ShardID{Index: index, Total: total}
			if want, _ := p.servers.at(shard); shard.Valid() && now.at(shard) != want {
				t.Fatalf("%v is served by %v, want %v", shard, now.at(shard), want)
			}
		}
	}
	fleets := slices.SortedFunc(maps.Keys(p.fleets), func(a, b Fleet) int {
		return cmp.Or(cmp.Compare(b.Generation, a.Generation), cmp.Compare(b.Total, a.Total))
	})
	if !slices.Equal(now.fleets, fleets) {
		t.Fatalf("the fleets are %v, want %v", now.fleets, fleets)
	}
	want := 0
	switch {
	case len(totals) > 0:
		want = totals[0]
	case len(fleets) > 0:
		want = fleets[0].Total
	}
	if now.total() != want {
		t.Fatalf("the total is %d, want %d", now.total(), want)
	}
}
