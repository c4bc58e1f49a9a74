package metrics

import (
	"maps"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// teller sends gauges to whoever collects.
type teller chan<- prometheus.Metric

func (t teller) gauge(d *prometheus.Desc, value float64, labels ...string) {
	t <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (t teller) number(d *prometheus.Desc, n int, labels ...string) {
	t.gauge(d, float64(n), labels...)
}

// age tells how long ago something was, or nothing if it never was.
func (t teller) age(d *prometheus.Desc, now, since time.Time, labels ...string) {
	if !since.IsZero() {
		t.gauge(d, max(now.Sub(since), 0).Seconds(), labels...)
	}
}

// moment tells when something is, or nothing if that is not known.
func (t teller) moment(d *prometheus.Desc, at time.Time) {
	if !at.IsZero() {
		t.gauge(d, float64(at.UnixMilli())/1000)
	}
}

func (t teller) flag(d *prometheus.Desc, on bool, labels ...string) {
	value := 0.
	if on {
		value = 1
	}
	t.gauge(d, value, labels...)
}

// tell tells what was read.
func (g *gauges) tell(ch chan<- prometheus.Metric, r *reading, perShard bool) {
	t := teller(ch)
	t.flag(g.running, r.running)
	ch <- prometheus.MustNewConstMetric(g.oddFrames, prometheus.CounterValue, r.odd)
	ch <- prometheus.MustNewConstMetric(g.hooksMissed, prometheus.CounterValue, r.missed)
	if !r.running {
		return
	}
	g.tellShards(t, r)
	g.tellQueues(t, r)
	g.tellBudget(t, r)
	g.tellForecasts(t, r)
	g.tellStore(t, r)
	g.tellReshard(t, r)
	if perShard {
		for i := range r.status.Shards {
			g.shard.tell(t, r, &r.status.Shards[i])
		}
	}
}

// wanted reports whether a shard is to run, and to serve.
func wanted(s *shardmanager.ShardStatus) bool {
	return s.Mode == actors.Run && s.Role == actors.Serving
}

func (g *gauges) tellShards(t teller, r *reading) {
	type place struct {
		state session.State
		role  actors.Role
	}
	count := make(map[place]int)
	trouble := make(map[string]int)
	var want, ended, guilds, most, waiting, sharing, frames int
	permits := -1
	var newest, oldest, beat, longest time.Time
	for i := range r.status.Shards {
		s := &r.status.Shards[i]
		count[place{s.State, s.Role}]++
		waiting, sharing, frames = waiting+s.Waiting, sharing+s.Sharing, frames+s.Frames
		if s.State == session.Ready {
			beat = earlier(beat, beaten(s))
		}
		if s.Role != actors.Serving {
			continue
		}
		guilds, most = guilds+s.Guilds, max(most, s.Guilds)
		if s.LastEvent.After(newest) {
			newest = s.LastEvent
		}
		if s.State == session.Ready {
			oldest = earlier(oldest, s.LastEvent)
			if permits < 0 || s.Permits < permits {
				permits = s.Permits
			}
		}
		if !wanted(s) {
			continue
		}
		want++
		if s.Ended() {
			ended++
		}
		if s.Cause != nil {
			trouble[causeKind(s.Cause)]++
		}
		longest = earlier(longest, awaySince(s))
	}
	for state, name := range stateNames {
		for _, role := range roles {
			t.number(g.shards, count[place{state, role}], name, role.String())
		}
	}
	for cause, n := range trouble {
		t.number(g.trouble, n, cause)
	}
	t.number(g.fleet, r.status.Total)
	t.number(g.wanted, want)
	t.number(g.ended, ended)
	t.number(g.guilds, guilds)
	t.number(g.mostGuilds, most)
	t.number(g.leftOut, bits.OnesCount64(uint64(r.status.LeftOut)))
	t.number(g.sendsWaiting, waiting)
	t.number(g.sendsSharing, sharing)
	if permits >= 0 {
		t.number(g.permitsMin, permits)
	}
	t.number(g.framesWaiting, frames)
	if longest.IsZero() {
		longest = r.at
	}
	t.age(g.longest, r.at, longest)
	t.age(g.frameAge, r.at, r.frame)
	t.age(g.newestEvent, r.at, newest)
	t.age(g.oldestEvent, r.at, oldest)
	t.age(g.oldestBeat, r.at, beat)
}

// earlier is the earlier of two times, of which a zero one does not count.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// beaten is when a heartbeat of a Ready shard was acknowledged, or it became Ready: what was before that was another connection's.
func beaten(s *shardmanager.ShardStatus) time.Time {
	if s.LatencyAt.After(s.Since) {
		return s.LatencyAt
	}
	return s.Since
}

// ofShards are the names of the queues that every shard has, whose depths have metrics of their own.
var ofShards = []string{"sends", "shared", "frames"}

func (g *gauges) tellQueues(t teller, r *reading) {
	depth, fullest := make(map[string]int), make(map[string]float64)
	for i := range r.queues {
		q := &r.queues[i]
		name := q.Name
		if slices.Contains(ofShards, name) {
			continue
		}
		if _, known := depth[name]; !known && len(depth) >= mostNames {
			name = otherName
		}
		depth[name] += q.Depth
		fullest[name] = max(fullest[name], float64(q.Depth)/float64(max(q.Limit, 1)))
	}
	for _, name := range slices.Sorted(maps.Keys(depth)) {
		t.number(g.handlerDepth, depth[name], printable(name))
		t.gauge(g.handlerFullest, fullest[name], printable(name))
	}
}

func (g *gauges) tellBudget(t teller, r *reading) {
	b := &r.budget
	if !b.Known {
		return
	}
	t.number(g.budget, b.Total)
	t.number(g.remaining, b.Remaining)
	t.number(g.reserve, b.Reserve)
	t.number(g.spare, b.Spare)
	t.number(g.spent, b.Spent)
	t.number(g.concurrency, b.MaxConcurrency)
	t.number(g.identifyWaiting, b.Waiting)
	t.moment(g.reset, b.ResetAt)
	t.moment(g.next, b.Next)
}

func (g *gauges) tellStore(t teller, r *reading) {
	p := &r.persistence
	t.age(g.storeLag, r.at, p.SavedAt)
	t.number(g.storeFailures, p.Failures)
	t.number(g.fenced, p.Fenced)
	t.flag(g.ledger, p.Ledger != nil)
}

// reshardIsOn reports whether two sets of shards run here: what is known of the latest reshard stays when it has ended.
func reshardIsOn(r *reading) bool {
	return r.resharding && r.reshard.Phase != shardmanager.ReshardDone && r.reshard.Err == nil
}

func (g *gauges) tellReshard(t teller, r *reading) {
	if !reshardIsOn(r) {
		return
	}
	p := &r.reshard
	for phase := shardmanager.ReshardWarming; phase < shardmanager.ReshardDone; phase++ {
		t.flag(g.reshardPhase, p.Phase == phase, strings.ReplaceAll(phase.String(), " ", "_"))
	}
	t.gauge(g.reshardWarm, float64(p.Warm)/float64(max(p.To, 1)))
	for _, stage := range []struct {
		name   string
		guilds int
	}{{"told", p.Guilds}, {"compared", p.Compared}, {"cut", p.Cut}, {"flagged", p.Flagged}, {"disordered", p.Disordered}} {
		t.number(g.reshardGuilds, stage.guilds, stage.name)
	}
	t.number(g.reshardKept, p.Kept)
	t.number(g.reshardExtra, p.Extra)
	t.age(g.reshardAge, r.at, p.Began)
	t.gauge(g.reshardLeft, p.Left.Seconds())
}

// perShard are the metrics of each shard.
type perShard struct {
	ready, guilds, latency, beatAge, eventAge, unready, connections, sends, frameAge, permits *prometheus.Desc
}

func newPerShard(t *table) (s perShard) {
	s.ready = t.ofShard("shard_ready", "1 if the shard is Ready, or else 0.", whileRuns)
	s.unready = t.ofShard("shard_unready_seconds", "For how long the shard is not Ready.", whileRuns+" and the shard is to be Ready, and is not")
	s.guilds = t.ofShard("shard_guilds", "Guilds of the shard.", whileRuns)
	s.latency = t.ofShard("shard_latency_seconds", "How long the latest heartbeat's acknowledgement took.", "while the shard is Ready, and it was measured on this connection, in the last two intervals of heartbeats")
	s.beatAge = t.ofShard("shard_heartbeat_age_seconds", "Since when no heartbeat of the shard was acknowledged, or since it is Ready.", "while the shard is Ready")
	s.eventAge = t.ofShard("shard_event_age_seconds", "Since when no event came.", "while the shard is Ready")
	s.frameAge = t.ofShard("shard_frame_age_seconds", "Since when nothing was read for the shard, not even an ACK of a heartbeat.", whileRuns+" and something was read")
	s.connections = t.ofShard("shard_connections", "The number of the shard's latest connection: one more for each dial.", whileRuns)
	s.sends = t.ofShard("shard_sends_waiting", "Send events that wait for a permit.", whileRuns)
	s.permits = t.ofShard("shard_send_permits", "Send events that the shard's connection takes at once, by the latest that went; there may be more.", "while the shard is Ready")
	return s
}

func (s *perShard) tell(t teller, r *reading, status *shardmanager.ShardStatus) {
	name := status.Key().String()
	ready := status.State == session.Ready
	t.flag(s.ready, ready, name)
	t.age(s.unready, r.at, awaySince(status), name)
	t.number(s.guilds, status.Guilds, name)
	t.gauge(s.connections, float64(status.Conn), name)
	t.number(s.sends, status.Waiting, name)
	t.age(s.frameAge, r.at, status.LastFrame, name)
	if !ready {
		return
	}
	t.number(s.permits, status.Permits, name)
	t.age(s.beatAge, r.at, beaten(status), name)
	t.age(s.eventAge, r.at, status.LastEvent, name)
	if at := status.LatencyAt; at.After(status.Dialled) && r.at.Sub(at) <= 2*status.HeartbeatInterval() {
		t.gauge(s.latency, status.Latency.Seconds(), name)
	}
}
