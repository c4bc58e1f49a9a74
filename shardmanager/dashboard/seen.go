package dashboard

import (
	"encoding/json"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const (
	sampleEvery = time.Second
	askEvery    = 2 * time.Second // of what costs the supervisor something, while somebody looks
	keptPoints  = 300
	keptNews    = 100
	shownQueue  = 50  // shards that wait to identify
	causeLimit  = 240 // bytes of a cause, in what is told to all
)

// seen is what the dashboard has seen of the Manager.
type seen struct {
	mu      sync.Mutex
	began   time.Time
	at      time.Time // of the latest sample; zero: none was taken
	ticks   uint64    // samples
	epoch   uint64    // counts the changes of which shards there are
	slots   []slot
	places  map[actors.Key]int // of a shard in slots
	now     []byte             // what the latest sample says, as JSON
	points  []point            // the latest ones, the oldest first
	pending point              // counts what happens until the next sample
	sends   sendCounts         // at the latest sample
	news    []news             // the latest ones, the oldest first
	newest  uint64             // number of the latest
	wake    chan struct{}      // closed and replaced when there is something to tell
	over    bool               // the Manager has ended, and the last sample says so
}

// point is a second of the plots.
type point struct {
	Events  int64 `json:"events"`  // received
	Lost    int64 `json:"lost"`    // shards that were Ready, and are not any more
	Resumed int64 `json:"resumed"` // sessions
	Begun   int64 `json:"begun"`   // sessions
	Done    int64 `json:"done"`    // send events
	Failed  int64 `json:"failed"`  // send events
}

// news is a move of a shard that has a cause.
type news struct {
	Number     uint64 `json:"n"`
	At         int64  `json:"at"`
	Generation uint64 `json:"generation"`
	Index      int    `json:"index"`
	Total      int    `json:"total"`
	From       string `json:"from"`
	To         string `json:"to"`
	Lost       bool   `json:"lost"` // a session was given up
	Cause      string `json:"cause"`
}

// text is a cause's text, not longer than limit.
func text(cause error, limit int) string {
	if cause == nil {
		return ""
	}
	t := cause.Error()
	if len(t) > limit {
		t = t[:limit] + "…"
	}
	return t
}

// tell wakes all who wait. The lock is held.
func (s *seen) tell() {
	close(s.wake)
	s.wake = make(chan struct{})
}

// follow counts what happens, and keeps what has a cause.
func (d *Dashboard) follow(changes iter.Seq[shardmanager.Change]) {
	for c := range changes {
		d.seen.follow(c)
	}
}

func (s *seen) follow(c shardmanager.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case c.From == session.Ready && c.To != session.Ready:
		s.pending.Lost++
	case c.From == session.Resuming && c.To == session.Ready && !c.Lost:
		s.pending.Resumed++
	case c.To == session.Ready:
		s.pending.Begun++
	}
	if c.Cause == nil {
		return
	}
	s.newest++
	if len(s.news) == keptNews {
		s.news = slices.Delete(s.news, 0, 1)
	}
	s.news = append(s.news, news{
		s.newest, c.At.UnixMilli(), c.Generation, c.Shard.Index, c.Shard.Total, c.From.String(), c.To.String(), c.Lost, text(c.Cause, causeLimit),
	})
	s.tell()
}

// sample looks at all shards, once a second, until the end.
func (d *Dashboard) sample() {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		d.look()
		select {
		case <-tick.C:
		case <-d.m.Done():
			d.look()
			d.end()
			return
		case <-d.life.Done():
			return
		}
	}
}

// look takes a sample.
func (d *Dashboard) look() {
	status, now := d.m.Status(), time.Now()
	s := &d.seen
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.began.IsZero() {
		s.began = now
	}
	d.place(&status)
	p := s.pending
	s.pending = point{}
	sum := summary{At: now.UnixMilli(), Total: status.Total, Here: len(status.Shards), Counts: make([]int, len(looks))}
	first := s.at.IsZero()
	for i := range status.Shards {
		shard, slot := &status.Shards[i], &s.slots[i]
		slot.change(shard)
		slot.measure(s.began, shard)
		if n := slot.events(shard); shard.Role == actors.Serving && !first {
			p.Events += n
		}
		sum.add(shard, slot.look, now)
	}
	if total := d.cfg.sends.total(); total != nil {
		failed := func(c *sendCounts) int64 { return c.Refused + c.Unsent + c.Unknown + c.Denied + c.Lost }
		if !first {
			p.Done, p.Failed = total.Done-s.sends.Done, failed(total)-failed(&s.sends)
		}
		s.sends, sum.Sends = *total, total
	}
	s.keep(p)
	sum.Point = p
	d.complete(&sum)
	select {
	case <-d.m.Done():
		s.over = true
		sum.Ended = true
		sum.Err = text(d.m.Err(), causeLimit)
		sum.Wrong, sum.WrongElse = ended(d.m.Err(), sum.Here), 0
	default:
	}
	if data, err := json.Marshal(sum); err == nil {
		s.now = data
	}
	s.at = now
	s.ticks++
	s.tell()
}

// keep keeps a point of the plots. The lock is held.
func (s *seen) keep(p point) {
	if len(s.points) == keptPoints {
		s.points = slices.Delete(s.points, 0, 1)
	}
	s.points = append(s.points, p)
}

// place gives each shard its slot, and forgets those that are gone. The lock is held.
func (d *Dashboard) place(status *shardmanager.Status) {
	epoch := d.seen.epoch
	if d.seen.place(status); d.seen.epoch != epoch {
		d.cfg.sends.forget(d.seen.places)
	}
}

// place gives each shard its slot. The lock is held.
func (s *seen) place(status *shardmanager.Status) {
	same := len(s.slots) == len(status.Shards)
	for i := 0; same && i < len(s.slots); i++ {
		same = s.slots[i].key == status.Shards[i].Key() && s.slots[i].role == status.Shards[i].Role
	}
	if same && s.epoch > 0 {
		return
	}
	slots, places := make([]slot, len(status.Shards)), make(map[actors.Key]int, len(status.Shards))
	for i := range status.Shards {
		key := status.Shards[i].Key()
		if before, was := s.places[key]; was {
			slots[i] = s.slots[before]
		}
		slots[i].key, slots[i].role, places[key] = key, status.Shards[i].Role, i
	}
	s.slots, s.places = slots, places
	s.epoch++
}

// summary is what each second says.
type summary struct {
	At        int64       `json:"at"`
	Total     int         `json:"total"`   // shards of the bot
	Here      int         `json:"here"`    // of them, and of others, those that run here
	Serving   int         `json:"serving"` // of those here
	Ready     int         `json:"ready"`   // of those that serve
	Counts    []int       `json:"counts"`
	Guilds    int         `json:"guilds"`
	Waiting   int         `json:"waiting"` // send events
	Frames    int         `json:"frames"`  // read, and not dealt with
	Point     point       `json:"point"`
	Sends     *sendCounts `json:"sends,omitempty"`
	Queue     []waiter    `json:"queue"`  // the first of those who wait to identify
	Queued    int         `json:"queued"` // all of them
	Budget    *budget     `json:"budget,omitempty"`
	Reshard   *reshard    `json:"reshard,omitempty"`
	Rolling   *roll       `json:"rolling,omitempty"`
	Wrong     []wrong     `json:"wrong"`
	WrongElse int         `json:"wrongElse"` // shards that are not in Wrong
	Viewers   int64       `json:"viewers"`
	Dropped   int64       `json:"dropped"` // viewers that were too slow
	Ended     bool        `json:"ended,omitempty"`
	Err       string      `json:"err,omitempty"`

	waiters []waiter
	wrongs  wrongs
}

// waiter is a shard that waits to identify.
type waiter struct {
	Generation uint64 `json:"generation"`
	Index      int    `json:"index"`
	Total      int    `json:"total"`
	Place      int    `json:"place"` // among those with the same key; 0: not known
	In         int64  `json:"in"`    // ms until it may identify; -1: not known
	For        int64  `json:"for"`   // ms since it waits
}

func (s *summary) add(shard *shardmanager.ShardStatus, look int, now time.Time) {
	s.Counts[look]++
	s.wrongs.add(shard, look)
	s.Waiting += shard.Waiting
	s.Frames += shard.Frames
	if shard.Role == actors.Serving {
		s.Guilds += shard.Guilds
		s.Serving++
		if look == int(session.Ready) {
			s.Ready++
		}
	}
	if shard.State != session.Queued {
		return
	}
	w := waiter{shard.Generation, shard.Shard.Index, shard.Shard.Total, shard.Place, -1, now.Sub(shard.Since).Milliseconds()}
	if !shard.Expected.IsZero() {
		w.In = max(shard.Expected.Sub(now).Milliseconds(), 0)
	}
	s.waiters = append(s.waiters, w)
}

// keyOf is the key of a shard, by what a viewer says of it.
func keyOf(generation uint64, index, total int) actors.Key {
	return actors.Key{Generation: generation, Shard: events.ShardID{Index: index, Total: total}}
}
