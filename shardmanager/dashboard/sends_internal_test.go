package dashboard

import (
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
)

// TestSendsForgetShardsThatAreGone, or what is kept would grow with each reshard.
func TestSendsForgetShardsThatAreGone(t *testing.T) {
	t.Parallel()
	s, now := NewSends(), time.Now()
	key := func(generation uint64) actors.Key {
		return actors.Key{Generation: generation, Shard: events.ShardID{Index: 0, Total: 1}}
	}
	for generation := range uint64(3) {
		s.OnSend(actors.SendMoved{Key: key(generation), Stage: actors.SendWritten})
	}
	s.forget(map[actors.Key]int{key(2): 0})
	if len(s.shards) != 1 || s.shards[key(2)] == nil {
		t.Errorf("%d shards are kept", len(s.shards))
	}
	if s.lastMinute(key(0), now) == nil || s.total().Written != 3 {
		t.Errorf("%+v", s.total())
	}
}
