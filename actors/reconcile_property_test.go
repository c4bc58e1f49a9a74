package actors

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/signalbox-go/signalbox/events"
)

// TestReconcileReachesThePlan: in a world that moves by itself (messages that are late, actors that crash, that others stop, and
// whose sessions end, supervisors that lose hints and what they were told) the plan is reached, nothing is done twice, and when all is as it
// should be there is nothing to do. go test ./actors -run Reconcile -rapid.checks 100000 runs it often.
func TestReconcileReachesThePlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, plan: newPlan(), lives: newLives(), actors: make(map[Key]*mock), quarantined: make(map[Key]bool)}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			w.step()
		}
		w.calm()
	})
}

// world is a supervisor's books and the actors of its shards, between which messages take their time.
type world struct {
	t           *rapid.T
	plan        *plan
	lives       *lives
	actors      map[Key]*mock
	inbox       []fact // of the supervisor
	ends        []fact // those that overtake the others: the library's own
	resting     []Key
	quarantined map[Key]bool // ended for good, and not restarted since
}

func (w *world) keys() []Key {
	keys := make(map[Key]bool)
	for key := range w.plan.wants {
		keys[key] = true
	}
	for key := range w.lives.of {
		keys[key] = true
	}
	return slices.SortedFunc(maps.Keys(keys), Key.Compare)
}

func (w *world) alive() []Key { return slices.SortedFunc(maps.Keys(w.actors), Key.Compare) }

func (w *world) step() {
	alive := w.alive()
	some := func(keys []Key) Key { return rapid.SampledFrom(keys).Draw(w.t, "which") }
	switch rapid.IntRange(0, 11).Draw(w.t, "step") {
	case 0, 1, 2:
		w.change()
	case 3: // a slow tick
		w.reconcile(w.keys())
	case 4, 5, 6:
		if len(w.inbox)+len(w.ends) > 0 {
			w.hear()
		}
	case 7, 8:
		if len(alive) > 0 {
			w.act(some(alive))
		}
	case 9: // it crashes, or its session ends, or both together with a supervisor that forgets what it was about to do
		if len(alive) > 0 {
			key, what := some(alive), rapid.SampledFrom([]string{"crashed", "failed"}).Draw(w.t, "end")
			w.die(key, what)
		}
	case 10: // somebody else stops it
		if len(alive) > 0 {
			w.die(some(alive), "")
		}
	case 11:
		if len(w.resting) > 0 {
			w.rest()
		}
	}
}

func (w *world) change() {
	wants, remove := make(map[Key]Want), []Key(nil)
	for range rapid.IntRange(1, 3).Draw(w.t, "touched") {
		total := rapid.SampledFrom([]int{2, 2, 2, 3, 4}).Draw(w.t, "total")
		generation := uint64(rapid.IntRange(0, 1).Draw(w.t, "generation"))
		key := Key{Generation: generation, Shard: events.ShardID{Index: rapid.IntRange(0, total-1).Draw(w.t, "index"), Total: total}}
		if rapid.IntRange(0, 5).Draw(w.t, "remove") == 0 {
			remove = append(remove, key)
			continue
		}
		was, _ := w.plan.want(key)
		wants[key] = Want{
			Mode:     rapid.SampledFrom([]Mode{Run, Run, Run, Pause, Drain, Stop, Release}).Draw(w.t, "mode"),
			Role:     rapid.SampledFrom([]Role{Serving, Serving, Warming, Retiring}).Draw(w.t, "role"),
			Restarts: was.Restarts + uint64(rapid.IntRange(0, 1).Draw(w.t, "restarts")),

			Reidentifies: was.Reidentifies + uint64(rapid.IntRange(0, 3).Draw(w.t, "sessions")/3),
			Fence:        max(was.Fence, w.plan.fences[key]) + uint64(rapid.IntRange(0, 1).Draw(w.t, "fence")),
		}
	}
	before := maps.Clone(w.plan.wants)
	keys, added, err := w.plan.change(wants, remove)
	if err != nil {
		if !maps.Equal(before, w.plan.wants) {
			w.t.Fatalf("refused with %v, and changed", err)
		}
		return
	}
	for _, key := range added {
		delete(w.quarantined, key)
		w.lives.anew(key)
	}
	w.t.Logf("want %v, remove %v", wants, remove)
	for key, want := range wants {
		var was Want
		if known := before[key]; known != nil {
			was = *known
		}
		if want.Restarts > was.Restarts || want.Reidentifies > was.Reidentifies {
			delete(w.quarantined, key)
		}
	}
	w.fair(w.plan.servers, func(yield func(Key) bool) {
		for key, want := range w.plan.wants {
			if want.serves() && !yield(key) {
				return
			}
		}
	})
	if rapid.Bool().Draw(w.t, "hint") { // or it is lost with the supervisor
		w.reconcile(keys)
	}
}

// fair counts by brute force that no guild has two who serve it.
func (w *world) fair(noted servers, all func(func(Key) bool)) {
	var count int
	owner := make(map[int]Key) // of guild numbers below 2·3·4
	all(func(key Key) bool {
		count++
		for guild := key.Shard.Index; guild < 24; guild += key.Shard.Total {
			if other, taken := owner[guild]; taken {
				w.t.Fatalf("%v and %v serve guild %d", other, key, guild)
			}
			owner[guild] = key
		}
		return true
	})
	if noted == nil {
		return
	}
	for _, of := range noted {
		count -= len(of)
	}
	if count != 0 {
		w.t.Fatalf("%d more serve than are noted: %v", count, noted)
	}
}

func (w *world) reconcile(keys []Key) {
	for _, a := range reconcile(w.plan, w.lives, keys) {
		w.carryOut(a)
	}
}

// calm lets all that is under way come to its end, with a tick now and then, and looks at what has become of it.
func (w *world) calm() {
	for round := 0; ; round++ {
		for len(w.inbox)+len(w.ends) > 0 {
			w.hear()
		}
		for len(w.resting) > 0 {
			w.rest()
		}
		moved := false
		for _, key := range w.alive() {
			if m := w.actors[key]; len(m.inbox) > 0 || m.stopping || m.drains || m.begins != 0 {
				w.act(key)
				moved = true
			}
		}
		if moved || len(w.inbox)+len(w.ends) > 0 {
			continue
		}
		if actions := reconcile(w.plan, w.lives, w.keys()); len(actions) == 0 {
			break
		} else if round > 100 {
			w.t.Fatalf("it does not come to rest: %v", actions)
		}
		w.reconcile(w.keys())
	}
	for key, want := range w.plan.wants {
		m := w.actors[key]
		switch {
		case want.Mode != Run && m != nil:
			w.t.Errorf("%v runs, wanted %+v", key, want)
		case want.Mode == Run && m == nil && !w.quarantined[key]:
			w.t.Errorf("%v does not run: %v", key, fmt.Sprintf("%+v", w.lives.of[key]))
		case want.Mode == Run && m != nil && (m.role != want.Role || m.restarts < want.Restarts || m.sessions < want.Reidentifies || m.drains):
			w.t.Errorf("%v is %+v, wanted %+v", key, m, want)
		}
	}
	for key := range w.actors {
		if _, wanted := w.plan.want(key); !wanted {
			w.t.Errorf("%v runs, and the plan does not name it", key)
		}
	}
	for key := range w.lives.of {
		if _, wanted := w.plan.want(key); !wanted {
			w.t.Errorf("%v is not forgotten", key)
		}
	}
}
