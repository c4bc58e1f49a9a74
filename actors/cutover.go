package actors

import (
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/bus"
	"github.com/signalbox-go/signalbox/internal/cutover"
)

// CutoverConfig says what is cut over to what. The zero value of all but From and To is the default.
type CutoverConfig struct {
	From, To Fleet         // they differ
	Held     int           // events that are kept of one guild, at the most; 0: 4,096
	Bytes    int           // of all events that are kept, at the most; 0: 256 MiB
	Anchor   time.Duration // for the new session to show the event of a cut; 0: 5 s
	Slack    time.Duration // by which one session may tell later than the other of what was before a heartbeat that is acknowledged; 0: 2 s
	Window   time.Duration // for which events around a flagged cut are compared; 0: 30 s
	// OldIntents and NewIntents are those of either fleet, if they differ: what only one of them is told of is not compared. 0: they do not.
	OldIntents, NewIntents events.Intents
	// Known are guilds, and 0, of which the sessions of To have told before: they run already. nil: they begin.
	Known []events.Snowflake
	// Cuts are guilds that were cut before, by a process that has ended since: behind NewSeq of the session that goes on, their events are those of To.
	Cuts []GuildCut
}

// Cutover has the guilds of one fleet cut over to another, while both run. From Supervisor.BeginCutover until End, the shards of both ask it which of their
// events are delivered: each event of a guild once, from the old shard up to the guild's cut, and from the new one behind it. See package cutover.
// Safe for concurrent use.
type Cutover struct {
	supervisor *Supervisor
	system     *actor.ActorSystem
	cfg        CutoverConfig
	limits     cutover.Limits
	seed       maphash.Seed
	wanted     atomic.Bool
	overflown  atomic.Bool
	news       chan struct{} // of capacity 1
	stripes    [64]stripe    // of the guilds

	mu        sync.Mutex
	sides     map[Key]*side
	cuts      []events.Snowflake // that nobody has been told of
	reminders []reminder         // that were not sent yet
}

// stripe is some of the guilds.
type stripe struct {
	mu     sync.Mutex
	guilds map[events.Snowflake]*cut
}

// cut is that of one guild. Its stripe's lock guards it.
type cut struct {
	*cutover.Guild[*kept]
	began     time.Time
	joined    bool    // the bot has joined while both told of it
	greeted   [2]bool // its first GUILD_CREATE has come, of the old and the new session; what is of no guild has none
	lived     time.Time
	held      []*kept // by the old session, behind the anchor
	due       []*kept // of the old session, to be delivered by its actor
	mayFlow   bool
	reported  bool      // as cut
	flagged   time.Time // when it was cut by fingerprints
	published shown     // the latest event that the old side has published of the guild
	before    shown     // of any guild, when it was known that nothing of this one was missed
	behind    int64     // what the new session that goes on tells up to here was delivered before, of the old one
}

// shown is how far a session, by its number, has come.
type shown struct {
	session uint64
	seq     int64
}

// kept is an event of one of the sessions.
type kept struct {
	raw  events.Raw
	meta events.Meta
	held *bus.Held // nil: it is not
}

type event = cutover.Event[*kept]

// side is what is known of one shard of either fleet. The Cutover's lock guards it.
type side struct {
	key     Key
	old     bool
	goesOn  bool   // its session has begun before
	session uint64 // whose READY has come
	ready   bool   // new: it has said which guilds there are
	serves  bool   // new: it has its role
	guilds  []events.Snowflake
}

const (
	oldSide = iota
	newSide
)

// Errors of BeginCutover.
var (
	ErrCutover     = errors.New("actors: guilds are cut over already: wait for the end of that")
	errSameFleet   = errors.New("actors: a fleet cannot be cut over to itself: choose another generation or total")
	errFleetTotals = fmt.Errorf("actors: a fleet to cut over has from 1 to %d shards", MaxTotal)
)

// BeginCutover begins to compare what two fleets tell, before the shards of the new one run.
func (s *Supervisor) BeginCutover(system *actor.ActorSystem, cfg CutoverConfig) (*Cutover, error) {
	switch {
	case cfg.From == cfg.To:
		return nil, errSameFleet
	case min(cfg.From.Total, cfg.To.Total) < 1, max(cfg.From.Total, cfg.To.Total) > MaxTotal:
		return nil, errFleetTotals
	}
	cfg.Held, cfg.Bytes = or(cfg.Held, 4096), or(cfg.Bytes, 256<<20)
	cfg.Anchor, cfg.Slack, cfg.Window = or(cfg.Anchor, 5*time.Second), or(cfg.Slack, 2*time.Second), or(cfg.Window, 30*time.Second)
	c := &Cutover{
		supervisor: s, system: system, cfg: cfg, limits: cutover.Limits{Held: cfg.Held, Anchor: cfg.Anchor, Slack: cfg.Slack},
		seed: maphash.MakeSeed(), news: make(chan struct{}, 1), sides: make(map[Key]*side),
	}
	for i := range c.stripes {
		c.stripes[i].guilds = make(map[events.Snowflake]*cut)
	}
	for i := range cfg.From.Total {
		c.sides[cfg.From.Key(i)] = &side{key: cfg.From.Key(i), old: true}
	}
	for i := range cfg.To.Total {
		c.sides[cfg.To.Key(i)] = &side{key: cfg.To.Key(i)}
	}
	now := time.Now()
	for _, guild := range cfg.Known {
		c.begin(c.stripe(guild), guild, now, false).greeted[newSide] = true
	}
	for _, of := range cfg.Cuts {
		g := c.begin(c.stripe(of.Guild), of.Guild, now, false)
		g.Guild, g.greeted, g.reported, g.behind = cutover.Flowed[*kept](c.limits), [2]bool{true, true}, true, of.NewSeq
	}
	for _, of := range c.sides {
		of.ready = !of.old && len(cfg.Known)+len(cfg.Cuts) > 0
		of.goesOn = of.ready || of.old
	}
	if !s.cutover.CompareAndSwap(nil, c) {
		return nil, ErrCutover
	}
	return c, nil
}

func or[T int | time.Duration](value, standard T) T {
	if value <= 0 {
		return standard
	}
	return value
}

// End ends it: from now on a shard's role alone says whether its events are delivered.
func (c *Cutover) End() { c.supervisor.cutover.CompareAndSwap(c, nil) }

// Guilds are those that the new fleet has told of, and 0.
func (c *Cutover) Guilds() (all []events.Snowflake) {
	c.each(func(guild events.Snowflake, _ *cut) { all = append(all, guild) })
	return all
}

// News has an entry when guilds were cut, or may be.
func (c *Cutover) News() <-chan struct{} { return c.news }

func (c *Cutover) tell() {
	select {
	case c.news <- struct{}{}:
	default:
	}
}

func (c *Cutover) stripe(guild events.Snowflake) *stripe {
	return &c.stripes[uint64(guild)*0x9e3779b97f4a7c15>>58]
}

// side is that of a shard; nil: it is of neither fleet.
func (c *Cutover) side(key Key) *side {
	if !c.cfg.From.Has(key) && !c.cfg.To.Has(key) {
		return nil
	}
	return c.sides[key] // the map does not change
}

// owner is the shard of the new fleet that serves a guild already.
func (c *Cutover) owner(guild events.Snowflake) (Key, bool) {
	st := c.stripe(guild)
	st.mu.Lock()
	defer st.mu.Unlock()
	if g := st.guilds[guild]; g != nil && g.Phase() == cutover.Flowing { //seam:sends-follow-the-cut
		return c.cfg.To.Of(guild), true
	}
	return Key{}, false
}

// began takes the READY of a session: of the new one it says which guilds there are.
func (c *Cutover) began(of *side, raw *events.Raw, meta events.Meta) {
	c.mu.Lock()
	again := of.goesOn || of.session != 0 && of.session != meta.Session
	of.session, of.goesOn = meta.Session, false
	guilds := slices.Clone(of.guilds)
	c.mu.Unlock()
	if again {
		for _, guild := range guilds {
			c.again(of, guild, meta.Received)
		}
		c.sendReminders()
	}
	if of.old {
		return
	}
	listed := guildsOf(raw)
	if of.key.Shard.Index == 0 {
		listed = append(listed, 0) // what is of no guild
	}
	for _, guild := range listed {
		st := c.stripe(guild)
		st.mu.Lock()
		if st.guilds[guild] == nil {
			c.begin(st, guild, meta.Received, false)
		}
		st.mu.Unlock()
	}
	c.mu.Lock()
	of.ready = true
	c.mu.Unlock()
}

// again begins the cut of a guild anew, since one of its sessions was lost. If that is the old one, and the guild is to be cut, it is: what the old one has missed, the
// new one has shown.
func (c *Cutover) again(of *side, guild events.Snowflake, now time.Time) {
	st := c.stripe(guild)
	st.mu.Lock()
	defer st.mu.Unlock()
	g := st.guilds[guild]
	if g == nil || g.Phase() >= cutover.Cut {
		return
	}
	if of.old && c.wanted.Load() {
		c.flag(guild, g, now)
	}
	if g.Phase() < cutover.Cut {
		c.anew(g, now)
		g.greeted[newSide] = of.old && g.greeted[newSide] || guild == 0
	}
	if len(g.due) > 0 {
		c.remind(c.cfg.From.Of(guild), guild)
	}
}

// begin begins the cut of a guild.
func (c *Cutover) begin(st *stripe, guild events.Snowflake, now time.Time, joined bool) *cut {
	g := &cut{Guild: cutover.Begin[*kept](c.limits, now), began: now, joined: joined}
	if joined {
		g.Guild = cutover.Joined[*kept](c.limits, now)
	}
	if g.greeted[newSide] = guild == 0; c.wanted.Load() {
		g.Want()
	}
	st.guilds[guild] = g
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range [...]Key{c.cfg.From.Of(guild), c.cfg.To.Of(guild)} {
		of := c.sides[key]
		of.guilds = append(of.guilds, guild)
	}
	return g
}

// owes notes what of the old session is to be delivered by its actor.
func (g *cut) owes(all []event) { g.due = append(g.due, g.payloads(all)...) }

// payloads are events that are published from now on.
func (g *cut) payloads(all []event) (of []*kept) {
	for _, e := range all {
		of = append(of, e.Of)
	}
	if len(of) > 0 {
		g.held = slices.DeleteFunc(g.held, func(k *kept) bool { return slices.Contains(of, k) })
	}
	return of
}
