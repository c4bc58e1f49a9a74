package sim_test

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/internal/lab/sim"
)

var (
	seeds = flag.Uint64("sim.seeds", usualSeeds, "how many seeds to run")
	first = flag.Uint64("sim.seed", 1, "the first seed")
	text  = flag.String("sim.plan", "", "run this plan, as a failing seed prints it")
	last  = flag.Duration("sim.for", 0, "how long the faults of each seed last; 0: as the seed says")
	least = flag.Int("sim.shrink", 100, "how many runs may be spent on a smaller plan for a seed that fails")
	dump  = flag.Bool("sim.trace", false, "print the trace")
	with  = flag.String("sim.with", "", "leave out the seeds without a fault of this `kind`, such as reshard")
)

// TestMain lets garbage wait: a run makes much of it, and is over soon.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	m.Run()
}

// tally counts what the runs of a test were made of.
type tally struct {
	mu       sync.Mutex
	seeds    int
	shards   time.Duration // shards × virtual time
	faults   int
	records  int
	kinds    map[string]int
	outcomes map[string]int
}

func (a *tally) add(plan sim.Plan, trace sim.Trace) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seeds++
	a.records += len(trace)
	if len(trace) > 0 {
		a.shards += trace[len(trace)-1].At * time.Duration(plan.Shards)
	}
	for _, r := range trace {
		switch {
		case r.Witness == sim.Fault && !strings.HasPrefix(r.What, "end ") && r.What != "healed":
			a.faults++
			a.kinds[strings.TrimPrefix(r.What, "inject ")]++
		case r.Witness == sim.Caller && r.What == "return":
			stage, _, _ := strings.Cut(r.Text, ":")
			a.outcomes[stage]++
		case r.Witness == sim.Gateway && (r.What == "began" || r.What == "resumed" || r.What == "dispatched"), r.Witness == sim.Handler && r.What == "exit", r.Text == "redelivered":
			a.outcomes[r.What]++
		}
	}
}

func (a *tally) String() string {
	return fmt.Sprintf("%d seeds, %.1f shard-days, %d faults, %d records\nfaults: %v\noutcomes: %v", a.seeds, a.shards.Hours()/24, a.faults, a.records, a.kinds, a.outcomes)
}

func newTally() *tally { return &tally{kinds: make(map[string]int), outcomes: make(map[string]int)} }

func planOf(seed uint64) sim.Plan {
	if *last > 0 {
		return sim.Lasting(seed, *last)
	}
	return sim.NewPlan(seed)
}

// TestSeeds runs plans that seeds make, and holds their traces against the laws.
// Failures: F16, F17, F18, F19, F20, F23, F26, F40, F41, F43, F53, F57, F58, F63, F65, F68, F69, F97, F98, F101, F102, F104, F107, F113, F114.
func TestSeeds(t *testing.T) {
	t.Parallel()
	if *text != "" {
		plan, err := sim.ParsePlan(*text)
		if err != nil {
			t.Fatal(err)
		}
		judge(t, plan, sim.Run(t, plan))
		return
	}
	all := newTally()
	t.Cleanup(func() { t.Logf("%v", all) })
	for seed := *first; seed < *first+*seeds; seed++ {
		plan := planOf(seed)
		if *with != "" && !slices.ContainsFunc(plan.Faults, func(f sim.Injection) bool { return f.Kind == *with }) {
			continue
		}
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			trace := sim.Run(t, plan)
			all.add(plan, trace)
			judge(t, plan, trace)
		})
	}
}

func judge(t *testing.T, plan sim.Plan, trace sim.Trace) {
	t.Helper()
	if *dump {
		for _, r := range trace {
			fmt.Fprintln(os.Stdout, r)
		}
	}
	found := sim.Check(plan, trace)
	for i, v := range found {
		if i == 10 {
			t.Errorf("and %d more", len(found)-i)
			break
		}
		t.Error(v)
	}
	if len(found) == 0 {
		return
	}
	t.Logf("again: go test ./internal/lab/sim -run TestSeeds -sim.seed %d -sim.seeds 1 -sim.for %v -sim.trace", plan.Seed, *last)
	law := found[0].Law
	small := sim.Shrink(plan, *least, func(p sim.Plan) bool {
		return slices.ContainsFunc(sim.Check(p, sim.Run(t, p)), func(v sim.Violation) bool { return v.Law == law })
	})
	t.Logf("%s, with %d faults in place of %d: go test ./internal/lab/sim -run TestSeeds -sim.trace -sim.plan '%v'", law, len(small.Faults), len(plan.Faults), small)
}

// TestShrink: of many faults those remain that are needed.
func TestShrink(t *testing.T) {
	t.Parallel()
	plan := sim.NewPlan(3)
	plan.Faults = nil
	for i := range 100 {
		plan.Faults = append(plan.Faults, sim.Injection{At: time.Duration(i) * time.Second, N: i})
	}
	tries := 0
	small := sim.Shrink(plan, 100, func(p sim.Plan) bool {
		tries++
		has := func(n int) bool {
			return slices.ContainsFunc(p.Faults, func(f sim.Injection) bool { return f.N == n })
		}
		return has(17) && has(81)
	})
	if len(small.Faults) != 2 || small.Callers != 0 || tries > 100 {
		t.Errorf("%d faults and %d callers are left after %d runs", len(small.Faults), small.Callers, tries)
	}
	again, err := sim.ParsePlan(small.String())
	if err != nil || again.String() != small.String() {
		t.Errorf("a plan does not come back: %v, %v", again, err)
	}
}

// TestReplay runs plans twice: the traces must be the same.
func TestReplay(t *testing.T) {
	if raced {
		t.Skip("each seed twice, to see the same: nothing for the race detector")
	}
	t.Parallel()
	for seed := *first; seed < *first+*seeds; seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			plan := planOf(seed)
			one, two := sim.Run(t, plan), sim.Run(t, plan)
			if one.Hash() == two.Hash() {
				return
			}
			for i := range min(len(one), len(two)) {
				if one[i].String() != two[i].String() {
					for _, r := range one[max(0, i-5):i] {
						t.Logf("both:  %v", r)
					}
					for j := i; j < min(i+3, len(one), len(two)); j++ {
						t.Logf("one: %v", one[j])
						t.Logf("two: %v", two[j])
					}
					t.Fatalf("record %d of %d and %d differs", i, len(one), len(two))
				}
			}
			t.Fatalf("%d records, and %d", len(one), len(two))
		})
	}
}
