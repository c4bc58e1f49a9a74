package dashboard

import (
	"cmp"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/shardmanager"
)

// budget is how the day's budget of Identifies stands.
type budget struct {
	Total          int   `json:"total"`
	Remaining      int   `json:"remaining"`
	ResetAt        int64 `json:"resetAt"`
	Spent          int   `json:"spent"`
	Reserve        int   `json:"reserve"`
	Spare          int   `json:"spare"`
	MaxConcurrency int   `json:"maxConcurrency"`
	Waiting        int   `json:"waiting"`
	Next           int64 `json:"next"` // 0: nobody waits, or it is not known
}

// reshard is how far a reshard has come.
type reshard struct {
	From     int    `json:"from"`
	To       int    `json:"to"`
	Phase    string `json:"phase"`
	Began    int64  `json:"began"`
	Warm     int    `json:"warm"`
	Guilds   int    `json:"guilds"`
	Compared int    `json:"compared"`
	Cut      int    `json:"cut"`
	Flagged  int    `json:"flagged"`
	Left     int64  `json:"left"` // ms
}

// complete adds what is known of the whole Manager.
func (d *Dashboard) complete(s *summary) {
	s.Queued = len(s.waiters)
	slices.SortStableFunc(s.waiters, func(x, y waiter) int {
		return cmp.Or(cmp.Compare(uint64(x.In), uint64(y.In)), cmp.Compare(x.Place, y.Place))
	}) // unknown ones are last
	s.Queue = append([]waiter{}, s.waiters[:min(len(s.waiters), shownQueue)]...)
	if b := d.budget.Load(); b != nil && b.Known {
		s.Budget = &budget{b.Total, b.Remaining, b.ResetAt.UnixMilli(), b.Spent, b.Reserve, b.Spare, b.MaxConcurrency, b.Waiting, 0}
		if !b.Next.IsZero() {
			s.Budget.Next = b.Next.UnixMilli()
		}
	}
	if p, is := d.m.Resharding(); is && p.Phase != shardmanager.ReshardDone && p.Err == nil {
		s.Reshard = &reshard{p.From, p.To, p.Phase.String(), p.Began.UnixMilli(), p.Warm, p.Guilds, p.Compared, p.Cut, p.Flagged, p.Left.Milliseconds()}
	}
	s.Rolling = d.roll.now()
	if p, is := d.m.Rolling(); is && (s.Rolling == nil || s.Rolling.Over) {
		s.Rolling = rollOf(p)
	}
	s.Viewers, s.Dropped = d.viewers.Load(), d.dropped.Load()
}

// ask asks the supervisor for the budget until it is known, and then while somebody looks: it costs it something.
func (d *Dashboard) ask() {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		if known := d.budget.Load(); d.viewers.Load() > 0 || known == nil || !known.Known {
			b := d.m.Budget()
			d.budget.Store(&b)
		}
		select {
		case <-tick.C:
		case <-d.life.Done():
			return
		}
	}
}
