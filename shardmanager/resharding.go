package shardmanager

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// resharding is a Reshard, from its check to the end of the shards that retire.
type resharding struct {
	m          *Manager
	from, to   actors.Fleet
	back       bool // the new shards run already: they are the old ones of a reshard before
	plan       ReshardPlan
	follows    *resharding // the one before
	told       func(ReshardProgress)
	before     func(context.Context, []GuildCut) error
	intents    events.Intents // of the new shards; 0: today's
	today      events.Intents // of the old shards
	patience   time.Duration
	retirement time.Duration
	most       int // sessions beside those of today; 0: no bound

	cut     *actors.Cutover
	known   []events.Snowflake              // back, or it goes on: of which the new shards have told before
	guilds  []events.Snowflake              // of which they have told in the end
	goesOn  bool                            // another process has begun it
	restore map[actors.Key]session.Snapshot // sessions of the new shards, which that process had
	note    chan ReshardProgress            // for told; of capacity 1

	revived time.Time // when new shards that kept crashing were last started again

	noteFails bool // the notebook has, for so long that nothing waits for it any more
	noteHangs bool // it is asked for nothing any more

	unnoted atomic.Bool // that the new shards serve was not written down

	returns *resharding // the way back to the old shards, if it had to be gone; written before over is closed

	over   chan struct{}      // closed when nothing is done any more but to retire
	err    error              // then
	recall context.CancelFunc // no time ends the old shards any more
	home   chan struct{}      // closed when none retires

	mu         sync.Mutex
	progress   ReshardProgress
	cuts       []GuildCut // that flow, or are about to
	retired    bool       // the old shards end, or have
	unfinished bool       // guilds were cut, and the Manager has ended before all were
}

// Reshard changes the number of shards while the bot runs. The new shards identify beside the old ones, which serve meanwhile; then guild by guild their events,
// and sends that concern them, go over to the new ones: each event is delivered once, and those of a guild in order. PlanReshard says what it takes and costs.
//
// ctx bounds it: when it ends, or something fails, the old shards serve as before, and the new ones end. From the first guild's cut on it goes to the end, and then
// back to the old shards, which takes as long again and costs no Identify; if one of them has lost its session and may not begin another, the new ones serve, and the error
// says so (ReshardError.Cut). The error is a *ReshardError. When it returns nil, the new shards serve, and the old ones
// stay connected for a while: see WithRetirement.
//
// It takes some minutes even without waiting for Identifies: both sessions of a guild must have proved to live several times. Handlers get neither READY nor GUILD_CREATE
// of the new sessions, for nothing has happened to the guilds; Meta.Shard and Meta.Generation of events change with the cut. Status shows both sets of shards by
// their Role. One reshard at a time: ErrResharding. A handler begins it on a goroutine of its own: one that waited for it here would wait for itself.
//
// Source: events/gateway#sharding, which says that sessions with different totals may run beside each other.
func (m *Manager) Reshard(ctx context.Context, total int, opts ...ReshardOption) error {
	r, err := m.newReshard(ctx, total, opts)
	if err != nil {
		return err
	}
	if err := r.refuse(); err != nil {
		return &ReshardError{From: r.plan.From, To: total, Err: err}
	}
	before, err := m.beginReshard(r)
	if err != nil {
		return &ReshardError{From: r.plan.From, To: total, Err: err}
	}
	if before != nil {
		before.recall()
		<-before.home
		switch {
		case r.back && before.hasRetired(): // just now
			r.ends(&ReshardError{From: r.plan.From, To: total, Err: ErrResharding})
			close(r.home)
			return r.err
		case r.back:
			r.known = before.guilds
		case before.err == nil:
			before.endOld()
		}
	}
	m.running.Go(func() { r.run(ctx) })
	<-r.over
	return r.err
}

// hasRetired reports whether the old shards end, or have: there is no way back to them.
func (r *resharding) hasRetired() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.retired
}

// latestReshard is the one before the next. The error is that it is under way.
func (m *Manager) latestReshard() (*resharding, error) {
	m.mu.Lock()
	r := m.reshard
	m.mu.Unlock()
	if r != nil {
		select {
		case <-r.over:
		default:
			return nil, ErrResharding
		}
	}
	return r, nil
}

// beginReshard makes it the one that is under way, and returns the one before.
func (m *Manager) beginReshard(r *resharding) (before *resharding, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phase == PhaseClosing {
		return nil, m.ending.cause
	}
	if before = m.reshard; before != r.follows { // what was planned is not so any more
		return nil, ErrResharding
	}
	if !r.goesOn && !r.allHere() { // nor are the shards: Discord was asked meanwhile
		return nil, ErrNotAllHere
	}
	r.over, r.home, r.recall = make(chan struct{}), make(chan struct{}), func() {}
	r.note = make(chan ReshardProgress, 1)
	r.progress = ReshardProgress{From: r.plan.From, To: r.plan.To, Began: time.Now()}
	m.reshard, m.generation = r, max(m.generation, r.from.Generation, r.to.Generation)
	return before, nil
}

// isResharding reports whether one is under way; that old shards retire does not count.
func (m *Manager) isResharding() bool {
	m.mu.Lock()
	r := m.reshard
	m.mu.Unlock()
	if r == nil {
		return false
	}
	select {
	case <-r.over:
		return false
	default:
		return true
	}
}

// Resharding is how far the latest Reshard has come; false: there was none.
func (m *Manager) Resharding() (ReshardProgress, bool) {
	m.mu.Lock()
	r := m.reshard
	m.mu.Unlock()
	if r == nil {
		return ReshardProgress{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.progress, true
}

// run does it all.
func (r *resharding) run(ctx context.Context) {
	r.m.running.Go(r.tellAll)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(r.m.life, func() { cancel(context.Cause(r.m.life)) })()
	err := r.reshard(ctx)
	if err == nil && ctx.Err() != nil && r.m.life.Err() == nil && !r.back {
		r.show(func(p *ReshardProgress) { p.Phase = ReshardCutting })
		r.m.log.Warn("reshard: its context has ended: back to the old shards", zap.Int("shards", r.from.Total))
		back := r.turn()
		err = &ReshardError{r.plan.From, r.plan.To, ReshardCutting, back != nil, errors.Join(context.Cause(ctx), back)}
	}
	defer close(r.home)
	defer close(r.note)
	retire, recall := context.WithCancel(r.m.life)
	defer recall()
	if err == nil {
		r.recall = recall
	}
	if r.ends(err); err != nil {
		return
	}
	r.retire(retire)
}

// ends ends it, but for old shards that retire.
func (r *resharding) ends(err error) {
	r.err = err
	r.mu.Lock()
	r.progress.Over, r.progress.Err = true, err
	r.mu.Unlock()
	close(r.over)
}

// begin has each event decided about from now on.
func (r *resharding) begin() (err error) {
	cfg := actors.CutoverConfig{From: r.from, To: r.to, Known: r.known, Cuts: r.cuts}
	if r.intents != 0 {
		cfg.OldIntents, cfg.NewIntents = r.today, r.intents
	}
	if r.cut, err = r.m.shards.BeginCutover(r.m.System(), cfg); err != nil {
		return &ReshardError{r.plan.From, r.plan.To, ReshardWarming, false, err}
	}
	return nil
}

// reshard goes as far as the new shards serve alone, or nothing has changed.
func (r *resharding) reshard(ctx context.Context) error {
	if !r.goesOn { // or it has begun
		if err := r.begin(); err != nil {
			return err
		}
	}
	defer func() {
		if r.m.life.Err() == nil { // or its end decides still what is delivered
			r.cut.End()
			r.guilds, r.cut, r.cuts = r.cut.Guilds(), nil, nil
		}
	}()
	r.m.log.Info("reshard begins", zap.String("plan", r.plan.String()))
	err := r.change(ctx, func(plan *actors.Plan, change map[actors.Key]actors.Want) {
		for i := range r.to.Total {
			want := plan.Wants[r.to.Key(i)]
			if want.Role = actors.Warming; !r.back {
				want.Intents = r.intents
			}
			change[r.to.Key(i)] = want
		}
	})
	if err == nil {
		err = r.warm(ctx)
	}
	if err == nil {
		err = r.compare(ctx)
	}
	if err != nil {
		phase := r.progress.Phase
		if r.unfinished = r.goesOn && r.m.life.Err() != nil; !r.unfinished {
			r.undo()
		}
		return &ReshardError{r.plan.From, r.plan.To, phase, false, err}
	}
	if err := r.cutAll(); err != nil {
		r.mu.Lock()
		r.unfinished = len(r.cuts) > 0
		r.mu.Unlock()
		return &ReshardError{r.plan.From, r.plan.To, r.progress.Phase, true, err}
	}
	return nil
}

// show changes the progress, and tells of it.
func (r *resharding) show(f func(*ReshardProgress)) {
	r.mu.Lock()
	f(&r.progress)
	p := r.progress
	r.mu.Unlock()
	if r.told == nil {
		return
	}
	select { // the newest is what counts
	case <-r.note:
	default:
	}
	r.note <- p
}

func (p *ReshardProgress) take(stats actors.CutoverStats) {
	p.Guilds, p.Compared, p.Cut, p.Flagged, p.Disordered, p.Kept = stats.Guilds, stats.Ready, stats.Flowing, stats.Flagged, stats.Disordered, stats.Bytes
}

// tellAll tells of the progress, one call at a time.
func (r *resharding) tellAll() {
	for p := range r.note {
		_, err := heeding(r.m.life, "WithReshardProgress", func() (none struct{}, err error) {
			r.told(p)
			return none, nil
		})
		if err != nil { // that costs its call
			r.m.log.Error("reshard: its progress was not told", zap.Error(err))
		}
	}
}
