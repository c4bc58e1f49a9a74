package actors

import (
	"bytes"
	"encoding/json"
	"hash/maphash"
	"slices"
	"strconv"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/cutover"
)

// deliver takes an event of a shard, on its actor, and has published what is to be delivered now.
func (c *Cutover) deliver(s *shard, of *side, raw events.Raw, meta events.Meta) (full bool) {
	switch raw.Type {
	case events.TypeReady:
		c.began(of, &raw, meta)
		return s.publishIfServing(raw, meta)
	case events.TypeResumed:
		return s.publishIfServing(raw, meta)
	case events.TypeGuildMembersChunk, events.TypeRateLimited, events.TypeSoundboardSounds, events.TypeChannelInfo, events.TypeVoiceServerUpdate:
		return s.out.Publish(raw, meta) // it is an answer, and belongs to the session that has asked
	}
	guild := events.GuildOf(&raw)
	if guild == 0 && of.key.Shard.Index != 0 {
		return s.publishIfServing(raw, meta)
	}
	now := &kept{raw: raw, meta: meta}
	all, held, taken := c.take(of, guild, now)
	if !taken {
		return s.publishIfServing(raw, meta)
	}
	for _, k := range all {
		if k == now {
			full = s.out.Publish(raw, meta)
		} else {
			full = s.publishLate(k)
		}
	}
	if !held && !slices.Contains(all, now) {
		s.out.Skip(meta)
	}
	return full
}

func (s *shard) publishIfServing(raw events.Raw, meta events.Meta) (full bool) {
	if s.role == Serving { //seam:serving-shard-delivers
		return s.out.Publish(raw, meta)
	}
	s.out.Skip(meta)
	return false
}

// publishLate publishes an event behind later ones.
func (s *shard) publishLate(k *kept) (full bool) {
	if k.held == nil {
		k.held = s.out.Hold(k.meta)
	}
	return k.held.Publish(k.raw)
}

// take tells a guild's cut of an event, and returns what is to be published, and whether the event is held. taken is false if the guild is not cut over.
func (c *Cutover) take(of *side, guild events.Snowflake, now *kept) (publish []*kept, held, taken bool) {
	st := c.stripe(guild)
	st.mu.Lock()
	defer st.mu.Unlock()
	g := st.guilds[guild]
	if g == nil {
		if g = c.meet(st, of, guild, now); g == nil {
			return nil, false, false
		}
	}
	which := newSide
	if of.old {
		which = oldSide
	}
	first := now.raw.Type == events.TypeGuildCreate && !g.greeted[which]
	if first {
		g.greeted[which] = true
		if which == newSide && !g.joined && g.Phase() < cutover.Cut {
			return nil, false, true // it says how the guild is, and nothing has happened
		}
	}
	if which == newSide && of.goesOn && g.Phase() == cutover.Flowing && now.meta.Seq <= g.behind {
		return nil, false, true
	}
	if which == newSide && g.mayFlow {
		publish = g.payloads(g.Flow())
	}
	if !c.both(now.raw.Type, guild) {
		publish = c.alone(g, which, guild, now)
		return publish, now.held != nil, true
	}
	e := event{Of: now, Seq: now.meta.Seq, At: now.meta.Received}
	e.Anchor, e.Print = c.identity(&now.raw, first && g.joined)
	if which == oldSide {
		g.Away(c.away(guild))
		publish, g.due = g.due, nil
		publish = append(publish, g.payloads(g.Old(e))...) //seam:old-delivers-until-the-cut
		g.publishes(publish)
	} else {
		publish = append(publish, g.payloads(g.New(e))...) //seam:new-delivers-from-the-cut
	}
	c.moved(guild, g)
	if g.Overflown() {
		c.overflown.Store(true)
		c.tell()
	}
	if !slices.Contains(publish, now) && g.Phase() != cutover.Flowing { // or it is not kept, but for a flagged cut
		now.raw.Data = bytes.Clone(now.raw.Data) // not the room of all that came with it
	}
	if phase := g.Phase(); which == oldSide && (phase == cutover.Cutting || phase == cutover.Cut && !g.mayFlow) && !slices.Contains(publish, now) {
		now.held = c.supervisor.cfg.Bus.Shard(of.key).Hold(now.meta)
		g.held = append(g.held, now)
	}
	return publish, now.held != nil, true
}

// both reports whether both fleets are told of events of a type.
func (c *Cutover) both(of events.Type, guild events.Snowflake) bool {
	gates, known := of.Gates()
	if c.cfg.OldIntents == c.cfg.NewIntents || !known || gates == 0 {
		return true
	}
	const direct = events.IntentDirectMessages | events.IntentDirectMessageReactions | events.IntentDirectMessageTyping | events.IntentDirectMessagePolls
	if gates &= direct; guild != 0 {
		gates, _ = of.Gates()
		gates &^= direct
	}
	return (gates&c.cfg.OldIntents != 0) == (gates&c.cfg.NewIntents != 0)
}

// alone takes an event of which one fleet alone is told: it is delivered until the cut, or from then on.
func (c *Cutover) alone(g *cut, which int, guild events.Snowflake, now *kept) (publish []*kept) {
	switch phase := g.Phase(); {
	case which == oldSide && phase < cutover.Cut:
		publish, g.due = append(g.due, now), nil
		g.publishes(publish)
	case which == newSide && phase == cutover.Flowing:
		publish = []*kept{now}
	case which == newSide && phase == cutover.Cut:
		publish = g.payloads(g.New(event{Of: now, Seq: now.meta.Seq, At: now.meta.Received}))
		now.raw.Data = bytes.Clone(now.raw.Data)
		c.moved(guild, g)
	}
	return publish
}

// meet begins the cut of a guild that nothing is known of; nil: it is not cut over, since the new session does not tell of it yet.
func (c *Cutover) meet(st *stripe, of *side, guild events.Snowflake, now *kept) *cut {
	joins := now.raw.Type == events.TypeGuildCreate
	c.mu.Lock()
	ready := c.sides[c.cfg.To.Of(guild)].ready
	c.mu.Unlock()
	if !ready || events.ShardFor(guild, of.key.Shard.Total) != of.key.Shard.Index || of.old && !joins {
		return nil
	}
	return c.begin(st, guild, now.meta.Received, joins)
}

// identity is what an event has in common with the same one of the other session. joins: it is that the bot has joined.
func (c *Cutover) identity(raw *events.Raw, joins bool) (anchor string, print uint64) {
	switch id := events.IdentityOf(raw); {
	case id != 0:
		anchor = string(raw.Type) + " " + strconv.FormatUint(uint64(id), 10)
	case joins:
		anchor = "joined"
	case raw.Type == events.TypeGuildCreate || c.cfg.OldIntents != c.cfg.NewIntents: // it tells of a moment, or what both are told of it differs
		return "", maphash.String(c.seed, string(raw.Type))
	default:
		var h maphash.Hash
		h.SetSeed(c.seed)
		_, _ = h.WriteString(string(raw.Type))
		_, _ = h.Write(raw.Data)
		return "", h.Sum64()
	}
	return anchor, maphash.String(c.seed, anchor)
}

// moved does what follows from a move of a guild's cut. Its stripe is locked.
func (c *Cutover) moved(guild events.Snowflake, g *cut) {
	if g.Phase() < cutover.Cut {
		return
	}
	for _, k := range g.held { // the new session shows them; Flow drops them
		if !g.Place().Flagged {
			k.raw.Data = nil
		}
	}
	waiting := g.Waiting()
	for i := len(waiting) - 1; i >= 0 && waiting[i].Of.held == nil; i-- {
		waiting[i].Of.held = c.supervisor.cfg.Bus.Shard(c.cfg.To.Of(guild)).Hold(waiting[i].Of.meta)
	}
	if !g.reported {
		g.reported = true
		c.mu.Lock()
		c.cuts = append(c.cuts, guild)
		c.mu.Unlock()
		c.tell()
	}
}

// flag cuts a guild by fingerprints, if it can be. Its stripe is locked.
func (c *Cutover) flag(guild events.Snowflake, g *cut, now time.Time) {
	c.look(guild, g)
	g.owes(g.CutFlagged(now, c.cfg.Window))
	g.flagged = now
	c.moved(guild, g)
}

// reminder is for a shard's actor to deliver what is due of a guild.
type reminder struct {
	key   Key
	guild events.Snowflake
}

// remind has a shard deliver what is due of a guild, as soon as no lock is held: its mailbox may be the user's. An actor that is not there is reminded by a later Step.
func (c *Cutover) remind(key Key, guild events.Snowflake) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reminders = append(c.reminders, reminder{key, guild})
}

func (c *Cutover) sendReminders() {
	c.mu.Lock()
	all := c.reminders
	c.reminders = nil
	c.mu.Unlock()
	for _, of := range all {
		if r := c.supervisor.board.record(of.key); r != nil {
			if pid := r.pid.Load(); pid != nil {
				c.system.Root.Send(pid, cutDue{of.guild})
			}
		}
	}
}

// due publishes what is due of a guild, on its shard's actor.
func (c *Cutover) due(s *shard, guild events.Snowflake) {
	of, st := c.side(s.key), c.stripe(guild)
	if of == nil {
		return
	}
	st.mu.Lock()
	var publish []*kept
	if g := st.guilds[guild]; g != nil {
		switch {
		case of.old:
			publish, g.due = g.due, nil
		case g.mayFlow:
			publish = g.payloads(g.Flow())
		}
	}
	st.mu.Unlock()
	for _, k := range publish {
		s.publishLate(k) // if that is more than there is room for, the next event says so, and the session knows that it is not read
	}
	c.tell()
}

// guildsOf are those that READY names.
func guildsOf(raw *events.Raw) (ids []events.Snowflake) {
	var ready struct {
		Guilds []struct {
			ID events.Snowflake `json:"id"`
		} `json:"guilds"`
	}
	if json.Unmarshal(raw.Data, &ready) != nil { // its guilds are met one by one
		return nil
	}
	for _, g := range ready.Guilds {
		ids = append(ids, g.ID)
	}
	return ids
}

// cutDue publishes what is due of a guild that is cut over.
func (s *shard) cutDue(guild events.Snowflake) {
	if c := s.cutover.Load(); c != nil {
		c.due(s, guild)
	}
}

// tookRole notes that the shard has a role from now on.
func (s *shard) tookRole() {
	if c := s.cutover.Load(); c != nil && s.role == Serving {
		if of := c.side(s.key); of != nil && !of.old {
			c.mu.Lock()
			of.serves = true
			c.mu.Unlock()
			c.tell()
		}
	}
}
