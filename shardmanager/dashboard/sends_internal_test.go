package dashboard

import (
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
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

// TestGoneShardsAreForgotten: nothing that is kept of a shard is kept when it has gone, in any of the places.
func TestGoneShardsAreForgotten(t *testing.T) {
	t.Parallel()
	d := &Dashboard{}
	d.cfg.sends = NewSends()
	for generation := range uint64(4) {
		var status shardmanager.Status
		for index := range 8 - int(generation) {
			s := shardmanager.ShardStatus{Shard: events.ShardID{Index: index, Total: 8}, Generation: generation}
			d.cfg.sends.OnSend(actors.SendMoved{Key: s.Key(), Stage: actors.SendWritten})
			status.Shards = append(status.Shards, s)
		}
		d.place(&status)
		if n := len(status.Shards); len(d.seen.slots) != n || len(d.seen.places) != n || len(d.cfg.sends.shards) != n || d.seen.epoch != generation+1 {
			t.Errorf("there are %d shards, and %d slots, %d places, and sends of %d are kept", n, len(d.seen.slots), len(d.seen.places), len(d.cfg.sends.shards))
		}
	}
}

// TestWhatIsKeptIsBounded: the plots have their five minutes, and a shard its latest latencies.
func TestWhatIsKeptIsBounded(t *testing.T) {
	t.Parallel()
	var s seen
	for i := range 3 * keptPoints {
		s.keep(point{Events: int64(i)})
	}
	if len(s.points) != keptPoints || s.points[keptPoints-1].Events != 3*keptPoints-1 {
		t.Errorf("%d points are kept, the latest of them %+v", len(s.points), s.points[len(s.points)-1])
	}
	var one slot
	began := time.Now()
	for i := range 3 * keptLatencies {
		one.measure(began, &shardmanager.ShardStatus{Latency: time.Millisecond, LatencyAt: began.Add(time.Duration(i) * time.Second)})
	}
	if len(one.latencies) != keptLatencies || one.latencies[keptLatencies-1].at != 3*keptLatencies-1 {
		t.Errorf("%d latencies are kept, the latest of them %+v", len(one.latencies), one.latencies[len(one.latencies)-1])
	}
}
