package recorder

import (
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// event is something that is seldom, and of which more is kept.
type event struct {
	kind     eventKind
	from, to session.State
	lost     bool
	code     events.CloseCode
	stage    int // of an Identify; crashes; the step of a deaf session
	failed   int
	behind   uint64 // so many entries of the journal
	at       time.Time
	retry    time.Time
	took     time.Duration
	conn     uint64
	session  uint64
	cause    error // its text is made by who reads: it may be an error of the user's
}

type eventKind byte

const (
	eventDial eventKind = iota
	eventConnected
	eventLost
	eventClosed
	eventMove
	eventIdentify
	eventCrash
	eventDeaf
)

var eventNames = [...]string{"dial", "connected", "lost", "closed", "move", "identify", "crash", "deaf"}

const eventSize = 160 // bytes, with what a cause takes

// rolls keeps the latest events of a shard. It grows up to most.
type rolls struct {
	most int
	all  []event
	next int // where the oldest is, once all are used
	lost int // events that had to go though they were not too old
}

func (r *rolls) add(e event, oldest time.Time) {
	if len(r.all) < r.most {
		r.all = append(r.all, e)
		return
	}
	if !r.all[r.next].at.Before(oldest) {
		r.lost++
	}
	r.all[r.next] = e
	r.next = (r.next + 1) % r.most
}

// copied are the events that are not older than oldest, in order.
func (r *rolls) copied(oldest time.Time) (all []event) {
	for i := range r.all {
		if e := r.all[(r.next+i)%len(r.all)]; !e.at.Before(oldest) {
			all = append(all, e)
		}
	}
	return all
}

// outcome is how a send event has ended.
type outcome byte

const (
	notEnded outcome = iota
	done
	superseded
	givenUp
	refused
	queued
	admitted
	written
	denied
	lost
	failed
)

var outcomeNames = [...]string{"", "done", "superseded", "given up", "refused", "queued", "admitted", "written", "denied", "lost", "failed"}

// outcomeOf looks at err without calling it: it may wrap an error of the user's.
func outcomeOf(err error) outcome {
	if err == nil {
		return done
	}
	ended, is := err.(*actors.SendError)
	switch {
	case !is:
		return failed
	case ended.Err == actors.ErrSuperseded:
		return superseded
	case isContext(ended.Err):
		return givenUp
	}
	switch ended.Stage {
	case actors.Refused:
		return refused
	case actors.Queued:
		return queued
	case actors.Admitted:
		return admitted
	case actors.Written:
		return written
	case actors.Denied:
		return denied
	case actors.Lost:
		return lost
	}
	return failed
}
