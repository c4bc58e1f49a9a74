package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// most is the largest number of shards that an operator has the bot changed to.
const most = 6

// reshardings are the mixtures of faults of plans whose number of shards changes.
var reshardings = []profile{
	{"alone", []string{"reshard"}},
	{"beside", []string{"reshard", "drop", "drop", "op7", "lag", "lag", "event-burst", "guild-gone", "guild-outage", "op9-true"}},
	{"lost", []string{"reshard", "drop", "op9-false", "op9-false", "close", "forget", "lag", "flaky", "outage"}},
	{"crashed", []string{"reshard", "crash", "crash", "crash-supervisor", "stop-actor", "restart-shard", "drop", "op7", "panic", "burst", "block"}},
	{"killed", []string{"reshard", "reshard", "kill", "restart", "note-kill", "note-kill", "drop", "store-slow", "store-fails", "event-burst", "guild-gone"}},
	{"killed", []string{"reshard", "note-kill", "kill", "restart", "lag"}},
	{"disordered", []string{"reshard", "disorder", "disorder", "disorder", "lag", "drop", "event-burst"}},
}

// reshard makes a plan one whose number of shards changes, or leaves it as it is: a change takes minutes, so a share of the plans has some.
func (p *Plan) reshard() {
	random := rand.New(rand.NewPCG(p.Seed, 0x72657368))
	if random.IntN(5) > 0 {
		return
	}
	pick := func(d ...time.Duration) time.Duration { return d[random.IntN(len(d))] }
	p.Reshards, p.Faults = true, nil
	p.Shards, p.Guilds, p.Callers = 1+random.IntN(4), 1+random.IntN(4), random.IntN(2)
	p.Interval, p.Length = pick(5*time.Second, 5*time.Second, 10*time.Second), time.Duration(2+random.IntN(4))*time.Minute
	p.Events, p.Calls = pick(300*time.Millisecond, time.Second, 5*time.Second, 20*time.Second), pick(2*time.Second, 10*time.Second)
	chosen := reshardings[random.IntN(len(reshardings))]
	every := time.Duration(8+random.IntN(25)) * time.Second
	if chosen.name == "alone" {
		every = time.Duration(60+random.IntN(60)) * time.Second
	}
	p.inject(chosen, random, every)
	first := Injection{At: time.Duration(5+random.IntN(20)) * time.Second, Kind: "reshard", For: time.Duration(random.IntN(40)) * time.Second, N: random.IntN(1000)}
	p.Faults = append(p.Faults, first)
	for i := range p.Faults {
		if f := &p.Faults[i]; f.Kind == "store-slow" || f.Kind == "store-fails" {
			f.For = min(f.For, 10*time.Second) // or guilds are cut over without a note, which the product says
		}
	}
	if p.Anchorless = random.IntN(3) == 0; random.IntN(5) == 0 {
		p.Budget = 2*p.Shards + 4 + random.IntN(24) // not every reshard is paid
		p.Reserve = (p.Budget + 9) / 10
	}
	slices.SortStableFunc(p.Faults, func(a, b Injection) int { return cmp.Compare(a.At, b.At) })
}

// anyShard is a shard of any fleet to which a fault is done, if it is one that is done to a shard.
func (sim *simulation) anyShard(f Injection) int {
	p := sim.current()
	if !p.up() || slices.Contains([]string{"burst", "event-burst", "guild-gone", "guild-outage", "reshard"}, f.Kind) {
		return f.Shard
	}
	all := p.m.Status().Shards
	if len(all) == 0 {
		return f.Shard
	}
	return sim.plan.numberOf(all[f.N%len(all)].Shard)
}

// reshard has an operator change the number of shards, and at times go back while the old ones are there.
func (sim *simulation) reshard(f Injection) {
	p := sim.current()
	if !p.up() {
		return
	}
	from, to := p.m.Status().Total, 1+f.N%most
	if to == from {
		to = to%most + 1
	}
	p.resharding.Add(1)
	sim.work.Go(func() {
		defer p.resharding.Add(-1)
		if sim.reshardTo(p, f, to) != nil || f.N%4 != 1 {
			return
		}
		if sim.wait(f, f.For/2); p.up() {
			_ = sim.reshardTo(p, f, from) // what came of it is noted
		}
	})
}

// reshardTo changes the number of shards, and notes what comes of it.
func (sim *simulation) reshardTo(p *process, f Injection, to int) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if f.N%5 == 0 {
		defer time.AfterFunc(20*time.Second+6*f.For, cancel).Stop()
	}
	retirement := []time.Duration{0, f.For, 3 * time.Minute}[f.N/7%3]
	id := sim.nthReshard()
	r := Record{Witness: Operator, Process: p.number, Shard: -1, Call: id, Total: p.m.Status().Total, Seq: int64(to)}
	note := func(what, text string, d time.Duration) {
		if p.dead.Load() {
			return
		}
		r := r
		r.What, r.Text, r.For = what, text, d
		sim.record(r)
	}
	note("reshard", "", retirement)
	phase, last, flagged := shardmanager.ReshardPhase(-1), time.Now(), 0
	err := p.m.Reshard(ctx, to, shardmanager.WithRetirement(retirement), shardmanager.WithPatience(90*time.Second),
		shardmanager.WithReshardProgress(func(now shardmanager.ReshardProgress) {
			if now.Phase != phase {
				note("phase", now.Phase.String(), time.Since(last))
			}
			phase, last = now.Phase, time.Now()
		}),
		shardmanager.WithBeforeCut(func(_ context.Context, cuts []shardmanager.GuildCut) error {
			for _, cut := range cuts {
				if r := r; !p.dead.Load() {
					r.What, r.Guild, r.Total, r.Seq = "cut", cut.Guild, cut.From.Shard.Total, int64(cut.To.Shard.Total)
					sim.record(r)
				}
			}
			time.Sleep(time.Duration(f.N%3) * 300 * time.Millisecond)
			if f.N%13 == 0 {
				return errors.New("sim: whoever is told of cuts fails")
			}
			return nil
		}))
	if progress, ok := p.m.Resharding(); ok {
		flagged = progress.Flagged
	}
	sim.resharded(p, r, flagged, phase >= 0, err)
	return err
}

// nthReshard numbers them.
func (sim *simulation) nthReshard() int {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	sim.reshards++
	return sim.reshards
}

// What came of a reshard.
const (
	reshardDone    = "done"    // the new shards serve
	reshardRefused = "refused" // before it began
	reshardPoor    = "poor"    // refused, since the budget does not pay
	reshardFailed  = "failed"  // the old shards serve
	reshardEnded   = "ended"   // with the Manager
)

// resharded notes what came of a reshard, and which shards serve then.
func (sim *simulation) resharded(p *process, r Record, flagged int, began bool, err error) {
	if p.dead.Load() {
		return
	}
	var failed *shardmanager.ReshardError
	var poor *ratelimit.BudgetError
	switch {
	case err == nil:
		r.Who = reshardDone
	case !p.up() || !errors.As(err, &failed):
		r.Who = reshardEnded
	case !began && errors.As(err, &poor):
		r.Who = reshardPoor
	case !began:
		r.Who = reshardRefused
	case failed.Cut:
		r.Who = reshardEnded
	default:
		r.Who = reshardFailed
	}
	status, serving := p.m.Status(), 0
	for _, s := range status.Shards {
		if s.Role == actors.Serving && s.Shard.Total == status.Total {
			serving++
		}
	}
	r.What, r.Link, r.Session, r.Text = "resharded", flagged, status.Total, fmt.Sprintf("%d of %d serve", serving, status.Total)
	if err != nil {
		r.Text += ": " + err.Error()
	}
	sim.record(r)
}

// goOn notes how many shards a process begins with, and watches a reshard that the process before has begun.
func (p *process) goOn() {
	sim := p.sim
	progress, goesOn := p.m.Resharding()
	r := Record{Witness: Operator, What: "total", Process: p.number, Shard: -1, Total: p.m.Status().Total}
	if !goesOn {
		sim.record(r)
		return
	}
	r.What, r.Call, r.Total, r.Seq = "goes on", sim.nthReshard(), progress.From, int64(progress.To)
	sim.record(r)
	p.resharding.Add(1)
	defer p.resharding.Add(-1)
	for p.up() {
		if progress, _ = p.m.Resharding(); progress.Phase >= shardmanager.ReshardRetiring {
			sim.resharded(p, r, progress.Flagged, true, nil)
			return
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// whole reports whether all shards that serve are live, and nobody changes their number.
func (p *process) whole() bool {
	if p.resharding.Load() > 0 {
		return false
	}
	total := p.m.Status().Total
	for index := range total {
		status, started := p.m.Shard(index).Status()
		ended := status.State == session.Closed && status.Cause != nil && !errors.Is(status.Cause, actors.ErrClosed)
		if !started || !ended && !p.sim.server.ShardOf(events.ShardID{Index: index, Total: total}).Live() {
			return false
		}
	}
	return total > 0
}

// unfinished says of a reshard that has not ended whether it is "stuck", or "waits": of the day's Identifies there is none, or not yet one, for a new shard, and its
// guilds stay the old one's until then.
func (p *process) unfinished(progress shardmanager.ReshardProgress) string {
	may := 0
	for _, s := range p.m.Status().Shards {
		var poor *ratelimit.BudgetError
		if s.Role != actors.Warming || !errors.As(s.Cause, &poor) && s.State != session.Queued {
			continue
		}
		for _, guild := range append(p.sim.plan.guilds(), 0) { // 0: what is of no guild
			if events.ShardFor(guild, s.Shard.Total) == s.Shard.Index {
				may++
			}
		}
	}
	if progress.Phase == shardmanager.ReshardCutting && progress.Guilds-progress.Cut <= may {
		return "waits"
	}
	return "stuck"
}

// dieWriting kills the process while it writes down how far a reshard is, or after a while.
func (sim *simulation) dieWriting(f Injection) {
	select {
	case <-sim.death:
	case <-time.After(f.For):
	}
	sim.current().kill()
	sim.forgetful(time.Duration(f.N) * 10 * time.Millisecond)
	sim.start()
}

// writeNote is where a process that writes a note may be killed.
func (sim *simulation) writeNote() {
	select {
	case sim.death <- struct{}{}:
		time.Sleep(time.Millisecond)
	default:
	}
}
