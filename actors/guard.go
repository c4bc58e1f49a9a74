package actors

import (
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// guard calls code of the user's, such as the limiter, on an actor's goroutine, and reports whether it came back: its panic costs this call
// alone. So does runtime.Goexit, which nobody can take back, since from the first one on all is called apart. The first one is a crash of the
// actor (see filter): to call everything apart would take from every send what hardly anybody needs.
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

// guarded is a bucket of the user's, which the supervisor's actor alone calls.
type guarded struct {
	ratelimit.Bucket
	s *Supervisor
}

// bucketCall is a call of a bucket, one after the other: it keeps what goes into it and comes out of it, so that none allocates.
type bucketCall struct {
	bucket      ratelimit.Bucket
	does        bucketDoes
	at, retryAt time.Time
	ok          bool
	left        permits
	call        func() // ask, bound once
}

// bucketDoes is what a bucket is asked to do.
type bucketDoes uint8

const (
	bucketTakes bucketDoes = iota
	bucketWrote
	bucketReturns
	bucketRemains
)

// ask calls the user's code.
func (c *bucketCall) ask() {
	switch b := c.bucket; c.does {
	case bucketTakes:
		c.ok, c.retryAt = b.Take(c.at)
	case bucketWrote:
		b.Wrote(c.at)
	case bucketReturns:
		b.Return()
	case bucketRemains:
		c.left.left, c.left.limit, c.left.whole = int32(clamp(b.Remaining(c.at))), int32(clamp(b.Limit())), b.Reset(c.at)
	}
}

// asks calls the user's code under guard, and reports whether it came back.
func (g *guarded) asks(what string, does bucketDoes, at time.Time) bool {
	c := &g.s.bucketCall
	if c.call == nil {
		c.call = c.ask
	}
	c.bucket, c.does, c.at = g.Bucket, does, at
	return g.s.guard(what, c.call)
}

// Take implements ratelimit.Bucket.
func (g *guarded) Take(now time.Time) (ok bool, retryAt time.Time) {
	if !g.asks("Take", bucketTakes, now) {
		return false, now.Add(limiterPause)
	}
	return g.s.bucketCall.ok, g.s.bucketCall.retryAt
}

// Wrote implements ratelimit.Bucket.
func (g *guarded) Wrote(at time.Time) { g.asks("Wrote", bucketWrote, at) }

// Return implements ratelimit.Bucket.
func (g *guarded) Return() { g.asks("Return", bucketReturns, time.Time{}) }

// standing is how many permits there are now: none, where the bucket does not say.
func (g *guarded) standing(now time.Time) permits {
	if !g.asks("Remaining", bucketRemains, now) {
		return permits{}
	}
	return g.s.bucketCall.left
}
