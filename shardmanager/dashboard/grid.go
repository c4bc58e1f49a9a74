package dashboard

import (
	"strconv"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// looks are what a shard may look like, by name: the states of a session, and what is wanted of a shard, where that is another thing than to run and to serve.
var looks = []string{"Idle", "Connecting", "AwaitingHello", "Queued", "Identifying", "Resuming", "Ready", "Backoff", "Closed", "Paused", "Draining", "Stopped", "Elsewhere", "Quarantined"}

const (
	lookPaused = int(session.Closed) + 1 + iota
	lookDraining
	lookStopped
	lookElsewhere
	lookQuarantined
)

// lookOf is what a shard looks like: an index of looks.
func lookOf(s *shardmanager.ShardStatus) int {
	switch {
	case s.Quarantined:
		return lookQuarantined
	case s.Mode == actors.Pause:
		return lookPaused
	case s.Mode == actors.Drain:
		return lookDraining
	case s.Mode == actors.Stop:
		return lookStopped
	case s.Mode == actors.Release:
		return lookElsewhere
	}
	return int(s.State)
}

// slot is a shard's place in the grid.
type slot struct {
	key     actors.Key
	role    actors.Role
	look    int
	since   int64  // when it began to look like that, in Unix milliseconds
	version uint32 // counts its changes, from 1

	session   uint64
	seq       int64
	latencyAt time.Time
	latencies []latency
}

// latency is one heartbeat's.
type latency struct{ at, took uint32 } // seconds since the dashboard began, and µs

const keptLatencies = 48 // of each shard: half an hour, at the usual interval

// measure keeps a latency that is new.
func (s *slot) measure(began time.Time, status *shardmanager.ShardStatus) {
	if status.LatencyAt.IsZero() || status.LatencyAt.Equal(s.latencyAt) {
		return
	}
	s.latencyAt = status.LatencyAt
	if len(s.latencies) == keptLatencies {
		copy(s.latencies, s.latencies[1:])
		s.latencies = s.latencies[:keptLatencies-1]
	}
	s.latencies = append(s.latencies, latency{uint32(max(status.LatencyAt.Sub(began)/time.Second, 0)), uint32(min(status.Latency.Microseconds(), 1<<32-1))})
}

// events is how many events have come since the shard was looked at before.
func (s *slot) events(status *shardmanager.ShardStatus) (n int64) {
	if n = status.Seq; status.Session == s.session {
		n = max(status.Seq-s.seq, 0)
	}
	s.session, s.seq = status.Session, status.Seq
	return n
}

// change takes what the shard looks like now.
func (s *slot) change(status *shardmanager.ShardStatus) {
	look, since := lookOf(status), int64(0)
	if !status.Since.IsZero() {
		since = status.Since.UnixMilli()
	}
	if s.version == 0 || s.look != look || s.since != since || s.role != status.Role {
		s.look, s.since, s.role = look, since, status.Role
		s.version++
	}
}

const (
	agesAtOnce = 12_000 // of shards, that come with the whole grid
	deltaLimit = 2_000  // shards in one delta
)

// age is for how many seconds a shard has looked as it does; -1: since ever.
func (s *slot) age(now int64) int64 {
	if s.since == 0 {
		return -1
	}
	return max(now-s.since, 0) / 1000
}

// inSetOf reports whether two shards are of one set: what is shown under one heading.
func (s *slot) inSetOf(other *slot) bool {
	return s.key.Generation == other.key.Generation && s.key.Shard.Total == other.key.Shard.Total && s.role == other.role
}

// appendGrid appends the whole grid as JSON: the shards of each set (every step-th from the first on), what each looks like, as a letter, and for how long it has, of the first ones.
func appendGrid(b []byte, epoch uint64, slots []slot, now int64) []byte {
	b = append(b, `{"epoch":`...)
	b = strconv.AppendUint(b, epoch, 10)
	b = append(b, `,"sets":[`...)
	for from := 0; from < len(slots); {
		first, count, step := slots[from], 1, 1
		for from+count < len(slots) && slots[from+count].inSetOf(&first) {
			ahead := slots[from+count].key.Shard.Index - slots[from+count-1].key.Shard.Index
			if count == 1 {
				step = ahead
			} else if ahead != step {
				break
			}
			count++
		}
		if from > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"generation":`...)
		b = strconv.AppendUint(b, first.key.Generation, 10)
		for _, part := range []struct {
			name string
			n    int
		}{{`,"total":`, first.key.Shard.Total}, {`,"first":`, first.key.Shard.Index}, {`,"count":`, count}, {`,"step":`, step}} {
			b = append(b, part.name...)
			b = strconv.AppendInt(b, int64(part.n), 10)
		}
		b = append(b, `,"role":"`...)
		b = append(b, first.role.String()...)
		b = append(b, `"}`...)
		from += count
	}
	b = append(b, `],"looks":"`...)
	for i := range slots {
		b = append(b, byte('a'+slots[i].look))
	}
	b = append(b, `","ages":[`...)
	for i := range slots[:min(len(slots), agesAtOnce)] {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, slots[i].age(now), 10)
	}
	return append(b, "]}"...)
}

// appendDelta appends what a viewer has not seen as JSON, of so many shards at the most as deltaLimit says, going on where the delta before ended. It reports how many there were.
func appendDelta(b []byte, epoch uint64, slots []slot, seen []uint32, from *int, now int64) (text []byte, n int) {
	b = append(b, `{"epoch":`...)
	b = strconv.AppendUint(b, epoch, 10)
	b = append(b, `,"is":[`...)
	for range slots {
		i := *from % len(slots)
		*from = i + 1
		if s := &slots[i]; s.version != seen[i] {
			if n++; n > 1 {
				b = append(b, ',')
			}
			seen[i] = s.version
			b = strconv.AppendInt(b, int64(i), 10)
			b = append(b, ',')
			b = strconv.AppendInt(b, int64(s.look), 10)
			b = append(b, ',')
			b = strconv.AppendInt(b, s.age(now), 10)
			if n == deltaLimit {
				break
			}
		}
	}
	return append(b, "]}"...), n
}
