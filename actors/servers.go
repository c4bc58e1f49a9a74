package actors

import (
	"iter"

	"github.com/signalbox-go/signalbox/events"
)

// servers are those who serve, by total and index: at most one for each guild.
type servers map[int]map[int]Key

// overlapping are those who serve a guild of the shard. There are such guilds if the two indexes are equal modulo what the
// totals have in common.
func (s servers) overlapping(shard events.ShardID) iter.Seq[Key] {
	return func(yield func(Key) bool) {
		for total, of := range s {
			common := gcd(shard.Total, total)
			for index := shard.Index % common; index < total; index += common {
				if key, ok := of[index]; ok && !yield(key) {
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
		of = make(map[int]Key)
		s[key.Shard.Total] = of
	}
	of[key.Shard.Index] = key
}

// remove notes that one does not serve, who may not have.
func (s servers) remove(key Key) {
	of := s[key.Shard.Total]
	if of[key.Shard.Index] != key {
		return
	}
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
