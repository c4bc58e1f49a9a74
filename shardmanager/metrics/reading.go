package metrics

import (
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// fresh is how old a reading may be that is told again: so often a Manager is read at the most, however many ask.
const fresh = time.Second

// reading is how a Manager stood. The zero value: there is none that runs.
type reading struct {
	at      time.Time
	running bool

	status      shardmanager.Status
	queues      []shardmanager.Queue
	budget      shardmanager.Budget
	persistence shardmanager.Persistence
	reshard     shardmanager.ReshardProgress
	resharding  bool
	forecasts   map[string]shardmanager.Forecast
	frame       time.Time // when something was last read; zero: nothing was
	odd         float64   // that the gateway should not have sent, so far
	missed      float64   // calls of hooks that were left out, so far
}

// read reads the Manager, unless that was done a moment ago.
func (x *Metrics) read() *reading {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := time.Now()
	if x.manager != nil {
		x.missed.see(events.ShardKey{}, int(x.manager.HooksMissed()))
	}
	if !runs(x.manager) {
		x.reading = nil
		return &reading{at: now, odd: x.oddFrames.total, missed: x.missed.total}
	}
	if x.reading != nil && now.Sub(x.reading.at) < fresh {
		return x.reading
	}
	r := &reading{at: now, running: true, status: x.manager.Status(), queues: x.manager.Queues(), budget: x.manager.Budget(), persistence: x.manager.Persistence()}
	r.reshard, r.resharding = x.manager.Resharding()
	if r.budget.Known {
		r.forecasts = x.forecasts.look(x.manager, now)
	}
	if at := x.frame.Load(); at != 0 {
		r.frame = time.Unix(0, at)
	}
	for i := range r.status.Shards {
		s := &r.status.Shards[i]
		x.oddFrames.see(s.Key(), s.Odd)
	}
	r.odd, r.missed = x.oddFrames.total, x.missed.total
	if !runs(x.manager) { // it has ended meanwhile, and what was read of it is not so any more
		x.reading = nil
		return &reading{at: now, odd: r.odd, missed: r.missed}
	}
	x.reading = r
	return r
}

// runs reports whether a Manager was started and has not ended.
func runs(m *shardmanager.Manager) bool {
	if m == nil || m.Supervisor() == nil {
		return false
	}
	select {
	case <-m.Done():
		return false
	default:
		return true
	}
}

// awaySince is since when a shard is not Ready that should be; zero: it is, or should not.
func awaySince(s *shardmanager.ShardStatus) time.Time {
	if wanted(s) && away(s.State) {
		return s.Away
	}
	return time.Time{}
}

// rising adds up counts that shards have, and never falls when a shard is forgotten.
type rising struct {
	total float64
	seen  map[events.ShardKey]int // that are not 0
}

func (r *rising) see(key events.ShardKey, count int) {
	if count == 0 && r.seen == nil {
		return
	}
	if r.seen == nil {
		r.seen = make(map[events.ShardKey]int)
	}
	if more := count - r.seen[key]; more > 0 {
		r.total += float64(more)
	}
	if count != 0 {
		r.seen[key] = count
	}
}

func printable(name string) string { return strings.ToValidUTF8(name, "?") }
