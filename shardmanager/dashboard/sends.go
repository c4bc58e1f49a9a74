package dashboard

import (
	"errors"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/actors"
)

// Sends counts what becomes of send events. It is a hook of the Manager, and an option of its Dashboard:
//
//	sends := dashboard.NewSends()
//	m, err := shardmanager.New(token, shardmanager.WithHooks(sends))
//	d, err := dashboard.New(m, dashboard.WithSends(sends))
//
// It keeps 140 bytes for each shard that has sent something, and nothing of what was sent. It is safe for concurrent use.
type Sends struct {
	mu     sync.Mutex
	counts sendCounts
	shards map[actors.Key]*written
}

// sendCounts are how send events have ended, since the start.
type sendCounts struct {
	Done     int64 `json:"done"`     // written, and answered if something answers their kind
	Refused  int64 `json:"refused"`  // no permit was spent
	Unsent   int64 `json:"unsent"`   // they waited, or had a permit, and were not written
	Unknown  int64 `json:"unknown"`  // written, and the answer did not come
	Denied   int64 `json:"denied"`   // the gateway said no
	Lost     int64 `json:"lost"`     // the session ended before the answer
	Written  int64 `json:"written"`  // to the gateway
	Replaced int64 `json:"replaced"` // a newer presence took the place
}

// written is how many send events a shard has written in each of the latest 60 seconds.
type written struct {
	second int64 // the latest, in Unix seconds
	counts [60]uint16
}

// NewSends returns a hook that has counted nothing.
func NewSends() *Sends { return &Sends{shards: make(map[actors.Key]*written)} }

// OnSend counts one step of a send event. The Manager calls it.
func (s *Sends) OnSend(moved actors.SendMoved) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch moved.Stage {
	case actors.SendWritten:
		s.counts.Written++
		w := s.shards[moved.Key]
		if w == nil {
			w = new(written)
			s.shards[moved.Key] = w
		}
		w.add(time.Now().Unix())
	case actors.SendEnded:
		*s.counts.of(moved.Err)++
	}
}

// of is where an end is counted.
func (c *sendCounts) of(err error) *int64 {
	var failed *actors.SendError
	switch {
	case err == nil:
		return &c.Done
	case errors.Is(err, actors.ErrSuperseded):
		return &c.Replaced
	case !errors.As(err, &failed):
		return &c.Unknown
	}
	switch failed.Stage {
	case actors.Refused:
		return &c.Refused
	case actors.Queued, actors.Admitted:
		return &c.Unsent
	case actors.Denied:
		return &c.Denied
	case actors.Lost:
		return &c.Lost
	}
	return &c.Unknown
}

// to makes a second the latest.
func (w *written) to(second int64) {
	for ; w.second < second; w.second++ {
		if second-w.second > 60 {
			w.second, w.counts = second-1, [60]uint16{}
		}
		w.counts[(w.second+1)%60] = 0
	}
}

func (w *written) add(second int64) {
	w.to(second)
	w.counts[second%60]++
}

// total is what has ended, and how; nil: nothing is counted.
func (s *Sends) total() *sendCounts {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := s.counts
	return &counts
}

// lastMinute is what a shard has written in each of the latest 60 seconds, the oldest first; nil: nothing is counted.
func (s *Sends) lastMinute(key actors.Key, now time.Time) []int {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	minute := make([]int, 60)
	if w := s.shards[key]; w != nil {
		w.to(now.Unix())
		for i := range minute {
			minute[i] = int(w.counts[(w.second+1+int64(i))%60])
		}
	}
	return minute
}

// forget drops what is kept of shards that are not there any more.
func (s *Sends) forget(there map[actors.Key]int) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.shards {
		if _, is := there[key]; !is {
			delete(s.shards, key)
		}
	}
}
