package sim

import "time"

// rolled: D-8. A rolling restart that ends well has given each shard that was live another connection. If nothing else happens, it ends well, and no more shards are away at
// once than it was told.
func (c *check) rolled() {
	for i, begin := range c.trace {
		if begin.Witness != Operator || begin.What != "rolls" {
			continue
		}
		for _, r := range c.trace[i:] {
			if r.Witness == Process && (r.What == "killed" || r.What == "closing" || r.What == "done") && r.Process == begin.Process {
				break
			}
			if r.Witness == Operator && r.What == "rolled" && r.Call == begin.Call {
				c.rolledOnce(begin, r)
				break
			}
		}
	}
}

func (c *check) rolledOnce(begin, end Record) {
	if end.Text == "" {
		for _, l := range c.order {
			if l.process == begin.Process && l.shard < warming && l.live != never && l.live < begin.At-time.Second && l.end(c.over()) > end.At+time.Second {
				c.fail("D-8 rolling restart", end.At, "all have restarted, and shard %d is on connection %d as before", l.shard, l.nth)
			}
		}
	}
	if end.Who != "" || c.touched(begin.At-5*time.Minute, end.At) {
		return
	}
	if end.Text != "" {
		c.fail("D-8 rolling restart", end.At, "it has stopped, and nothing has happened: %s", end.Text)
	}
	for _, l := range c.order {
		if l.process != begin.Process || l.ended == never || l.ended <= begin.At || l.ended > end.At {
			continue
		}
		away := 0
		for _, other := range c.order {
			if other.process == l.process && other.shard != l.shard && other.ended != never && other.ended > begin.At && other.ended <= l.ended && c.backAt(other) > l.ended {
				away++
			}
		}
		if away >= int(begin.Seq) {
			c.fail("D-8 rolling restart", l.ended, "shard %d goes while %d others are away, and %d may be at once", l.shard, away, begin.Seq)
		}
	}
}

// backAt is when the shard of a connection that has ended is live again.
func (c *check) backAt(of *link) time.Duration {
	for _, l := range c.order {
		if l.process == of.process && l.shard == of.shard && l.nth > of.nth && l.live != never {
			return l.live
		}
	}
	return c.over()
}

// touched reports whether anything but rolling restarts was done within a time.
func (c *check) touched(from, to time.Duration) bool {
	for _, f := range c.faults {
		if f.What != "inject rolling" && f.What != "inject burst" && f.What != "inject event-burst" && f.At+f.For >= from && f.At <= to {
			return true
		}
	}
	return false
}
