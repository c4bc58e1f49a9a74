package events

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// ShardID names one shard of a set of Total, as Identify's shard array does.
// The zero value is no shard.
type ShardID struct {
	Index int // from 0 to Total-1
	Total int
}

// Valid reports whether Index is within Total.
func (s ShardID) Valid() bool { return s.Index >= 0 && s.Index < s.Total }

// String is the index and the total, such as "3/16".
func (s ShardID) String() string { return strconv.Itoa(s.Index) + "/" + strconv.Itoa(s.Total) }

// MarshalJSON writes [index, total].
func (s ShardID) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "[%d,%d]", s.Index, s.Total), nil
}

// UnmarshalJSON reads [index, total].
func (s *ShardID) UnmarshalJSON(data []byte) error {
	var pair [2]int
	if err := json.Unmarshal(data, &pair); err != nil {
		return fmt.Errorf("events: shard: %w", err)
	}
	s.Index, s.Total = pair[0], pair[1]
	return nil
}

// ShardFor is the index of the shard, out of total, that receives the events of guild.
// Events without a guild go to shard 0. It panics if total is not positive.
//
// Source: events/gateway#sharding
func ShardFor(guild Snowflake, total int) int {
	if total <= 0 {
		panic(fmt.Sprintf("events: ShardFor with a total of %d shards: use at least 1", total))
	}
	return int((uint64(guild) >> 22) % uint64(total))
}
