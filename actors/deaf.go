package actors

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// DeafSession is a policy for sessions that are deaf: their heartbeats are acknowledged, and their events have ceased. Nothing in the
// protocol says so; a shard gives itself away by its events, which are few beside those of its own past, while the other shards have as
// many as ever. Then its session is resumed, which costs no Identify. If that does not help the session is given up, for one Identify,
// unless the day's budget would fall to its reserve.
//
// It takes an hour, and half an hour at the least, to know a shard. One whose own guilds go quiet at once looks deaf as well: it costs a
// Resume, and one Identify a day at the most. A fleet of one shard has nothing to compare with, so nothing is ever done there. Events of
// one kind that cease, among others that come, are not noticed.
//
// The zero value is the policy with its defaults.
type DeafSession struct {
	// Window is the time in which events are counted, and compared with those of the windows before; 0: two minutes.
	Window time.Duration
	// Least is how many events a shard must usually have in a window for anything to be concluded from their absence; 0: 100.
	Least int
	// AtOnce is for how many shards something may be done at the same time; 0: 3.
	AtOnce int
}

// Validate is why the policy cannot work; nil: it can.
func (d DeafSession) Validate() error {
	switch {
	case d.Window < 0 || d.Window > 0 && d.Window < time.Second:
		return fmt.Errorf("the field Window is %v: use a second or more, or 0 for the default", d.Window)
	case d.Least < 0:
		return fmt.Errorf("the field Least is %d: use 1 or more, or 0 for the default", d.Least)
	case d.AtOnce < 0:
		return fmt.Errorf("the field AtOnce is %d: use 1 or more, or 0 for the default", d.AtOnce)
	}
	return nil
}

const (
	windowsKept  = 30             // of a shard's past
	windowsKnown = 15             // of them, in which it was connected: fewer are no past
	deafShare    = 50             // a shard is deaf with less than this part of what it usually hears
	livelyShare  = 2              // and lively with at least this part
	deafRest     = 24 * time.Hour // after a session was given up, nothing is done about the shard
)

func (d DeafSession) withDefaults() DeafSession {
	if d.Window == 0 {
		d.Window = 2 * time.Minute
	}
	if d.Least == 0 {
		d.Least = 100
	}
	if d.AtOnce == 0 {
		d.AtOnce = 3
	}
	return d
}

// ErrDeaf is the cause of a reconnect by the policy for deaf sessions.
var ErrDeaf = errors.New("actors: the session is deaf: heartbeats are acknowledged and events have ceased, while other shards have theirs")

// DeafStep is what is done about a deaf session.
type DeafStep int

// The steps, one after the other while nothing helps.
const (
	DeafResumed      DeafStep = iota // it is resumed
	DeafUnaffordable                 // that did not help, and the budget of Identifies does not allow more: it is done when it does
	DeafReidentified                 // that did not help, and another session begins
	DeafBelieved                     // that did not help either: the shard has become quiet, and is left alone for a day
)

var deafNames = [...]string{"resumed", "unaffordable", "reidentified", "believed"}

// String is the step in a word.
func (s DeafStep) String() string { return name(deafNames[:], int(s)) }

// ShardDeaf: a session is deaf, and something is done about it.
type ShardDeaf struct {
	Key   Key
	At    time.Time
	Heard int // events in the latest window
	Usual int // what nine of ten windows of the shard's past had at least
	Step  DeafStep
}

// heard is how far a shard's session has come, at the end of a window.
type heard struct {
	key   Key
	seq   int64
	whole bool // it was Ready throughout the window, and is read
}

// deafness is the policy at work: a value that is told what all shards have heard, once a window, and says what to do. It keeps the past
// of each shard. Never does it name one while most are as quiet as it, one that has always been quiet, or more than AtOnce at a time.
type deafness struct {
	DeafSession
	shards map[Key]*hearing
}

// hearing is what is known of one shard.
type hearing struct {
	seq   int64
	past  []int // events in each of the latest windows; nothing: the window says nothing
	stage deafStage
	rest  time.Time // until when nothing is done
	count int       // of the latest window, or nothing
}

// nothing stands for the count of a window that says nothing of the shard.
const nothing = -1

// deafStage is what was done about a shard.
type deafStage int

const (
	hearsWell deafStage = iota
	wasResumed
	notAffordable
	wasReidentified
)

func newDeafness(policy DeafSession) *deafness {
	return &deafness{policy.withDefaults(), make(map[Key]*hearing)}
}

// window takes what all shards have heard, in order. spare is how many Identifies the budget allows.
func (d *deafness) window(now time.Time, all []heard, spare int) (told []ShardDeaf) {
	d.count(all)
	var deaf []ShardDeaf
	for quiet, i := d.quiet(), 0; i < len(all); i++ {
		h := d.shards[all[i].key]
		usual := h.usual()
		switch {
		case h.count == nothing, quiet && usual >= d.Least:
			h.note(nothing)
		case usual < d.Least, now.Before(h.rest) && h.stage != wasReidentified, h.count*deafShare > usual:
			h.note(h.count)
			h.stage = hearsWell
		default:
			deaf = append(deaf, ShardDeaf{Key: all[i].key, At: now, Heard: h.count, Usual: usual})
		}
		if h.usual() < d.Least {
			h.stage = hearsWell // it was away for so long that it has no past
		}
	}
	treated := 0
	for _, h := range d.shards {
		if h.treated() {
			treated++
		}
	}
	for _, one := range deaf {
		h := d.shards[one.Key]
		if h.treated() {
			treated--
		} else if treated >= d.AtOnce {
			continue // its turn comes
		}
		var done bool
		if one.Step, done = h.treat(now, spare); done {
			told = append(told, one)
		}
		if h.treated() {
			treated++
		}
		if done && one.Step == DeafReidentified {
			spare--
		}
	}
	return told
}

// quiet reports whether most of those who can be judged do not hear what they are used to: then it is no single shard's matter.
func (d *deafness) quiet() bool {
	judged, lively := 0, 0
	for _, h := range d.shards {
		if usual := h.usual(); h.count != nothing && usual >= d.Least {
			judged++
			if h.count*livelyShare >= usual {
				lively++
			}
		}
	}
	return 2*lively < judged
}

// count finds out how many events have come to each shard in the window, and forgets those that are gone.
func (d *deafness) count(all []heard) {
	gone := d.shards
	d.shards = make(map[Key]*hearing, len(all))
	for _, s := range all {
		h := gone[s.key]
		if h == nil {
			h = new(hearing)
		}
		d.shards[s.key] = h
		h.count = nothing
		if s.whole {
			h.count = int(s.seq - h.seq)
		}
		h.seq = s.seq
	}
}

// treated reports whether something is being done about the shard.
func (h *hearing) treated() bool { return h.stage == wasResumed || h.stage == wasReidentified }

// treat takes the next step, if there is one to take.
func (h *hearing) treat(now time.Time, spare int) (step DeafStep, done bool) {
	switch {
	case h.stage == hearsWell:
		h.stage = wasResumed
		return DeafResumed, true
	case h.stage == wasReidentified:
		h.stage = hearsWell
		return DeafBelieved, true
	case spare > 0:
		h.stage, h.rest = wasReidentified, now.Add(deafRest)
		return DeafReidentified, true
	case h.stage == wasResumed:
		h.stage = notAffordable
		return DeafUnaffordable, true
	}
	return 0, false
}

// usual is what the shard has heard in nine of ten windows of its past, at least; 0 if there are too few.
func (h *hearing) usual() int {
	var known [windowsKept]int
	counts := known[:0]
	for _, n := range h.past {
		if n != nothing {
			counts = append(counts, n)
		}
	}
	if len(counts) < windowsKnown {
		return 0
	}
	slices.Sort(counts)
	return counts[len(counts)/10]
}

// note adds a window to the past.
func (h *hearing) note(count int) {
	if h.past = append(h.past, count); len(h.past) > windowsKept {
		h.past = slices.Delete(h.past, 0, 1)
	}
}
