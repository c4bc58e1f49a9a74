package events

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/signalbox-go/signalbox/events/internal/number"
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

// ShardKey names one shard among all that run or should run. Two generations may have the same ShardID: while a fleet is
// resharded to the same total, with other intents.
type ShardKey struct {
	Generation uint64
	Shard      ShardID
}

// String is the shard, and the generation unless it is 0: "3/16", "3/16#2".
func (k ShardKey) String() string {
	if k.Generation == 0 {
		return k.Shard.String()
	}
	return k.Shard.String() + "#" + strconv.FormatUint(k.Generation, 10)
}

// Compare orders keys by generation, total and index.
func (k ShardKey) Compare(other ShardKey) int {
	return cmp.Or(cmp.Compare(k.Generation, other.Generation), cmp.Compare(k.Shard.Total, other.Shard.Total), cmp.Compare(k.Shard.Index, other.Shard.Index))
}

// MarshalJSON writes [index, total].
func (s ShardID) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "[%d,%d]", s.Index, s.Total), nil
}

// UnmarshalJSON reads [index, total].
func (s *ShardID) UnmarshalJSON(data []byte) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(data, &pair); err != nil || len(pair) != 2 {
		return errors.New("events: shard: not an array of two whole numbers")
	}
	index, ok := number.Int(pair[0])
	total, also := number.Int(pair[1])
	if !ok || !also || int64(int(index)) != index || int64(int(total)) != total {
		return errors.New("events: shard: not an array of two whole numbers")
	}
	s.Index, s.Total = int(index), int(total)
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
