package sim_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/lab/sim"
)

// small is a plan of few faults, in order.
func small(shards int, store bool, faults ...sim.Injection) sim.Plan {
	return sim.Plan{
		Seed: 1, Shards: shards, Concurrency: 16, Budget: 1000, Reserve: 100, Period: 24 * time.Hour, Compression: events.CompressionNone,
		Interval: 5 * time.Second, Pieces: 1, Intents: events.IntentsUnprivileged, Store: store, Length: 3 * time.Minute,
		Events: 30 * time.Second, Calls: 10 * time.Second, Faults: faults,
	}
}

// lawful carries a plan out. The trace must hold what the plan is for, and break no law.
func lawful(t *testing.T, plan sim.Plan, has func(sim.Record) bool) {
	t.Helper()
	trace := sim.Run(t, plan)
	if !slices.ContainsFunc(trace, has) {
		t.Error("what the plan is for did not happen")
	}
	for _, v := range sim.Check(plan, trace) {
		t.Error(v)
	}
}

// notices reports whether a trace of one shard breaks a law, by the beginning of its name.
func notices(trace sim.Trace, law string) bool {
	plan := sim.Plan{Shards: 1, Concurrency: 1, Budget: 1000, Events: time.Second, Interval: time.Minute}
	return slices.ContainsFunc(sim.Check(plan, trace), func(v sim.Violation) bool { return strings.HasPrefix(v.Law, law) })
}

// TestDeadProcessOfWhichNothingIsStoredIsFollowed: its session has ended, and what the store forgets with that is also the fence.
func TestDeadProcessOfWhichNothingIsStoredIsFollowed(t *testing.T) {
	t.Parallel()
	plan := small(1, true,
		sim.Injection{At: 30 * time.Second, Kind: "move", N: 1},
		sim.Injection{At: 60 * time.Second, Kind: "op9-false"},
		sim.Injection{At: 61 * time.Second, Kind: "handover"}) // N is 0: the process before is killed first
	lawful(t, plan, func(r sim.Record) bool {
		return r.What == "adopts" && r.Process == 2 && r.Session == 0
	})
}

// TestBeatThatWasNotAgreedOnIsExcused, on whichever shard that was: also on a connection that has not told the gateway whose it is.
func TestBeatThatWasNotAgreedOnIsExcused(t *testing.T) {
	t.Parallel()
	plan := small(3, false,
		sim.Injection{At: 30 * time.Second, Kind: "no-resumed", Shard: 1, N: 2},
		sim.Injection{At: 31 * time.Second, Kind: "bad-hello", Shard: 1, N: 2})
	lawful(t, plan, func(r sim.Record) bool {
		return r.What == "violation" && strings.Contains(r.Text, "shard 0/0") && strings.Contains(r.Text, "heartbeat: none came")
	})
}

// TestBurstsOfOneMillisecondAreOtherCalls: no two calls have one number.
func TestBurstsOfOneMillisecondAreOtherCalls(t *testing.T) {
	t.Parallel()
	plan := small(1, false,
		sim.Injection{At: 30 * time.Second, Kind: "burst", N: 30},
		sim.Injection{At: 30*time.Second + 400*time.Microsecond, Kind: "presences", N: 30})
	calls := 0
	lawful(t, plan, func(r sim.Record) bool {
		if r.Witness == sim.Caller && r.What == "call" && r.At > 30*time.Second {
			calls++
		}
		return calls > 40
	})
}
