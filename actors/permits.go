package actors

import (
	"math"
	"time"

	"github.com/signalbox-go/signalbox/session"
)

// permits are how many send events a connection takes at once, as the supervisor has last counted them. The zero value has none.
type permits struct {
	conn  uint64
	left  int32
	limit int32     // of left
	whole time.Time // when all are there again; zero: nobody can say
}

// of is how many there are for a shard, now.
func (p *permits) of(s *ShardStatus) int {
	if s.State != session.Ready || s.Conn != p.conn {
		return 0 // they are of another connection
	}
	if p.left < p.limit && !p.whole.IsZero() && !time.Now().Before(p.whole) {
		return int(p.limit)
	}
	return int(min(max(p.left, 0), p.limit)) // a bucket of somebody else's may be imprecise
}

// permits shows how many send events the shard's connection takes at once.
func (c *child) permits(now time.Time) {
	bucket, ok := c.account.bucket.(*guarded)
	if !ok {
		return // there is no connection, and what is shown is of none
	}
	p := bucket.standing(now)
	p.conn = c.account.conn
	c.record.mu.Lock()
	defer c.record.mu.Unlock()
	c.record.permits = p
}

// clamp is a count of somebody else's, in 32 bits.
func clamp(n int) int { return min(max(n, math.MinInt32), math.MaxInt32) }
