package actors

import (
	"maps"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/ratelimit"
)

const limiterPause = time.Second // after a call of the limiter that panicked

// guard calls the user's code, and reports whether it came back: its panic costs this call alone.
func (s *supervisor) guard(what string, call func()) (ok bool) {
	defer func() {
		if reason := recover(); reason != nil {
			s.log.Error("the rate limiter panicked", zap.String("call", what), zap.String("reason", panicText(reason)))
		}
	}()
	call()
	return true
}

// up gives a new connection its bucket. What waits is admitted afresh.
func (s *supervisor) up(ctx actor.Context, m shardUp) {
	c := s.shards[m.shard]
	if c == nil {
		return
	}
	delete(s.reopen, m.shard)
	var bucket ratelimit.Bucket
	whole := 0
	if !s.guard("Connection", func() {
		bucket = s.fleet.cfg.Limiter.Connection(limiterShard(s.fleet.record(m.shard).id), m.interval)
		whole = bucket.Limit()
	}) {
		s.reopen[m.shard], s.retry = m, time.Now().Add(limiterPause)
		s.arm(ctx, s.retry)
		return
	}
	c.admission.open(m.conn, bucket, whole)
	s.drain(ctx, c)
}

// reopenDue asks again for the buckets that the limiter could not make.
func (s *supervisor) reopenDue(ctx actor.Context, now time.Time) {
	if len(s.reopen) == 0 {
		return
	}
	if now.Before(s.retry) {
		s.arm(ctx, s.retry)
		return
	}
	for _, m := range slices.Collect(maps.Values(s.reopen)) {
		s.up(ctx, m)
	}
}

// wrote has a permit count from the time of its write on.
func (s *supervisor) wrote(ctx actor.Context, m wrote) {
	if c := s.opened(m.shard, m.conn); c != nil {
		s.guard("Wrote", func() { c.admission.bucket.Wrote(m.at) })
		s.drainMore(ctx, c)
	}
}

// unwritten takes back a permit that was never written.
func (s *supervisor) unwritten(ctx actor.Context, m unwritten) {
	if c := s.opened(m.shard, m.conn); c != nil {
		s.giveBack(c)
		s.drainMore(ctx, c)
	}
}

// opened is the shard, if this is the connection whose permits are given out.
func (s *supervisor) opened(index int, conn uint64) *child {
	if c := s.shards[index]; c != nil && c.admission.bucket != nil && c.admission.conn == conn {
		return c
	}
	return nil
}

// giveBack gives a permit back that is never written.
func (s *supervisor) giveBack(c *child) {
	if bucket := c.admission.bucket; bucket != nil {
		s.guard("Return", bucket.Return)
	}
}

// drainMore is drain after a permit has become one of a known time.
func (s *supervisor) drainMore(ctx actor.Context, c *child) {
	if c.admission.depth() > 0 {
		s.drain(ctx, c)
	}
}
