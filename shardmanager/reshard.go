package shardmanager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// ReshardOption changes how a Reshard goes.
type ReshardOption func(*resharding)

// WithReshardProgress has f told how far it has come, about once a second and at each step, one call at a time. It does not wait for f, and
// f is called after the end of Reshard, too: while the old shards retire.
func WithReshardProgress(f func(ReshardProgress)) ReshardOption {
	return func(r *resharding) { r.told = f }
}

// WithBeforeCut has f called before the events of guilds, and sends that concern them, go to the new shards: for whoever must know which shard a guild has. It is waited
// for, for 10 s at the most; meanwhile the guilds' events wait. It may be called for several guilds at once, one call at a time. Its error is logged.
func WithBeforeCut(f func(ctx context.Context, guilds []GuildCut) error) ReshardOption {
	return func(r *resharding) { r.before = f }
}

// WithPatience sets for how long a guild is compared that cannot be cut in order, since its two sessions disagree or it is never quiet and has no event
// that both can be recognised by. Then it is cut by fingerprints, and counted as Flagged. The default is 10 min.
func WithPatience(d time.Duration) ReshardOption { return func(r *resharding) { r.patience = d } }

// WithNewIntents has the sessions of the new shards begin with other intents; the total may be today's then. Events that only one of the two is told of are delivered until
// a guild's cut, or from then on, and not compared; messages and the like that have an identity are. A process that starts later begins with the intents of its own options: change
// those too, or its sessions begin anew. The default is the intents of today.
func WithNewIntents(intents events.Intents) ReshardOption {
	return func(r *resharding) { r.intents = intents }
}

// WithRetirement sets for how long the old shards stay connected when all guilds were cut: until then, a Reshard back to their total costs no Identify.
// The default is 10 min; 0: they end at once. A Reshard to any other total ends them before it begins.
func WithRetirement(d time.Duration) ReshardOption { return func(r *resharding) { r.retirement = d } }

// WithExtraSessions bounds how many sessions there may be beside those of today: a Reshard that needs more is refused with ErrTooManySessions, before anything has begun.
// ReshardPlan.Extra and ReshardPlan.Memory say what it needs. The default, 0, is no bound.
func WithExtraSessions(most int) ReshardOption { return func(r *resharding) { r.most = most } }

const (
	defaultPatience   = 10 * time.Minute
	defaultRetirement = 10 * time.Minute
	beforeCutTime     = 10 * time.Second
	reshardTick       = time.Second
)

// GuildCut is a guild that is cut over.
//
//	type GuildCut struct {
//		Guild          events.Snowflake // 0: what is of no guild, such as direct messages
//		From, To       actors.Key       // the shards
//		OldSeq, NewSeq int64            // up to OldSeq the events of From were delivered, and those of To behind NewSeq follow
//		Flagged        bool             // by fingerprints: of events around the cut that are equal in all, one may be lost or come twice
//	}
//
// It is an [actors.GuildCut].
type GuildCut = actors.GuildCut

// ReshardPhase is how far a Reshard is.
type ReshardPhase int

// The phases, in order.
const (
	ReshardWarming   ReshardPhase = iota // new shards identify beside the old ones
	ReshardComparing                     // what both tell is compared; the old ones are served from
	ReshardCutting                       // guild by guild, the new ones are served from
	ReshardRetiring                      // all are; the old ones are connected still
	ReshardDone
)

var reshardPhases = [...]string{"warming", "comparing", "cutting", "retiring", "done"}

// String is the phase in a word.
func (p ReshardPhase) String() string {
	if p < 0 || int(p) >= len(reshardPhases) {
		return fmt.Sprint(int(p))
	}
	return reshardPhases[p]
}

// ReshardProgress is how far a Reshard has come.
type ReshardProgress struct {
	From, To   int // totals
	Phase      ReshardPhase
	Began      time.Time
	Warm       int           // new shards that are Ready, of To
	Guilds     int           // that the new shards have told of
	Compared   int           // of them, those that may be cut
	Cut        int           // of them, those that the new shards serve
	Flagged    int           // of those, cut by fingerprints: of events around the cut that are equal in all, one may be lost or come twice
	Disordered int           // guilds in which both sessions have shown events in different orders
	Kept       int           // bytes of events that are kept
	Extra      int           // the most sessions that there were beside those of the old shards
	Left       time.Duration // about how long it will take until all guilds are cut
	Over       bool          // Reshard has returned, or would: nothing is done any more but that old shards retire. Resharding says so; who follows by WithReshardProgress has no call for it
	Err        error         // Over: what it ended in, a *ReshardError; nil: the new shards serve
}

// ReshardPlan is what a Reshard would take and cost.
type ReshardPlan struct {
	From, To   int           // totals
	Identifies int           // that it costs
	Remaining  int           // of the day's budget, by what Discord said a moment ago
	Reserve    int           // that is not spent
	Until      time.Time     // when Discord makes the budget whole again
	Warm       time.Duration // until all new shards are Ready, about
	Cut        time.Duration // from then until all guilds are cut, about, if they agree
	Extra      int           // sessions beside those of today
	Memory     int           // that these take, in bytes, about; the events that are kept come on top, 256 MiB at the most
}

// Pays reports whether the budget less the reserve is enough.
func (p ReshardPlan) Pays() bool { return p.Identifies == 0 || p.Remaining-p.Reserve >= p.Identifies }

// String is the plan in a line.
func (p ReshardPlan) String() string {
	if p.Identifies == 0 {
		return fmt.Sprintf("%d to %d shards, which are connected still: no identify, about %v until all guilds are cut over", p.From, p.To, p.Cut.Round(time.Second))
	}
	return fmt.Sprintf("%d to %d shards: %d identifies of %d that are left (%d in reserve), %d sessions more for a while (about %d MiB), about %v until they are ready and %v until all guilds are cut over",
		p.From, p.To, p.Identifies, p.Remaining, p.Reserve, p.Extra, (p.Memory+1<<20-1)>>20, p.Warm.Round(time.Second), p.Cut.Round(time.Second))
}

// ReshardError says why a Reshard was refused, or has ended. Unless it says that it was Cut, the old shards serve as before.
type ReshardError struct {
	From, To int
	Phase    ReshardPhase
	Cut      bool // the new shards serve
	Err      error
}

// Error says what has become of it, and why.
func (e *ReshardError) Error() string {
	what := "the old shards serve as before"
	if e.Cut {
		what = "the new shards serve"
	}
	return fmt.Sprintf("shardmanager: reshard from %d to %d ended while %v, %s: %v", e.From, e.To, e.Phase, what, e.Err)
}

// Unwrap is the reason.
func (e *ReshardError) Unwrap() error { return e.Err }

// Reasons of a ReshardError.
var (
	ErrResharding = errors.New("shardmanager: a reshard is under way: wait for its end")
	ErrSameShards = errors.New("shardmanager: that many shards run already: name another total")
	ErrNotAllHere = errors.New("shardmanager: not all shards run here: a reshard needs them all in one process, and none paused or released")
	ErrDisagreed  = errors.New("shardmanager: the old and the new sessions do not tell the same")
	errInHandler  = errors.New("shardmanager: from a handler: a guild is cut over when its handlers are done, and this one would wait for itself: begin it on a goroutine of its own")
	// ErrTooManySessions: more sessions are needed than WithExtraSessions allows.
	ErrTooManySessions = errors.New("shardmanager: it needs more sessions than WithExtraSessions allows: allow more, see ReshardPlan.Extra")
	ErrKeptTooMuch     = errors.New("shardmanager: too many events had to be kept: handlers are far behind, or a session is")
)

// PlanReshard asks Discord for the budget, and says what a Reshard to a total would take and cost. It begins nothing. The error is that of a Reshard which
// would be refused; a budget that does not pay is no error here: see ReshardPlan.Pays.
func (m *Manager) PlanReshard(ctx context.Context, total int, opts ...ReshardOption) (ReshardPlan, error) {
	r, err := m.newReshard(ctx, total, opts)
	if err != nil {
		return ReshardPlan{}, err
	}
	return r.plan, nil
}

// newReshard checks what is asked for.
func (m *Manager) newReshard(ctx context.Context, total int, opts []ReshardOption) (*resharding, error) {
	if ctx == nil {
		return nil, errNilContext
	}
	if _, err := m.client(); err != nil {
		return nil, err
	}
	if bus.InHandler() {
		return nil, &ReshardError{From: m.total(), To: total, Err: errInHandler}
	}
	latest, latestErr := m.latestReshard() // before the status, or that may be out of date
	status := m.Status()
	r := &resharding{m: m, follows: latest, patience: defaultPatience, retirement: defaultRetirement}
	r.plan = ReshardPlan{From: status.Total, To: total}
	fail := func(err error) (*resharding, error) {
		return nil, &ReshardError{From: status.Total, To: total, Err: err}
	}
	for _, opt := range opts {
		if opt == nil {
			return fail(errors.New("shardmanager: an option of the reshard is nil: leave it out"))
		}
		opt(r)
	}
	if r.patience <= 0 || r.retirement < 0 || r.most < 0 {
		return fail(errors.New("shardmanager: WithPatience needs more than 0, and WithRetirement and WithExtraSessions no less"))
	}
	if total < 1 || total > maxShards {
		return fail(fmt.Errorf("shardmanager: %d shards: use from 1 to %d", total, maxShards))
	}
	if unknown := r.intents.Unknown(); unknown != 0 {
		return fail(fmt.Errorf("shardmanager: the intents have bits that no intent has: %v", unknown))
	}
	if latestErr != nil {
		return fail(latestErr)
	}
	serving, before, stay := 0, events.Intents(0), latest == nil || !latest.hasRetired()
	m.mu.Lock()
	generation := m.generation // none comes again
	m.mu.Unlock()
	for _, s := range status.Shards {
		generation = max(generation, s.Generation)
		if s.Role == actors.Serving && s.Shard.Total == status.Total && s.Mode == actors.Run {
			r.from = actors.Fleet{Generation: s.Generation, Total: s.Shard.Total}
			r.today |= s.Intents
			serving++
		}
		if stay && s.Role == actors.Retiring && (r.intents == 0 || s.Intents == r.intents) && s.Shard.Total == total && s.Mode == actors.Run {
			r.to, r.back, before = actors.Fleet{Generation: s.Generation, Total: total}, true, s.Intents
		}
	}
	if serving != status.Total || serving == 0 {
		return fail(ErrNotAllHere)
	}
	if total == status.Total && (r.intents == 0 || r.intents == r.today) {
		return fail(ErrSameShards)
	}
	if r.back && before != r.today {
		r.intents = before
	}
	if !r.back {
		r.to = actors.Fleet{Generation: generation + 1, Total: total}
	}
	return r, r.price(ctx)
}

// price says what it takes and costs.
func (r *resharding) price(ctx context.Context) error {
	p := &r.plan
	p.Cut = cutTime(r.m.Status().Shards)
	p.Identifies, p.Extra = p.To, p.To
	if r.back {
		if p.Identifies, p.Extra = r.lost(), 0; p.Identifies == 0 {
			return nil
		}
	}
	found, err := r.m.askGateway(ctx)
	if err != nil {
		return &ReshardError{From: p.From, To: p.To, Err: err}
	}
	start := found.sessionStart()
	concurrency := max(start.MaxConcurrency, 1)
	p.Remaining, p.Until = start.Remaining, time.Now().Add(start.ResetAfter)
	p.Memory = p.Extra * sessionMemory[r.m.compression]
	p.Reserve = (start.Total + 9) / 10
	if r.m.cfg.reserve != nil {
		p.Reserve = *r.m.cfg.reserve
	}
	p.Warm = time.Duration((p.Identifies-1)/concurrency)*identifyEvery + warmTime
	if r.back {
		return nil
	}
	if f, err := r.m.Forecast(ctx, ReshardTo{Total: p.To}); err == nil && f.Enough { // or the limiter does not tell
		p.Warm = f.Duration - p.Cut
	}
	return nil
}

// lost is how many of the shards that are there still have lost their sessions.
func (r *resharding) lost() (n int) {
	for i := range r.to.Total {
		if _, _, has := r.m.shards.Session(r.to.Key(i)); !has {
			n++
		}
	}
	return n
}

const (
	identifyEvery = 5 * time.Second // of each rate limit key
	warmTime      = 2 * time.Second // from a permit to READY, about
)

// sessionMemory is what a session takes, in bytes, once it was told of large guilds: see docs/benchmarks.md.
var sessionMemory = map[events.Compression]int{events.CompressionZstd: 704 << 10, events.CompressionZlib: 160 << 10, events.CompressionNone: 64 << 10, events.CompressionPayload: 64 << 10}

// refuse is why it cannot begin.
func (r *resharding) refuse() error {
	switch p := r.plan; {
	case r.most > 0 && p.Extra > r.most:
		return fmt.Errorf("%w: %d, of %d", ErrTooManySessions, p.Extra, r.most)
	case !p.Pays(): //seam:reshard-needs-budget
		return &ratelimit.BudgetError{Remaining: p.Remaining, Reserve: p.Reserve, Until: p.Until}
	}
	return nil
}
