package shardmanager

import "github.com/signalbox-go/signalbox/actors"

// DeafSession is a policy for sessions whose heartbeats are acknowledged and whose events have ceased. Its zero value is the policy with
// its defaults. It is an [actors.DeafSession].
//
//	type DeafSession struct {
//		Window time.Duration // in which events are counted; 0: two minutes
//		Least  int           // events that a shard must usually have in a window to be judged; 0: 100
//		AtOnce int           // shards that are treated at the same time, at the most; 0: 3
//	}
type DeafSession = actors.DeafSession

// WithDeafSessionPolicy has a session resumed when its events cease while other shards have theirs, and given up if that does not help,
// for one Identify, within the budget. The reconnect has the cause actors.ErrDeaf, and HookDeaf is told. The default is that
// nothing is done: ShardStatus.LastEvent shows since when a shard is silent.
func WithDeafSessionPolicy(policy DeafSession) Option { return func(c *config) { c.deaf = &policy } }
