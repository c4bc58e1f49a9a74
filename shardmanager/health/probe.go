package health

import (
	"fmt"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const (
	defaultShare = 0.05
	defaultBrief = 30 * time.Second
	defaultList  = 20
	maxList      = 1000
	mostLooks    = 500 // shards whose moves are looked at for one answer, which costs some microseconds each
	thrift       = 20  // times what it took to look, an answer is given again: so nobody who asks takes more than a twentieth of one CPU
)

// Option is an option of New.
type Option func(*config)

type config struct {
	share  float64
	brief  time.Duration
	list   int
	picked bool
}

// WithTolerance sets how much may be amiss while the Manager is ready: of many shards, one always reconnects. A shard that has been Ready here and is away for less than brief does not count;
// of those that count, share of the shards that are to run here may be away, rounded down: with 0.05, the default, none of 19, one of 20, and 50 of 1,000. brief is 30 s by
// default. One that has not been Ready here yet counts at once. WithTolerance(0, 0) wants all of them, always. share is from 0 to below 1, brief 0 or more.
func WithTolerance(share float64, brief time.Duration) Option {
	return func(c *config) { c.share, c.brief = share, brief }
}

// WithListed sets how many of the shards that are away Readiness.Away lists: 20 by default, 1,000 at the most. With 0 they are only counted.
func WithListed(shards int) Option { return func(c *config) { c.list = shards } }

// WithPickedShards is for a Manager with shardmanager.WithStandby to which only some of the shards are given. Without it, the Manager is not ready before it has all of them: those that never
// ran here count as away. With it they are not missed, once one runs here.
func WithPickedShards() Option { return func(c *config) { c.picked = true } }

// Probe tells whether one Manager is alive, and ready. Make it with New. It is safe for concurrent use.
type Probe struct {
	m   *shardmanager.Manager
	cfg config

	mu    sync.Mutex
	seen  Readiness // the latest
	until time.Time // it is given again
	ready verdict
	alive verdict
	marks map[actors.Key]mark // of the shards that were away then
	spare map[actors.Key]mark
	looks int // shards more whose moves may be looked at for this answer
}

// verdict is an answer, and since when it is given.
type verdict struct {
	given, is bool
	since     time.Time
}

// at takes an answer. It is so from then on, if the one before was another; then zero: from now on.
func (v *verdict) at(is bool, then, now time.Time) time.Time {
	if !v.given || v.is != is {
		if then.IsZero() || then.After(now) {
			then = now
		}
		*v = verdict{true, is, then}
	}
	return v.since
}

// New returns a Probe of a Manager, which may start later. The error is a *shardmanager.OptionError.
func New(m *shardmanager.Manager, opts ...Option) (*Probe, error) {
	p := &Probe{m: m, cfg: config{share: defaultShare, brief: defaultBrief, list: defaultList}, marks: make(map[actors.Key]mark), spare: make(map[actors.Key]mark)}
	for _, opt := range opts {
		if opt == nil {
			return nil, wrong("New", "an option is nil: leave it out")
		}
		opt(&p.cfg)
	}
	switch c := &p.cfg; {
	case m == nil:
		return nil, wrong("New", "the Manager is nil: make it first, by shardmanager.New")
	case !(c.share >= 0 && c.share < 1): // also what is no number
		return nil, wrong("WithTolerance", "a share of %v: use 0 or more, and less than 1", c.share)
	case c.brief < 0:
		return nil, wrong("WithTolerance", "%v: use 0 or more", c.brief)
	case c.list < 0 || c.list > maxList:
		return nil, wrong("WithListed", "%d: use 0 to %d", c.list, maxList)
	}
	return p, nil
}

func wrong(option, format string, args ...any) error {
	return &shardmanager.OptionError{Option: "health." + option, Problem: fmt.Sprintf(format, args...)}
}

// Liveness is whether the Manager is alive. It waits for nothing, and costs the same for any number of shards.
func (p *Probe) Liveness() Liveness {
	now := time.Now()
	l := look(p.m)
	answer := Liveness{Alive: l.alive, State: l.state, Reason: l.text}
	if answer.Reason == "" {
		answer.State, answer.Reason = Running, "it runs: whether its shards do, readiness tells"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	answer.Since = shown(p.alive.at(l.alive, time.Time{}, now))
	return answer
}

// Readiness is whether the Manager is ready, and what is amiss. It waits for no shard and no network. It costs a copy of Manager.Status; where that takes long, as of 10,000 shards, one
// that is some milliseconds old is looked at again. The slices in it are shared: do not change them.
func (p *Probe) Readiness() Readiness {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Before(p.until) {
		return p.seen
	}
	l := look(p.m)
	var status shardmanager.Status
	if l.state != NotStarted {
		status = p.m.Status()
	}
	since, resharding := p.judge(l, &status, now)
	if resharding {
		p.addReshard()
	}
	p.seen.Since = shown(p.ready.at(p.seen.Ready, since, now))
	end := time.Now()
	p.until = end.Add(thrift * end.Sub(now))
	return p.seen
}

// shown is a time as it is written: to the millisecond, in UTC.
func shown(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Millisecond)
}
