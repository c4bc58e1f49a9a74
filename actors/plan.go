package actors

import (
	"fmt"
	"maps"
	"slices"

	"github.com/signalbox-go/signalbox/events"
)

// Key names a shard that runs, or should run.
//
//	type Key struct {
//		Generation uint64         // 0, unless two sets of shards run beside each other
//		Shard      events.ShardID // its Index, and the Total
//	}
//
// It is an [events.ShardKey].
type Key = events.ShardKey

// Mode is what a shard should do.
type Mode int

// The modes.
const (
	Run   Mode = iota // be connected
	Pause             // not be connected for now; the session is kept, and send events are refused
	Drain             // take no more send events, and stop when those under way have ended
	Stop              // not be connected
	// Release: take no more send events, and stop when those under way have ended; from then on the shard is somebody else's. It runs here again
	// under a higher Fence alone: see ReleaseShard and AdoptShard.
	Release
)

var modeNames = [...]string{"run", "pause", "drain", "stop", "release"}

// String is the mode in a word.
func (m Mode) String() string { return name(modeNames[:], int(m)) }

// Role is what a shard's events are for.
type Role int

// The roles.
const (
	Serving  Role = iota // its events are delivered, and it is sent what concerns its guilds
	Warming              // its events are held back: another shard serves its guilds still
	Retiring             // its events are held back: another shard serves its guilds already
)

var roleNames = [...]string{"serving", "warming", "retiring"}

// String is the role in a word.
func (r Role) String() string { return name(roleNames[:], int(r)) }

func name(names []string, i int) string {
	if i < 0 || i >= len(names) {
		return fmt.Sprint(i)
	}
	return names[i]
}

// Want is what should become of one shard. The zero value runs it, and has it serve.
type Want struct {
	Mode     Mode
	Role     Role
	Restarts uint64 // counts the restarts asked for: one more means one more
	// Reidentifies counts the new sessions asked for: with one more the session is given up, and another begins, for one Identify.
	Reidentifies uint64
	Fence        uint64           // of a lease or a store, which never goes back; 0: that of SupervisorConfig
	Code         events.CloseCode // Stop: what the gateway is told; zero: what keeps the session
	Intents      events.Intents   // that its sessions begin with, from the next one on; 0: those of SupervisorConfig
}

// serves reports whether its guilds are the shard's.
func (w Want) serves() bool { return w.Mode != Stop && w.Role == Serving }

// Plan is what should run: a value. Whoever changes it names the version that the change was made from.
type Plan struct {
	Version uint64 // counts the changes
	Wants   map[Key]Want
}

// PlanError says why a plan is refused. Nothing of it was taken.
type PlanError struct {
	Key     Key
	Problem string
}

// Error names the shard and the problem.
func (e *PlanError) Error() string {
	return fmt.Sprintf("actors: plan: shard %v: %s", e.Key, e.Problem)
}

// StalePlanError refuses a change of a plan that has changed meanwhile.
type StalePlanError struct{ From, Version uint64 }

// Error tells both versions, and what to do.
func (e *StalePlanError) Error() string {
	return fmt.Sprintf("actors: the change was made from version %d of the plan, which is %d now: ask for the plan (GetPlan) and decide anew", e.From, e.Version)
}

// plan keeps a Plan, so that a change costs what it touches.
type plan struct {
	version uint64
	wants   map[Key]*Want  // shared by those that want the same, and never written
	servers servers        // by the wants
	fleets  map[Fleet]int  // how many shards it names of each
	fences  map[Key]uint64 // of those that it has forgotten
}

// Fleet is all shards of one generation and total.
type Fleet struct {
	Generation uint64
	Total      int
}

// Key is the key of one of them.
func (f Fleet) Key(index int) Key {
	return Key{Generation: f.Generation, Shard: events.ShardID{Index: index, Total: f.Total}}
}

// Of is the key of the one that tells of a guild, or, of no guild (0), the first.
func (f Fleet) Of(guild events.Snowflake) Key { return f.Key(events.ShardFor(guild, f.Total)) }

// Has reports whether a shard is one of them.
func (f Fleet) Has(key Key) bool { return key.Generation == f.Generation && key.Shard.Total == f.Total }

func newPlan() *plan {
	return &plan{wants: make(map[Key]*Want), servers: make(servers), fleets: make(map[Fleet]int), fences: make(map[Key]uint64)}
}

// want is what is wanted of a shard, or false if the plan does not name it.
func (p *plan) want(key Key) (Want, bool) {
	if want := p.wants[key]; want != nil {
		return *want, true
	}
	return Want{}, false
}

// copy is the plan as a value.
func (p *plan) copy() Plan {
	wants := make(map[Key]Want, len(p.wants))
	for key, want := range p.wants {
		wants[key] = *want
	}
	return Plan{p.version, wants}
}

// change takes wants in, and forgets those to remove: all of it, or, with an error, nothing. It returns the keys that it
// touches, in order, and those of them that are new.
func (p *plan) change(wants map[Key]Want, remove []Key) (keys, added []Key, err error) {
	keys = slices.Collect(maps.Keys(wants))
	for _, key := range remove {
		if _, both := wants[key]; both {
			return nil, nil, &PlanError{key, "it is to be changed and to be removed: choose one"}
		}
		keys = append(keys, key)
	}
	slices.SortFunc(keys, Key.Compare)
	keys = slices.Compact(keys)
	for _, key := range keys {
		if want, changed := wants[key]; changed {
			if err := p.check(key, want); err != nil {
				return nil, nil, err
			}
		}
	}
	for _, key := range keys {
		p.servers.remove(key)
	}
	for _, key := range keys {
		if want, changed := wants[key]; !changed || !want.serves() {
			continue
		}
		if other, conflict := p.servers.overlap(key.Shard); conflict {
			p.restore(keys)
			return nil, nil, &PlanError{key, fmt.Sprintf("it would serve guilds that shard %v serves: retire or stop that one in the same change", other)}
		}
		p.servers.add(key)
	}
	alike := make(map[Want]*Want)
	for _, key := range keys {
		want, changed := wants[key]
		before, known := p.want(key)
		switch {
		case changed && !known:
			added = append(added, key)
			delete(p.fences, key)
			p.fleets[Fleet{key.Generation, key.Shard.Total}]++
		case !changed && known:
			if floor := before.floor(); floor > 0 {
				p.fences[key] = floor
			}
			of := Fleet{key.Generation, key.Shard.Total}
			if p.fleets[of]--; p.fleets[of] == 0 {
				delete(p.fleets, of)
			}
		}
		if !changed {
			delete(p.wants, key)
			continue
		}
		shared := alike[want]
		if shared == nil {
			shared = new(Want)
			*shared, alike[want] = want, shared
		}
		p.wants[key] = shared
	}
	p.version++
	return keys, added, nil
}

// restore notes who serves by the wants that stand.
func (p *plan) restore(keys []Key) {
	for _, key := range keys {
		p.servers.remove(key)
	}
	for _, key := range keys {
		if want, known := p.want(key); known && want.serves() {
			p.servers.add(key)
		}
	}
}

// floor is the lowest fence of whoever may have the shard run next.
func (w Want) floor() uint64 {
	if w.Mode == Release {
		return w.Fence + 1 //seam:released-needs-higher-fence
	}
	return w.Fence
}

// check looks at one want, beside what was wanted of the shard before.
func (p *plan) check(key Key, want Want) error {
	before, known := p.want(key)
	floor := max(before.Fence, p.fences[key])
	if want.Mode != Release {
		floor = max(floor, before.floor())
	}
	switch {
	case key.Shard.Total < 1, key.Shard.Total > MaxTotal:
		return &PlanError{key, totalProblem(key.Shard.Total)}
	case !key.Shard.Valid():
		return &PlanError{key, "the index is not below the total"}
	case want.Mode < Run || want.Mode > Release:
		return &PlanError{key, fmt.Sprintf("there is no mode %d", want.Mode)}
	case want.Role < Serving || want.Role > Retiring:
		return &PlanError{key, fmt.Sprintf("there is no role %d", want.Role)}
	case want.Intents.Unknown() != 0:
		return &PlanError{key, fmt.Sprintf("its intents have bits that no intent has: %v", want.Intents.Unknown())}
	case want.Code != events.CloseNone && want.Mode != Stop:
		return &PlanError{key, fmt.Sprintf("the code %d is of no use: only Stop has one", want.Code)}
	case want.Fence < floor && before.Mode == Release:
		return &PlanError{key, fmt.Sprintf("it was released, and is somebody else's: it runs here again with a fence of %d or higher: adopt its snapshot (AdoptShard)", floor)}
	case want.Fence < floor:
		return &PlanError{key, fmt.Sprintf("the fence %d is behind %d: somebody else has had the shard since", want.Fence, floor)}
	case known && want.Restarts < before.Restarts:
		return &PlanError{key, fmt.Sprintf("%d restarts asked for, after %d: the count does not go back", want.Restarts, before.Restarts)}
	case known && want.Reidentifies < before.Reidentifies:
		return &PlanError{key, fmt.Sprintf("%d new sessions asked for, after %d: the count does not go back", want.Reidentifies, before.Reidentifies)}
	}
	return nil
}

// MaxTotal is the largest total of shards that a plan may name: several times that of the largest bots. What is kept of a total grows with it.
const MaxTotal = 1 << 16

func totalProblem(total int) string {
	if total > MaxTotal {
		return fmt.Sprintf("a total of %d: more than %d shards are a mistake: use fewer", total, MaxTotal)
	}
	return fmt.Sprintf("a total of %d: at least one shard is needed", total)
}
