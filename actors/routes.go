package actors

import (
	"cmp"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/signalbox-go/signalbox/events"
)

// routes say who serves which guild, to those who send from anywhere: one pointer to what never changes. The supervisor alone
// replaces it.
type routes struct{ now atomic.Pointer[routing] }

// routing is how things stand. The zero value has no shard.
type routing struct {
	fleets      []served // most shards first
	generations []uint64 // that the plan names, the newest first
}

// served are those of one total that serve and run here.
type served struct {
	total int
	keys  []Key // by index; the zero Key: none
	count int
}

// set makes them those of a plan.
func (r *routes) set(p *plan) {
	next := new(routing)
	for total, of := range p.servers {
		f := served{total: total, keys: make([]Key, total), count: len(of)}
		for index, key := range of {
			f.keys[index] = key
		}
		next.fleets = append(next.fleets, f)
	}
	slices.SortFunc(next.fleets, func(a, b served) int { return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(b.total, a.total)) })
	for generation := range p.generations {
		next.generations = append(next.generations, generation)
	}
	slices.SortFunc(next.generations, func(a, b uint64) int { return cmp.Compare(b, a) })
	r.now.Store(next)
}

// guild is the shard that serves a guild, or, of no guild (0), the lowest that serves.
func (r *routing) guild(guild events.Snowflake) (Key, error) {
	for _, f := range r.fleets {
		if guild == 0 {
			return f.keys[slices.IndexFunc(f.keys, func(key Key) bool { return key != Key{} })], nil
		}
		if key := f.keys[events.ShardFor(guild, f.total)]; key != (Key{}) {
			return key, nil
		}
	}
	if total := r.total(); total > 0 && guild != 0 {
		return Key{}, fmt.Errorf("%w: shard %d of %d", ErrUnknownShard, events.ShardFor(guild, total), total)
	}
	return Key{}, fmt.Errorf("%w: none serves", ErrUnknownShard)
}

// index is the shard with the index, of those that serve.
func (r *routing) index(index int) (Key, error) {
	for _, f := range r.fleets {
		if index >= 0 && index < f.total && f.keys[index] != (Key{}) {
			return f.keys[index], nil
		}
	}
	return Key{}, fmt.Errorf("%w: shard %d of %d", ErrUnknownShard, index, r.total())
}

// total is that of the shards which serve; 0: none does.
func (r *routing) total() int {
	if len(r.fleets) == 0 {
		return 0
	}
	return r.fleets[0].total
}
