package sim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// Plan is a whole run: what there is, what it does, and what goes wrong. It is made by a seed,
// and can be written down as JSON.
type Plan struct {
	Seed        uint64
	Shards      int
	Concurrency int
	Budget      int           // Identifies in a period
	Reserve     int           // of them, never to be spent
	Period      time.Duration // of the budget
	Compression events.Compression
	Interval    time.Duration // of heartbeats
	Pieces      int           // into how many pieces the network breaks what the gateway writes
	Guilds      int           // of each shard; 0: 1
	Intents     events.Intents
	Store       bool          // sessions outlive a process
	Length      time.Duration // while there are faults; then all is healed
	Events      time.Duration // mean time between events of a shard
	Calls       time.Duration // mean time between send events of a caller
	Callers     int           // for each shard
	Slow        time.Duration // the longest that a handler takes
	Panics      int           // a handler panics at one event in so many; 0: never
	Reshards    bool          // the number of shards changes: see reshard
	Anchorless  bool          // in every other guild nothing happens that has an identity
	Faults      []Injection
}

// Injection is one fault.
type Injection struct {
	At    time.Duration
	Kind  string
	Shard int
	For   time.Duration
	N     int
}

// String is the plan as JSON, for -sim.plan.
func (p Plan) String() string {
	text, err := json.Marshal(p)
	if err != nil {
		return err.Error() // it has nothing that cannot be written
	}
	return string(text)
}

// profile is a mixture of faults.
type profile struct {
	name  string
	kinds []string // a kind that is named twice comes twice as often
}

// profiles are chosen by the seed. Some kinds of faults hide others, so not all are mixed.
var profiles = []profile{
	{"calm", nil},
	{"network", []string{"drop", "drop", "cut", "cut", "hole", "stall", "outage", "hang", "dns", "reset-all", "freeze"}},
	{"gateway", []string{"op7", "op7", "op9-true", "op9-false", "close", "close", "mute", "op1", "op1-flood", "garbage", "unknown-op",
		"unknown-type", "wrong-types", "twice", "ack", "hello", "event-burst"}},
	{"start", []string{"drop", "close", "no-hello", "bad-hello", "op7-first", "op9-first", "close-first", "no-ready", "no-resumed", "op9-resume",
		"close-resume", "forget", "two-hellos"}},
	{"load", []string{"drop", "block", "block", "burst", "burst", "event-burst", "event-burst", "panic", "presences", "op1-flood"}},
	{"crash", []string{"crash", "crash", "crash-supervisor", "drop", "burst", "restart-shard", "op7"}},
	{"process", []string{"kill", "kill", "restart", "forget", "forget", "drop", "store-slow", "store-fails", "burst", "event-burst"}},
	{"discovery", []string{"api-500", "api-429", "api-garbage", "drop", "outage", "op9-false", "forget", "reject"}},
	{"shared", []string{"remaining", "drop", "outage", "op9-false", "forget"}}, // what nobody can be told of, nobody can heed
	{"all", []string{"drop", "cut", "hole", "stall", "outage", "hang", "dns", "reset-all", "freeze", "op7", "op9-true", "op9-false", "close", "mute",
		"op1", "op1-flood", "garbage", "unknown-op", "unknown-type", "wrong-types", "twice", "ack", "event-burst", "no-hello", "bad-hello", "op7-first",
		"op9-first", "close-first", "no-ready", "no-resumed", "op9-resume", "close-resume", "forget", "two-hellos", "block", "burst", "panic",
		"presences", "crash", "crash-supervisor", "restart-shard", "kill", "restart", "store-slow", "store-fails", "api-500", "api-429",
		"guild-outage", "guild-gone", "lag", "resume-host", "stop", "pause", "drain", "flap", "stop-actor", "poison-actor", "stop-supervisor", "revive",
		"hook-panic", "flaky", "late", "crash-on", "crash-shard-on", "warm", "move", "handover"}},
	{"world", []string{"guild-outage", "guild-outage", "guild-gone", "guild-gone", "lag", "lag", "drop", "drop", "op7", "forget", "resume-host"}},
	{"plans", []string{"stop", "pause", "drain", "flap", "flap", "drop", "op7", "burst", "crash", "crash-supervisor", "reidentify", "rolling"}},
	{"verbs", []string{"rolling", "reidentify", "burst", "event-burst"}},
	{"outside", []string{"stop-actor", "stop-actor", "poison-actor", "stop-supervisor", "revive", "revive", "revive", "restart-shard", "flap", "burst", "drop", "crash"}},
	{"mended", []string{"fatal-shard", "fatal-shard", "mend", "mend", "rehearse", "revive", "revive", "burst", "event-burst", "drop", "op7", "stop", "crash"}},
	{"late", []string{"late", "late", "crash-on", "crash-on", "crash-on", "crash-shard-on", "crash-shard-on", "flap", "drop", "op9-false", "burst"}},
	{"flaky", []string{"flaky", "flaky", "hook-panic", "hook-panic", "panic", "event-burst", "crash", "op9-true", "late"}},
	{"generations", []string{"warm", "warm", "warm", "drop", "drop", "op7", "op9-true", "op9-false", "close", "crash", "crash-supervisor", "stop-actor", "flaky", "kill",
		"forget", "restart-shard", "pause", "burst", "event-burst"}},
	{"fatal", []string{"drop", "op7", "burst", "fatal"}},
	{"handed over", []string{"handover", "handover", "move", "move", "move", "block", "burst", "event-burst", "drop", "op7", "op9-false", "crash", "crash-supervisor", "store-slow",
		"store-fails", "kill", "restart-shard", "pause", "flaky"}},
}

// NewPlan makes the plan of a seed. The seed 0 is not used: to the Manager it means random.
func NewPlan(seed uint64) Plan {
	random := rand.New(rand.NewPCG(seed, 0x706c616e))
	pick := func(d ...time.Duration) time.Duration { return d[random.IntN(len(d))] }
	p := Plan{
		Seed: max(seed, 1), Shards: []int{1, 1, 2, 3, 4, 6}[random.IntN(6)], Concurrency: []int{1, 1, 2, 16}[random.IntN(4)],
		Budget: 1000, Period: 24 * time.Hour,
		Compression: []events.Compression{events.CompressionNone, events.CompressionPayload, events.CompressionZlib, events.CompressionZstd}[random.IntN(4)],
		Interval:    pick(41250*time.Millisecond, 41250*time.Millisecond, 10*time.Second, 30*time.Second, 5*time.Second),
		Pieces:      1 + random.IntN(4), Guilds: random.IntN(4), Store: random.IntN(3) > 0,
		Length: time.Duration(2+random.IntN(12)) * time.Minute,
		Events: pick(200*time.Millisecond, time.Second, 5*time.Second, 30*time.Second),
		Calls:  pick(300*time.Millisecond, 2*time.Second, 10*time.Second, time.Minute), Callers: random.IntN(3),
		Slow: pick(0, 0, time.Millisecond, 300*time.Millisecond),
	}
	if random.IntN(6) == 0 {
		p.Panics = 20
	}
	chosen := profiles[random.IntN(len(profiles))]
	if chosen.name == "discovery" || chosen.name == "shared" || random.IntN(10) == 0 {
		p.Budget, p.Period = 40+8*p.Shards+random.IntN(40), time.Duration(10+random.IntN(20))*time.Minute
	}
	p.Reserve = (p.Budget + 9) / 10
	// Own voice states are what callers wait for.
	p.Intents = []events.Intents{
		events.IntentsAll, events.IntentsAll, events.IntentsUnprivileged, events.IntentsAll &^ events.IntentGuildPresences,
		events.IntentGuildVoiceStates | events.IntentGuildMessages, events.IntentGuilds | events.IntentGuildVoiceStates | events.IntentDirectMessages,
	}[random.IntN(6)]
	p.inject(chosen, random, time.Duration(5+random.IntN(25))*time.Second)
	p.reshard()
	p.startAgain()
	return p
}

// alone reports whether no two processes are ever there at once, and the store is one for that: half of those may be.
func (p *Plan) alone() bool {
	return p.Seed%2 == 0 && !slices.ContainsFunc(p.Faults, func(f Injection) bool { return f.Kind == "handover" })
}

// startAgain has the first process of some plans die while its shards identify, one after the other, so that the next one has to go on with that.
func (p *Plan) startAgain() {
	random := rand.New(rand.NewPCG(p.Seed, 0x616761696e))
	if random.IntN(20) > 0 || p.Reshards || p.Budget < 1000 {
		return
	}
	p.Shards, p.Concurrency, p.Store = max(p.Shards, 4+random.IntN(3)), 1, true
	first := Injection{At: time.Duration(2000+random.IntN(20000)) * time.Millisecond, Kind: []string{"kill", "restart"}[random.IntN(2)], For: time.Duration(random.IntN(3000)) * time.Millisecond}
	p.Faults = append([]Injection{first}, slices.DeleteFunc(p.Faults, func(f Injection) bool { return f.At <= first.At })...)
}

// Lasting is the plan for another length, such as a day, with everything less dense, so that many days can be had.
func Lasting(seed uint64, length time.Duration) Plan {
	p := NewPlan(seed)
	random := rand.New(rand.NewPCG(seed, 0x6c617374))
	p.Length, p.Events, p.Calls = length, 10*time.Minute, 10*time.Minute
	p.Interval = []time.Duration{41250 * time.Millisecond, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute}[random.IntN(4)]
	p.Shards, p.Budget, p.Period, p.Reserve = max(p.Shards, 4), 1000, 24*time.Hour, 100
	p.Faults, p.Reshards = nil, false
	p.inject(profiles[1+random.IntN(len(profiles)-2)], random, time.Duration(120+random.IntN(600))*time.Second)
	return p
}

func (p *Plan) inject(chosen profile, random *rand.Rand, every time.Duration) {
	if len(chosen.kinds) == 0 {
		return
	}
	for at := time.Duration(0); ; {
		at += time.Duration(random.ExpFloat64() * float64(every))
		if at >= p.Length {
			break
		}
		f := Injection{
			At: at, Kind: chosen.kinds[random.IntN(len(chosen.kinds))], Shard: random.IntN(p.Shards),
			For: time.Duration(random.ExpFloat64() * float64(20*time.Second)), N: random.IntN(1000),
		}
		if f.Kind == "fatal" && random.IntN(4) > 0 {
			f.Kind = "drop"
		}
		if chosen.name == "process" && f.Kind == "kill" && random.IntN(2) == 0 { // while shards identify, as those of the next process do too
			f.For = 0
			for _, before := range []time.Duration{6 * time.Second, time.Millisecond} {
				p.Faults = append(p.Faults, Injection{At: max(f.At-before, 0), Kind: "forget", Shard: f.Shard})
			}
		}
		p.Faults = append(p.Faults, f)
	}
	slices.SortStableFunc(p.Faults, func(a, b Injection) int { return cmp.Compare(a.At, b.At) })
}

// ParsePlan reads what String writes.
func ParsePlan(text string) (Plan, error) {
	var p Plan
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return Plan{}, fmt.Errorf("sim: plan: %w", err)
	}
	return p, nil
}
