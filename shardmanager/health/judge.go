package health

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// mark is since when a shard is away, for as long as it has not been Ready since.
type mark struct {
	since   time.Time
	session uint64
	resumes int
	exact   bool // its moves were looked at
}

// absent is a shard that is away.
type absent struct {
	at      int       // in the status
	since   time.Time // away
	counts  time.Time // from when on it counts
	been    bool      // it has been Ready here
	ended   bool
	missing bool // it never ran here, and was not given to this process
}

// tally is what there is beside those away.
type tally struct {
	ready, paused, draining, released, warming, retiring, ran int
}

// judge fills in what was seen, and returns from when on that is so, or zero if that cannot be told, and whether there are shards of a reshard.
func (p *Probe) judge(l looked, status *shardmanager.Status, now time.Time) (since time.Time, resharding bool) {
	t, away := p.sort(status, now)
	s := Shards{Ready: t.ready, Away: len(away), Wanted: t.ready + len(away), Paused: t.paused, Released: t.released}
	s.Tolerated = int(p.cfg.share * float64(s.Wanted))
	var counted []time.Time
	state := Running
	for i := range away {
		a := &away[i]
		if a.ended {
			s.Ended++
		}
		switch {
		case a.missing:
			state = TakingOver
		case !a.been && !a.ended && state == Running:
			state = Starting
		}
		if !a.counts.After(now) {
			counted = append(counted, a.counts)
		}
	}
	s.Counted = len(counted)
	p.seen = Readiness{Shards: s}
	slices.SortFunc(away, func(a, b absent) int {
		return cmp.Or(-cmp.Compare(b2i(a.ended), b2i(b.ended)), a.since.Compare(b.since), cmp.Compare(a.at, b.at))
	})
	p.seen.More = max(len(away)-p.cfg.list, 0)
	p.seen.Away = make([]Away, 0, len(away)-p.seen.More)
	for _, a := range away[:len(away)-p.seen.More] {
		p.seen.Away = append(p.seen.Away, describe(&status.Shards[a.at], a, now))
	}
	if l.text != "" {
		p.seen.State, p.seen.Reason = l.state, l.text
		return time.Time{}, false
	}
	switch {
	case state != Running:
	case s.Wanted == 0 && t.released > 0:
		state = HandedOver
	case t.warming > 0:
		state = Resharding
	case t.released > 0:
		state = HandingOver
	case t.draining > 0:
		state = Draining
	case s.Wanted == 0 && t.paused > 0:
		state = Paused
	case s.Wanted == 0:
		state = Starting
	}
	p.seen.State = state
	since, p.seen.Ready, p.seen.Reason = decide(state, s, counted, away, func() string {
		first := describe(&status.Shards[away[0].at], away[0], now)
		return fmt.Sprintf("shard %d, %s", first.Shard, cmp.Or(first.Text, string(first.Kind)))
	})
	return since, t.warming+t.retiring > 0
}

// decide says whether it is ready, of shards that run, and since when, if that can be told. first tells of the first of those that are away.
func decide(state State, s Shards, counted []time.Time, away []absent, first func() string) (since time.Time, ready bool, reason string) {
	switch {
	case s.Ended > 0:
		return away[0].since, false, fmt.Sprintf("%s ended for good, and nothing but Manager.Restart or another process starts it again: %s", shards(s.Ended, "has", "have"), first())
	case s.Counted > s.Tolerated:
		slices.SortFunc(counted, time.Time.Compare)
		return counted[s.Tolerated], false, fmt.Sprintf("%d of %s away, and %d may be: %s", s.Counted, shards(s.Wanted, "is", "are"), s.Tolerated, first())
	case state == HandedOver:
		return since, false, fmt.Sprintf("%s released: other processes run them, or nobody does", shards(s.Released, "was", "were"))
	case state == Starting && s.Wanted == 0:
		return since, false, "no shard was started yet"
	case s.Wanted == 0:
		return since, true, fmt.Sprintf("nothing is to run: %s paused, drained or stopped by an operator", shards(s.Paused, "is", "are"))
	case s.Away > 0:
		return since, true, fmt.Sprintf("%d of %s away, %d count, and %d may: %s", s.Away, shards(s.Wanted, "is", "are"), s.Counted, s.Tolerated, first())
	}
	return since, true, shards(s.Wanted, "is", "are") + " ready"
}

// shards is such as "1 shard is".
func shards(n int, one, more string) string {
	if n == 1 {
		return "1 shard " + one
	}
	return fmt.Sprintf("%d shards %s", n, more)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// sort tells those that are away from the others.
func (p *Probe) sort(status *shardmanager.Status, now time.Time) (t tally, away []absent) {
	marks := p.spare
	clear(marks)
	p.looks = mostLooks
	var never []absent
	for i := range status.Shards {
		s := &status.Shards[i]
		been := s.Session > 0 || s.Resumes > 0
		switch {
		case s.Role == actors.Warming:
			t.warming++
			continue
		case s.Role != actors.Serving:
			t.retiring++
			continue
		case s.Mode == actors.Release && (been || s.Conn > 0):
			t.released++
			continue
		case s.Mode == actors.Release:
			never = append(never, absent{at: i, missing: true, since: p.since(marks, s, now)})
			continue
		case s.Mode != actors.Run:
			t.paused++
			if s.Mode == actors.Drain && s.State != session.Closed && s.State != session.Idle {
				t.draining++
			}
			continue
		}
		t.ran++
		if s.State == session.Ready {
			t.ready++
			continue
		}
		a := absent{at: i, been: been, ended: s.Ended()}
		a.since = p.since(marks, s, now)
		if a.counts = a.since; been && !a.ended {
			a.counts = a.since.Add(p.cfg.brief)
		}
		away = append(away, a)
	}
	if !p.cfg.picked || t.ran == 0 {
		for i := range never {
			never[i].counts = never[i].since
		}
		away = append(away, never...)
	}
	p.spare, p.marks = p.marks, marks
	return t, away
}

// since is since when a shard is away: as it was found before, unless it has been Ready since; and by its latest moves, which are looked at once.
func (p *Probe) since(marks map[actors.Key]mark, s *shardmanager.ShardStatus, now time.Time) time.Time {
	key := s.Key()
	m, known := p.marks[key]
	if !known || m.session != s.Session || m.resumes != s.Resumes {
		m = mark{since: leftAt(nil, s), session: s.Session, resumes: s.Resumes}
	}
	if !m.exact && p.looks > 0 {
		p.looks--
		m.exact = true
		if at := leftAt(p.m.Shard(s.Shard.Index).Moves(), s); at.Before(m.since) {
			m.since = at
		}
	}
	if m.since.IsZero() || m.since.After(now) {
		m.since = now
	}
	marks[key] = m
	return m.since
}

// leftAt is when a shard that is away has left Ready, or has begun, by its latest moves; a later time if they do not go back so far.
func leftAt(moves []shardmanager.Change, s *shardmanager.ShardStatus) time.Time {
	at := s.Since
	if !s.CauseSince.IsZero() && (at.IsZero() || s.CauseSince.Before(at)) {
		at = s.CauseSince
	}
	for i := len(moves) - 1; i >= 0; i-- {
		move := &moves[i]
		if move.Generation != s.Generation || move.Shard != s.Shard { // the shard with its index is another one by now
			break
		}
		if i < len(moves)-1 && (move.To == session.Ready || move.To == session.Closed) {
			break
		}
		if move.At.Before(at) {
			at = move.At
		}
	}
	return at
}

// addReshard tells how far a reshard has come.
func (p *Probe) addReshard() {
	progress, known := p.m.Resharding()
	if !known {
		return
	}
	p.seen.Reshard = &Reshard{
		From: progress.From, To: progress.To, Phase: progress.Phase.String(), Began: shown(progress.Began), Warm: progress.Warm, Cut: progress.Cut, Of: progress.Guilds,
	}
}
