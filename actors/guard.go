package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/internal/stack"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// guard calls code of the user's, such as the limiter, on an actor's goroutine, and reports whether it came back: its panic costs this call
// alone. So does runtime.Goexit, which nobody can take back, since from the first one on all is called apart. The first one is a crash of the
// actor (see survivor): to call everything apart would take from every send what hardly anybody needs.
func (s *Supervisor) guard(what string, call func()) (returned bool) {
	if s.distrust.Load() {
		err := foreign.Call(what, func() error { call(); return nil })
		s.blame(what, err)
		return err == nil
	}
	defer func() {
		if !returned {
			reason := recover()
			if reason == nil {
				s.distrust.Store(true)
			}
			s.blame(what, foreign.Panicked(what, reason))
		}
	}()
	call()
	return true
}

// blame logs why a call of the user's code did not return, if it did not.
func (s *Supervisor) blame(what string, err error) {
	if err != nil {
		s.log.Error("a call of the user's code did not return", zap.String("call", what), zap.String("reason", err.Error()))
	}
}

// survivor is a dispatcher under which an actor survives runtime.Goexit. The mailbox would go on to believe that somebody handles messages:
// nobody would any more, not even a stop. It is taken for a crash on the message that was handled, and whoever runs the actor is asked anew.
// A dispatcher that runs actors on a goroutine of its own still loses that one.
type survivor struct {
	actor.Dispatcher
	*sieve
	handle func() // the mailbox's, which has but one
	run    func() // survive, bound once
}

// Schedule implements actor.Dispatcher. The mailbox calls it once at a time.
func (s *survivor) Schedule(handle func()) {
	if s.run == nil {
		s.handle, s.run = handle, s.survive
	}
	s.Dispatcher.Schedule(s.run)
}

// survive handles messages until there are none.
func (s *survivor) survive() {
	stack.Reserve4K()
	returned := false
	defer func() {
		if !returned { // a panic does not come this far
			s.EscalateFailure(foreign.ErrGoexit, s.handled)
			s.Dispatcher.Schedule(s.run)
		}
	}()
	s.handle()
	returned = true
}

// guarded is a bucket of the user's. It keeps what goes into a call and comes out of it, so that no call allocates.
type guarded struct {
	ratelimit.Bucket
	s           *Supervisor
	at, retryAt time.Time
	ok          bool
	left        permits
	asks        bucketCall
	call        func() // ask, bound once
}

// bucketCall is what a bucket is asked for.
type bucketCall uint8

const (
	callTake bucketCall = iota
	callWrote
	callRemaining
)

func newGuarded(b ratelimit.Bucket, s *Supervisor) *guarded {
	g := &guarded{Bucket: b, s: s}
	g.call = g.ask
	return g
}

// ask calls the user's code.
func (g *guarded) ask() {
	switch b := g.Bucket; g.asks {
	case callTake:
		g.ok, g.retryAt = b.Take(g.at)
	case callWrote:
		b.Wrote(g.at)
	case callRemaining:
		g.left.left, g.left.limit, g.left.whole = b.Remaining(g.at), b.Limit(), b.Reset(g.at)
	}
}

// Take implements ratelimit.Bucket.
func (g *guarded) Take(now time.Time) (ok bool, retryAt time.Time) {
	g.asks, g.at = callTake, now
	if !g.s.guard("Take", g.call) {
		return false, now.Add(limiterPause)
	}
	return g.ok, g.retryAt
}

// Wrote implements ratelimit.Bucket.
func (g *guarded) Wrote(at time.Time) {
	g.asks, g.at = callWrote, at
	g.s.guard("Wrote", g.call)
}

// Return implements ratelimit.Bucket.
func (g *guarded) Return() { g.s.guard("Return", g.Bucket.Return) }

// standing is how many permits there are now: none, where the bucket does not say.
func (g *guarded) standing(now time.Time) permits {
	g.asks, g.at, g.left = callRemaining, now, permits{}
	if !g.s.guard("Remaining", g.call) {
		return permits{}
	}
	return g.left
}
