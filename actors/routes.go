package actors

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/signalbox-go/signalbox/events"
)

// routes say who serves which guild, to those who send from anywhere: one pointer to what never changes. The supervisor alone
// replaces it.
type routes struct{ now atomic.Pointer[routing] }

// routing is how things stand. The zero value has no shard.
type routing struct {
	serving []served // most shards first
	fleets  []Fleet  // that the plan names, the newest first
}

// served are those of one total that serve and run here.
type served struct {
	total int
	keys  []Key // by index; the zero Key: none
	count int
}

// set makes them those of a plan, in which some shards have changed: it costs what that touches.
func (r *routes) set(p *plan, keys []Key) {
	now := r.now.Load()
	touched := make(map[int][]int) // indexes, by total
	for _, key := range keys {
		shard := key.Shard
		if serves, _ := p.servers.at(shard); now.at(shard) != serves {
			touched[shard.Total] = append(touched[shard.Total], shard.Index)
		}
	}
	fleets := slices.SortedFunc(maps.Keys(p.fleets), func(a, b Fleet) int {
		return cmp.Or(cmp.Compare(b.Generation, a.Generation), cmp.Compare(b.Total, a.Total))
	})
	if len(touched) == 0 && slices.Equal(fleets, now.fleets) {
		return
	}
	next := &routing{fleets: fleets}
	for _, f := range now.serving {
		if _, changes := touched[f.total]; !changes {
			next.serving = append(next.serving, f)
		}
	}
	for total, indexes := range touched {
		of := p.servers[total]
		if len(of) == 0 {
			continue
		}
		f := served{total: total, keys: make([]Key, total), count: len(of)}
		copy(f.keys, now.of(total).keys)
		for _, index := range indexes {
			f.keys[index], _ = p.servers.at(events.ShardID{Index: index, Total: total})
		}
		next.serving = append(next.serving, f)
	}
	slices.SortFunc(next.serving, func(a, b served) int { return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(b.total, a.total)) })
	r.now.Store(next)
}

// of are those of a total.
func (r *routing) of(total int) served {
	for _, f := range r.serving {
		if f.total == total {
			return f
		}
	}
	return served{}
}

// at is who serves the guilds of a shard; the zero Key: nobody does.
func (r *routing) at(shard events.ShardID) Key {
	if f := r.of(shard.Total); f.keys != nil && shard.Valid() {
		return f.keys[shard.Index]
	}
	return Key{}
}

// guild is the shard that serves a guild, or, of no guild (0), the lowest that serves.
func (r *routing) guild(guild events.Snowflake) (Key, bool) {
	for _, f := range r.serving {
		if guild == 0 {
			return f.keys[slices.IndexFunc(f.keys, func(key Key) bool { return key != Key{} })], true
		}
		if key := f.keys[events.ShardFor(guild, f.total)]; key != (Key{}) {
			return key, true
		}
	}
	return Key{}, false
}

// index is the shard with the index, of those that serve.
func (r *routing) index(index int) (Key, bool) {
	for _, f := range r.serving {
		if index >= 0 && index < f.total && f.keys[index] != (Key{}) {
			return f.keys[index], true
		}
	}
	return Key{}, false
}

// total is that of the shards which serve, or else are named by the plan; 0: there are none.
func (r *routing) total() int {
	switch {
	case len(r.serving) > 0:
		return r.serving[0].total
	case len(r.fleets) > 0:
		return r.fleets[0].Total
	}
	return 0
}

// Route is the key of the shard that serves a guild, or, of no guild (0), of the lowest that serves; if none does, of one that
// would if it was not stopped. The error is ErrUnknownShard.
func (s *Supervisor) Route(guild events.Snowflake) (Key, error) {
	if c := s.cutover.Load(); c != nil {
		if key, ok := c.owner(guild); ok {
			return key, nil
		}
	}
	now := s.routes.now.Load()
	if key, ok := now.guild(guild); ok {
		return key, nil
	}
	for _, f := range now.fleets {
		if key := f.Of(guild); s.board.serves(key) {
			return key, nil
		}
	}
	if total := now.total(); total > 0 {
		return Key{}, fmt.Errorf("%w: shard %d of %d", ErrUnknownShard, events.ShardFor(guild, total), total)
	}
	return Key{}, fmt.Errorf("%w: none was started", ErrUnknownShard)
}

// RouteIndex is the key of the serving shard with an index; if there is none, of one that would serve if it was not stopped. The
// error is ErrUnknownShard.
func (s *Supervisor) RouteIndex(index int) (Key, error) {
	now := s.routes.now.Load()
	if key, ok := now.index(index); ok {
		return key, nil
	}
	for _, f := range now.fleets {
		if key := f.Key(index); s.board.serves(key) {
			return key, nil
		}
	}
	return Key{}, fmt.Errorf("%w: shard %d of %d", ErrUnknownShard, index, now.total())
}

// RouteShard is the key of a shard of the plan, of those with the ShardID the one that serves, or else that of the newest generation. The error is ErrUnknownShard.
func (s *Supervisor) RouteShard(shard events.ShardID) (Key, error) {
	if key := s.routes.now.Load().at(shard); key != (Key{}) {
		return key, nil
	}
	for _, f := range s.routes.now.Load().fleets {
		if key := (Key{Generation: f.Generation, Shard: shard}); f.Total == shard.Total && s.board.record(key) != nil {
			return key, nil
		}
	}
	return Key{}, fmt.Errorf("%w: %v", ErrUnknownShard, shard)
}
