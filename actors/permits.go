package actors

import (
	"time"

	"github.com/signalbox-go/signalbox/session"
)

// permits are how many send events a connection takes at once, as the supervisor has last counted them. The zero value has none.
type permits struct {
	conn  uint64
	left  int
	limit int       // of left
	whole time.Time // when all are there again; zero: nobody can say
}

// of is how many there are for a shard, now.
func (p *permits) of(s *ShardStatus) int {
	if s.State != session.Ready || s.Conn != p.conn {
		return 0 // they are of another connection
	}
	if p.left < p.limit && !p.whole.IsZero() && !time.Now().Before(p.whole) {
		return p.limit
	}
	return min(max(p.left, 0), p.limit) // a bucket of somebody else's may be imprecise
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
