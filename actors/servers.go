package actors

import (
	"iter"

	"github.com/signalbox-go/signalbox/events"
)

// servers are the generations of those who serve, by total and index: at most one for each guild.
type servers map[int]map[int]uint64

// overlapping are those who serve a guild of the shard. There are such guilds if the two indexes are equal modulo what the
// totals have in common.
func (s servers) overlapping(shard events.ShardID) iter.Seq[Key] {
	return func(yield func(Key) bool) {
		for total, of := range s {
			common := gcd(shard.Total, total)
			for index := shard.Index % common; index < total; index += common {
				if generation, ok := of[index]; ok && !yield(Fleet{generation, total}.Key(index)) {
					return
				}
			}
		}
	}
}

// overlap is one of them.
func (s servers) overlap(shard events.ShardID) (Key, bool) {
	for key := range s.overlapping(shard) {
		return key, true
	}
	return Key{}, false
}

// add notes one who serves.
func (s servers) add(key Key) {
	of := s[key.Shard.Total]
	if of == nil {
		of = make(map[int]uint64)
		s[key.Shard.Total] = of
	}
	of[key.Shard.Index] = key.Generation
}

// at is who serves as a shard of a total, or false if nobody does.
func (s servers) at(shard events.ShardID) (Key, bool) {
	generation, ok := s[shard.Total][shard.Index]
	if !ok {
		return Key{}, false
	}
	return Key{Generation: generation, Shard: shard}, true
}

// has reports whether one serves.
func (s servers) has(key Key) bool {
	serves, ok := s.at(key.Shard)
	return ok && serves == key
}

// remove notes that one does not serve, who may not have.
func (s servers) remove(key Key) {
	if !s.has(key) {
		return
	}
	of := s[key.Shard.Total]
	delete(of, key.Shard.Index)
	if len(of) == 0 {
		delete(s, key.Shard.Total)
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
