package shardmanager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// Work is what a Forecast is of: ColdStart, ReshardTo, Recovery or Rolling, which is a rolling restart of all shards that run here.
type Work interface {
	// foresee has a rehearsal do the work, and says what it costs.
	foresee(*foresight, *rehearsal, *Forecast) error
	// text names it.
	text(shards int) string
}

// ColdStart is a start without sessions: each shard identifies. The sessions of a store, which a start resumes, are not counted.
type ColdStart struct {
	Shards int // all of them here; 0: as Start does: those of WithShards, or as many as Discord recommends
}

// ReshardTo is a change of the number of shards without a gap: all new shards become Ready beside those that serve, and then each guild is cut over, for which 2.8
// intervals of heartbeats are reckoned: both sessions of each have to prove three times that they live.
type ReshardTo struct{ Total int }

// Recovery is what follows when shards that run here lose their connections at one instant: those with a session resume it, and others identify.
type Recovery struct {
	Shards []int // nil: all
	// SessionsLost: the gateway does not know the sessions any more, so that each shard learns that first, and then identifies.
	SessionsLost bool
}

// Forecast is how long some work will take, and what it will cost, if it begins now: see Manager.Forecast.
type Forecast struct {
	Work          Work
	Shards        int
	Duration      time.Duration // until the last shard is Ready, and for a reshard all guilds are cut over; where not Enough, from Until on
	Identifies    int           // of the day's budget
	Resumes       int
	ExtraSessions int       // at the peak, beside those that serve
	Enough        bool      // the budget can pay that without its reserve
	Until         time.Time // where not Enough: from when on it can, if nobody spends any meanwhile; zero: never, since a day has less
	Budget        Budget    // that pays
}

// String tells all that an operator wants to know, in a line.
func (f Forecast) String() string {
	text := fmt.Sprintf("%s: %v, %s, %s", f.Work.text(f.Shards), roundly(f.Duration), counted(f.Identifies, "Identify", "Identifies"), counted(f.Resumes, "Resume", "Resumes"))
	if f.ExtraSessions > 0 {
		text += fmt.Sprintf(", %s more meanwhile", counted(f.ExtraSessions, "session", "sessions"))
	}
	switch {
	case f.Identifies == 0:
		return text
	case f.Enough:
		return fmt.Sprintf("%s; %d may be spent", text, f.Budget.Spare)
	case f.Until.IsZero():
		return fmt.Sprintf("%s; it cannot be done: %d may be spent, and a day has %d, of which %d are kept in reserve", text, f.Budget.Spare, f.Budget.Total, f.Budget.Reserve)
	}
	return fmt.Sprintf("%s; not now, since %d may be spent: there are enough at %s", text, f.Budget.Spare, f.Until.Format(time.DateTime))
}

func counted(n int, one, many string) string {
	switch n {
	case 0:
		return "no " + one
	case 1:
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// roundly is a time as one speaks of it.
func roundly(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}

var (
	errNoWork = errors.New("shardmanager: forecast: say of what: ColdStart, ReshardTo, Recovery or Rolling")
	errNoEnd  = errors.New("shardmanager: forecast: by what the limiter's identify queue says, it would never be done")
)

// Forecast says how long some work will take and what it will cost, before it is begun: it changes nothing. It lives through the work in a time of its own, on a copy
// of the identify queue, with what waits there and what was spent of late, and keeps to the same rules: keys and their 5 s, the day's budget, WithDialRate, the
// pauses of Rolling. What no rule holds up, such as a dial or READY, takes as long as shards have seen of late; before there is a session, as long as GET /gateway/bot.
// It reckons with a gateway that answers, and with nobody else who spends Identifies.
//
// A ColdStart can be foreseen before Start as well: then Discord is asked, once, and the error may be a *DiscoveryError or ErrAuthentication. Other work is
// ErrNotStarted then. With a limiter of WithRateLimiter whose queue is no ratelimit.Cloner, and before Start with any such limiter, it is actors.ErrOpaqueLimiter. A
// shard that does not run here is actors.ErrUnknownShard. ErrClosed after the end.
func (m *Manager) Forecast(ctx context.Context, of Work) (Forecast, error) {
	switch {
	case ctx == nil:
		return Forecast{}, errNilContext
	case of == nil:
		return Forecast{}, errNoWork
	}
	s := &foresight{ctx: ctx, m: m}
	_, err := m.client()
	if _, cold := of.(ColdStart); cold && errors.Is(err, ErrNotStarted) {
		err = s.ask()
	} else if err == nil {
		err = s.look()
	}
	if err != nil {
		return Forecast{}, err
	}
	return s.of(of)
}

// foresight is what a forecast goes by.
type foresight struct {
	ctx     context.Context
	m       *Manager
	asked   time.Time
	stands  *actors.IdentifyQueue // the queue
	status  actors.Status
	total   int           // shards of the whole bot
	ids     []int         // of them, those here
	lead    time.Duration // before the first shard begins, at a start
	steps   steps
	apart   time.Duration // dials
	dials   time.Time     // when the next may begin
	accepts bool          // the gateway has accepted the intents just now
}

// look goes by what runs.
func (s *foresight) look() (err error) {
	if s.stands, err = s.m.knownQueue(s.ctx); err != nil {
		return err
	}
	s.asked = time.Now()
	s.status, s.total = s.m.Status(), s.m.total()
	for i := range s.status.Shards {
		if shard := &s.status.Shards[i]; shard.Role == actors.Serving {
			s.ids = append(s.ids, shard.Shard.Index)
		}
	}
	var ready time.Time
	s.steps, ready = s.m.stepsSeen(s.status)
	s.accepts = s.asked.Sub(ready) < acceptedTime
	s.apart, s.dials = s.m.shards.Dials()
	return nil
}

// ask goes by what Discord says, as Start would.
func (s *foresight) ask() error {
	m := s.m
	if m.cfg.limiter != nil {
		return fmt.Errorf("%w: before Start it is not asked at all", actors.ErrOpaqueLimiter)
	}
	var found gateway
	began := time.Now()
	err := m.askTurn(s.ctx)
	turn := time.Now()
	if err == nil {
		found, err = m.askInTurn(s.ctx)
	}
	took := time.Since(turn)
	told := Discovery{Attempt: 1, Took: time.Since(began), Err: err}
	actors.Tell(m.observers, func(h HookDiscovery) { h.OnDiscovery(told) })
	if err != nil {
		return endedBy(s.ctx, err)
	}
	if s.stands, err = m.firstQueue(s.ctx, found); err != nil {
		return err
	}
	s.total, s.ids = m.cfg.shards(found)
	s.steps = steps{dial: took, ready: took}
	s.apart = actors.DialsApart(m.cfg.dialRate)
	s.lead = took
	if m.intents()&events.IntentsPrivileged != 0 {
		s.lead += took // for GET /applications/@me
	}
	s.asked = time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	s.lead += max(m.nextAsk.Sub(s.asked), 0)
	return nil
}

// firstQueue is the identify queue that Start would begin with.
func (m *Manager) firstQueue(ctx context.Context, found gateway) (*actors.IdentifyQueue, error) {
	limiter, kept := m.localLimiter(found)
	queue := limiter.Identify().(*ratelimit.Queue)
	queue.Decide(time.Now())
	if do, done := queue.Work(time.Now()); do != nil { // it reads the ledger
		bounded, cancel := context.WithTimeout(ctx, ratelimit.WorkTimeout)
		defer cancel()
		if _, err := askStore(bounded, "LoadLedger", func() (none struct{}, err error) { do(bounded); return none, nil }); err != nil {
			return nil, err
		}
		done(time.Now())
	}
	now := time.Now()
	stats := queue.Stats(now)
	if !stats.Known {
		return nil, errors.Join(errUnknownBudget, kept.state())
	}
	return &actors.IdentifyQueue{Stats: stats, Copy: queue.Clone(now)}, nil
}

// of has the work rehearsed: now, or, if the budget cannot pay that, when it can.
func (s *foresight) of(work Work) (Forecast, error) {
	f := Forecast{Work: work, Budget: budgetOf(s.stands, s.asked)}
	return heeding(s.ctx, "the limiter's identify queue", func() (Forecast, error) {
		err := s.rehearse(work, s.asked, &f)
		var budget *ratelimit.BudgetError
		if f.Enough = err == nil; f.Enough || !errors.As(err, &budget) {
			return f, err
		}
		cloner, ok := s.stands.Copy.(ratelimit.Cloner)
		if !ok {
			f.Until = budget.Until
			return f, nil
		}
		if f.Until = enoughAt(cloner, s.asked, f.Identifies); !f.Until.IsZero() {
			err = s.rehearse(work, f.Until, &f)
		}
		if errors.As(err, &budget) {
			err = nil
		}
		return f, err
	})
}
