package ratelimit

import (
	"cmp"
	"fmt"
	"strconv"
)

// Shard names who asks. Two generations may have shards of the same index: while a fleet is resharded.
type Shard struct {
	Generation   uint64
	Index, Total int // Total is 0 if it is not known
}

// key is the shard's rate limit key.
//
// Source: events/gateway#max-concurrency
func (s Shard) key(concurrency int) int { return s.Index % concurrency }

// compare orders shards: the older generation first, and then the lower index, as the gateway wants it of a fleet that starts.
func (s Shard) compare(other Shard) int {
	return cmp.Or(cmp.Compare(s.Generation, other.Generation), cmp.Compare(s.Index, other.Index), cmp.Compare(s.Total, other.Total))
}

// MarshalText is the shard as generation:index/total, so that it can be a key in JSON.
func (s Shard) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%d:%d/%d", s.Generation, s.Index, s.Total), nil
}

// UnmarshalText reads what MarshalText writes, and an index alone, which is what ledgers were keyed by before.
func (s *Shard) UnmarshalText(text []byte) error {
	if index, err := strconv.Atoi(string(text)); err == nil {
		*s = Shard{Index: index}
		return nil
	}
	var read Shard
	if _, err := fmt.Sscanf(string(text), "%d:%d/%d", &read.Generation, &read.Index, &read.Total); err != nil {
		return fmt.Errorf("ratelimit: %.40q names no shard: %w", text, err)
	}
	if exact, _ := read.MarshalText(); string(exact) != string(text) {
		return fmt.Errorf("ratelimit: %.40q names no shard", text)
	}
	*s = read
	return nil
}
