package actors

import (
	"context"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/cutover"
	"github.com/signalbox-go/signalbox/session"
)

// longWindow is for how long a new session that is away, or behind, is waited for, to tell what of a flagged cut it has to show.
const longWindow = 5 * time.Minute

// greeting is how long the first GUILD_CREATE of a guild is waited for: one that is not available has none.
const greeting = 30 * time.Second

// CutoverStats counts the guilds of a Cutover by how far they are, and what is kept of them.
type CutoverStats struct {
	Guilds     int // that the new fleet has told of, and, as one more, what is of no guild
	Ready      int // of them, both sessions have shown the same for so long that it may be cut
	Cut        int // from here on, those that are cut
	Flowing    int // of them, whose events are the new fleet's
	Flagged    int // of them, cut by fingerprints: what came twice is not told from what happened twice
	Open       int // guilds of which something of the old session may still be delivered
	Disordered int // in which the sessions have shown events in different orders
	Agreed     int // events that both sessions have shown, where they were compared
	Differed   int // events that one session has shown, and the other has not
	Silent     int // guilds of which the new session has shown nothing, and the old one has shown what it should have
	Deaf       int // new shards of which most events differ, and more than 10
	Events     int // that are kept
	Bytes      int // of them
	Overflown  bool
	Serving    int // new shards that have taken their role
}

// Want has all guilds cut as soon as they can be. From here on it goes on to the end.
func (c *Cutover) Want() {
	c.wanted.Store(true)
	now := time.Now()
	c.each(func(guild events.Snowflake, g *cut) {
		g.Want()
		g.Away(c.away(guild))
		if !g.lived.IsZero() { // a quiet one need not wait for the next heartbeats
			g.Live(g.lived, now)
			c.moved(guild, g)
		}
	})
	c.Step(time.Now(), 0)
}

// Step tells all guilds the time, and which shards have proved to live. patience is for how long a guild is compared that cannot be cut in order; then it is cut by
// fingerprints, if the new session is not away. 0: without end. It is called about once a second.
func (c *Cutover) Step(now time.Time, patience time.Duration) (stats CutoverStats) {
	lived := make(map[Key]time.Time, len(c.sides))
	for key, of := range c.sides {
		lived[key] = c.supervisor.board.lived(key)
		c.mu.Lock()
		if of.serves {
			stats.Serving++
		}
		c.mu.Unlock()
	}
	told := make(map[Key][2]int) // how many events the new shards have agreed in, and differed
	c.each(func(guild events.Snowflake, g *cut) {
		from, to := c.cfg.From.Of(guild), c.cfg.To.Of(guild)
		away := c.away(guild)
		g.Away(away)
		if g.greeted[newSide] || now.Sub(g.began) >= greeting {
			if both := earlier(lived[from], lived[to]); !lived[from].IsZero() && !lived[to].IsZero() && both.After(g.lived) {
				if lived[from].After(g.began) {
					c.look(guild, g)
				}
				g.lived = both
				g.Live(both, now)
			}
		}
		if now.Before(g.flagged.Add(longWindow)) {
			g.Prolong(lived[to], now.Add(c.cfg.Slack))
		}
		g.owes(g.Tick(now))
		if c.moved(guild, g); patience > 0 && g.Phase() < cutover.Cut && now.Sub(g.began) >= patience && c.wanted.Load() {
			if now.Sub(g.began) >= 2*patience { // the old session is gone
				g.Suppose()
			}
			if away { // what is compared would be kept without end
				c.anew(g, now)
			} else {
				c.flag(guild, g, now)
			}
		}
		if len(g.due) > 0 {
			c.remind(from, guild)
		}
		if g.mayFlow && g.Phase() == cutover.Cut {
			c.remind(to, guild)
		}
		stats.count(g)
		of := told[to]
		told[to] = [2]int{of[0] + g.Agreed(), of[1] + g.Differed()}
	})
	for _, of := range told {
		if of[1] > 10 && of[1] > of[0] {
			stats.Deaf++
		}
	}
	c.sendReminders()
	stats.Overflown = c.overflown.Load() || stats.Bytes > c.cfg.Bytes
	return stats
}

func (s *CutoverStats) count(g *cut) {
	s.Guilds++
	if g.Settled() {
		s.Ready++
	}
	if g.Phase() >= cutover.Cut {
		s.Cut++
	}
	if g.Phase() == cutover.Flowing {
		s.Flowing++
	}
	if g.Place().Flagged {
		s.Flagged++
	}
	if g.Open() || len(g.due) > 0 {
		s.Open++
	}
	if g.Disordered() {
		s.Disordered++
	}
	if g.Silent() {
		s.Silent++
	}
	s.Agreed, s.Differed = s.Agreed+g.Agreed(), s.Differed+g.Differed()
	for e := range g.Kept() {
		s.Events++
		s.Bytes += len(e.Of.raw.Data)
	}
}

// away reports whether the session that a guild is to be cut to is away.
func (c *Cutover) away(guild events.Snowflake) bool {
	r := c.supervisor.board.record(c.cfg.To.Of(guild))
	return r == nil || r.still().state != session.Ready
}

// anew begins the comparison of a guild anew.
func (c *Cutover) anew(g *cut, now time.Time) {
	g.owes(g.Abandon())
	g.Guild, g.began, g.lived, g.joined, g.before = cutover.Begin[*kept](c.limits, now), now, time.Time{}, false, shown{}
	if c.wanted.Load() {
		g.Want()
	}
}

// each calls f with each guild, locked.
func (c *Cutover) each(f func(events.Snowflake, *cut)) {
	for i := range c.stripes {
		st := &c.stripes[i]
		st.mu.Lock()
		for guild, g := range st.guilds {
			f(guild, g)
		}
		st.mu.Unlock()
	}
}

// GuildCut is a guild that is cut: up to OldSeq the events of From were delivered, and those of To behind NewSeq wait for Flow.
type GuildCut struct {
	Guild          events.Snowflake // 0: what is of no guild
	From, To       Key
	OldSeq, NewSeq int64
	Flagged        bool // by fingerprints: of events around the cut that are equal in all, one may be lost or come twice
}

// Cuts are the guilds that were cut since the last call, and that handlers have done with the events of From of. The others come later.
func (c *Cutover) Cuts() (ready []GuildCut) {
	c.mu.Lock()
	cuts := c.cuts
	c.cuts = nil
	c.mu.Unlock()
	var later []events.Snowflake
	for _, guild := range cuts {
		st := c.stripe(guild)
		st.mu.Lock()
		g := st.guilds[guild]
		place, due, all := g.Place(), len(g.due) > 0, [...]shown{g.before, g.published}
		st.mu.Unlock()
		of := GuildCut{Guild: guild, From: c.cfg.From.Of(guild), To: c.cfg.To.Of(guild), OldSeq: place.OldSeq, NewSeq: place.NewSeq, Flagged: place.Flagged}
		if due || !c.handled(of.From, all[:]) {
			later = append(later, guild)
			continue
		}
		ready = append(ready, of)
	}
	if len(later) > 0 {
		c.mu.Lock()
		c.cuts = append(c.cuts, later...)
		c.mu.Unlock()
	}
	return ready
}

// look notes once how far the old session has come: what it has shown of the guild before may wait for its handlers still.
func (c *Cutover) look(guild events.Snowflake, g *cut) {
	if g.before == (shown{}) {
		g.before.session, g.before.seq = c.supervisor.cfg.Bus.Shard(c.cfg.From.Of(guild)).Latest()
	}
}

// publishes notes what the old side publishes: handlers are waited for before the guild is cut.
func (g *cut) publishes(all []*kept) {
	if len(all) > 0 {
		last := all[len(all)-1].meta
		g.published = shown{last.Session, last.Seq}
	}
}

// handled reports whether handlers have done with what an old session has shown, or have come to the next one.
func (c *Cutover) handled(old Key, all []shown) bool {
	session, seq := c.supervisor.cfg.Bus.Shard(old).Handled()
	for _, of := range all {
		if session < of.session || session == of.session && seq < of.seq { //seam:handled-before-it-flows
			return false
		}
	}
	return true
}

// Flow has the events of guilds delivered of the new fleet from now on, and sends that concern them go there.
func (c *Cutover) Flow(guilds ...events.Snowflake) {
	for _, guild := range guilds {
		st := c.stripe(guild)
		st.mu.Lock()
		if g := st.guilds[guild]; g != nil && g.Phase() == cutover.Cut {
			g.mayFlow = true
			for _, k := range g.held { // from here on nobody asks the old session for them
				k.held.Drop()
				k.held = nil
			}
			g.held = nil
			c.remind(c.cfg.To.Of(guild), guild)
		}
		st.mu.Unlock()
	}
	c.sendReminders()
}

// lived is when a shard has sent a heartbeat that was acknowledged, since it is Ready; zero: it has not.
func (b *Board) lived(key Key) time.Time {
	r := b.record(key)
	if r == nil {
		return time.Time{}
	}
	s := r.still()
	sent := s.latencyAt.Add(-s.latency)
	if s.state != session.Ready || s.latencyAt.IsZero() || sent.Before(s.since) {
		return time.Time{}
	}
	return sent
}

// Voices are the voice channels that the old fleet has the bot in, by the shards that say so before ctx ends.
func (c *Cutover) Voices(ctx context.Context) (all []events.UpdateVoiceState) {
	to := make(chan []events.UpdateVoiceState, c.cfg.From.Total)
	asked := 0
	for i := range c.cfg.From.Total {
		if r := c.supervisor.board.record(c.cfg.From.Key(i)); r != nil {
			if pid := r.pid.Load(); pid != nil {
				asked++
				c.system.Root.Send(pid, sayVoices{to})
			}
		}
	}
	for range asked {
		select {
		case some := <-to:
			all = append(all, some...)
		case <-ctx.Done():
			return all
		}
	}
	return all
}
