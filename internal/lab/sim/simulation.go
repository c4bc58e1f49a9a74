package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// simulation is one run.
type simulation struct {
	t      testing.TB
	plan   Plan
	begin  time.Time
	net    *network
	server *gatewaytest.Server
	disk   session.Store // outlives processes
	sick   sickness      // of the disk
	death  chan struct{} // a process is to die while it writes a note
	cure   chan struct{} // closed when faults have ended
	over   chan struct{} // closed when the run is about to end
	random *rand.Rand    // of the workload, for the one goroutine that makes events
	work   sync.WaitGroup
	healed atomic.Bool
	asleep chan struct{} // who holds it may wait for all others

	operator chan struct{} // who holds it may write the plan
	bursts   map[int]int   // by the number of their first call: several may begin in one millisecond

	mu       sync.Mutex
	trace    Trace
	names    map[int][3]int // process, shard and dial of the gateway's connections, by number
	sessions map[string]int // numbers by id
	moods    map[string]map[int]int
	unpaced  map[[3]int]bool // connections that were told no interval of heartbeats, by name
	process  *process
	spent    int // of the budget
	reshards int
	ledger   ratelimit.LedgerState
	turn     uint64 // of the ledger
	secrets  []string

	joins  joins
	events sync.Mutex // one thing happens after another; it guards nature
	nature nature
}

// Run carries out a plan in virtual time and returns what was seen. It must be called outside
// of a bubble.
func Run(t *testing.T, plan Plan) Trace {
	t.Helper()
	var trace Trace
	synctest.Test(t, func(t *testing.T) { trace = run(t, plan) })
	return trace
}

func run(t *testing.T, plan Plan) Trace {
	sim := &simulation{
		t: t, plan: plan, begin: time.Now(), disk: session.NewMemoryStore(), turn: 1, death: make(chan struct{}), cure: make(chan struct{}), over: make(chan struct{}),
		asleep: make(chan struct{}, 1), operator: make(chan struct{}, 1),
		random: rand.New(rand.NewPCG(plan.Seed, 0x776f726b)), names: make(map[int][3]int), sessions: make(map[string]int), joins: joins{ended: make(map[join]int)},
		moods: make(map[string]map[int]int), bursts: make(map[int]int), unpaced: make(map[[3]int]bool),
		nature: nature{
			make(map[events.Snowflake]bool), make(map[events.Snowflake]bool), make(map[events.Snowflake][]events.Snowflake), make(map[events.Snowflake][]events.Snowflake),
		},
	}
	sim.sick.cure = sim.cure
	sim.net = newNetwork(plan, sim.record)
	server, err := gatewaytest.Start(
		gatewaytest.WithListener(sim.net), gatewaytest.WithExact(), gatewaytest.WithTrace(sim.gateway), gatewaytest.WithShards(plan.Shards),
		gatewaytest.WithMaxConcurrency(plan.Concurrency), gatewaytest.WithSessionStarts(plan.Budget, plan.Budget, plan.Period),
		gatewaytest.WithHeartbeatInterval(plan.Interval), gatewaytest.WithGuilds(plan.guilds()...), gatewaytest.WithToken(token),
		gatewaytest.WithResumeURL("ws://"+resumeHost+"/resume"),
	)
	if err != nil {
		t.Fatal(err)
	}
	sim.server = server
	server.OnFrame(sim.intercept)
	server.OnConnect(sim.greet)
	server.OnDiscovery(sim.discovery)
	sim.start()
	sim.work.Go(sim.makeEvents)
	sim.work.Go(sim.lookOn)
	for shard := range plan.Shards {
		for caller := range plan.Callers {
			sim.work.Go(func() { sim.call(shard, caller) })
		}
	}
	for _, f := range plan.Faults {
		time.Sleep(time.Until(sim.begin.Add(f.At)))
		sim.rest()
		sim.inject(f)
	}
	time.Sleep(time.Until(sim.begin.Add(plan.Length)))
	sim.heal()
	sim.settle()
	sim.end()
	server.Close()
	sim.net.each((*pair).reset)
	time.Sleep(time.Minute)
	sim.rest()
	for _, v := range server.Violations() {
		name := sim.nameOf(v.Conn) // whose it is is told by the connection: the gateway knows no shard before Identify and Resume
		sim.record(Record{Witness: Gateway, What: "violation", Process: name[0], Shard: name[1], Link: name[2], Text: v.String()})
	}
	sim.mu.Lock()
	defer sim.mu.Unlock()
	sim.trace.sort()
	return sim.trace
}

// rest returns when all else waits for time to pass.
func (sim *simulation) rest() {
	sim.asleep <- struct{}{}
	synctest.Wait()
	<-sim.asleep
}

// settle gives what was healed time to come back to life, and waits until every handler is
// done and every caller has heard.
func (sim *simulation) settle() {
	limit := time.Now().Add(sim.recovery())
	for time.Now().Before(limit) && !sim.alive() {
		time.Sleep(time.Second)
		sim.rest()
	}
	if p := sim.current(); p.resharding.Load() > 0 && !p.ended() { // and nothing would end
		progress, _ := p.m.Resharding()
		sim.record(Record{Witness: Operator, What: p.unfinished(progress), Process: p.number, Shard: -1, Text: fmt.Sprintf("%+v", progress)})
		p.close(false)
		sim.start()
	}
	sim.record(Record{Witness: Process, What: "settled", Shard: -1, Total: sim.current().m.Status().Total, Text: fmt.Sprint(sim.alive())})
	time.Sleep(3*sim.plan.Interval + 90*time.Second) // so that silence and beats can be judged
	sim.rest()
	close(sim.over)
	sim.work.Wait()
	time.Sleep(5 * time.Second) // answers, and the events of the last moment
	sim.rest()
}

// recovery is how long everything may take to be well again: a budget of which much is spent is
// spread over the rest of its period.
func (sim *simulation) recovery() time.Duration {
	limit := 12 * time.Minute
	if sim.plan.Period < time.Hour {
		limit += sim.plan.Period
	}
	return limit
}

func (sim *simulation) alive() bool {
	sim.mu.Lock()
	p := sim.process
	sim.mu.Unlock()
	select {
	case <-p.m.Done():
		return true // for good, and the checker knows whether it had to
	default:
	}
	if sim.plan.Reshards {
		return p.whole()
	}
	for shard := range sim.plan.Shards {
		status, started := p.m.Shard(shard).Status()
		ended := status.State == session.Closed && status.Cause != nil && !errors.Is(status.Cause, actors.ErrClosed)
		if !started || !ended && !sim.script(shard).Live() {
			return false
		}
	}
	return true
}

// end closes the last process in the way that a bot ends.
func (sim *simulation) end() {
	sim.mu.Lock()
	p := sim.process
	sim.mu.Unlock()
	p.close(false)
}

// nameOf is the process, the shard and the dial of one of the gateway's connections.
func (sim *simulation) nameOf(conn int) [3]int {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	return sim.names[conn]
}

// record adds to the trace.
func (sim *simulation) record(r Record) {
	r.At = time.Since(sim.begin)
	sim.mu.Lock()
	defer sim.mu.Unlock()
	sim.trace = append(sim.trace, r)
}

// gateway takes what the gateway has seen. The gateway's lock is held.
func (sim *simulation) gateway(e gatewaytest.Entry) {
	r := Record{Witness: Gateway, What: string(e.Kind), Shard: sim.plan.numberOf(e.Shard), Total: e.Shard.Total, Session: e.Session, Op: e.Op, Type: e.Type, Seq: e.Seq, Code: e.Code}
	sim.mu.Lock()
	defer sim.mu.Unlock()
	if e.Kind == gatewaytest.Opened {
		var name [3]int
		if _, err := fmt.Sscanf(e.Remote, "p%d.s%d.n%d", &name[0], &name[1], &name[2]); err != nil {
			sim.t.Errorf("address %q: %v", e.Remote, err)
		}
		sim.names[e.Conn] = name
	}
	if e.Conn != 0 {
		r.Process, r.Shard, r.Link = sim.names[e.Conn][0], sim.names[e.Conn][1], sim.names[e.Conn][2]
	} else if e.Session == 0 {
		r.Shard = -1
	}
	switch e.Kind {
	case gatewaytest.Received:
		r.Text = mark(e.Op, e.Data)
		if e.Op == events.OpHeartbeat {
			_ = json.Unmarshal(e.Data, &r.Seq) // null is 0, and so is what the gateway punishes
		}
		if e.Op == events.OpIdentify || e.Op == events.OpResume {
			if e.Op == events.OpIdentify {
				sim.spent++
			}
			r.Text = sim.resuming(e)
		}
	case gatewaytest.Sent:
		r.Text = string(e.Data[:min(len(e.Data), 64)])
	case gatewaytest.Dispatched:
		r.Sum, r.Fact = sum(e.Type, e.Data), factOf(e.Type, e.Data)
	case gatewaytest.Happened:
		r.Guild, r.Fact = e.Guild, factOf(e.Type, e.Data)
	case gatewaytest.Began:
		sim.sessions[string(e.Data)] = e.Session
		sim.secrets = append(sim.secrets, string(e.Data))
	}
	r.At = e.At.Sub(sim.begin)
	sim.trace = append(sim.trace, r)
}

// resuming tells which session a Resume names, and its sequence; or which shard an Identify.
func (sim *simulation) resuming(e gatewaytest.Entry) string {
	var d struct {
		SessionID string `json:"session_id"`
		Seq       int64  `json:"seq"`
		Shard     [2]int `json:"shard"`
		Token     string `json:"token"`
	}
	if err := json.Unmarshal(e.Data, &d); err != nil || d.Token != token {
		return "unreadable"
	}
	if e.Op == events.OpIdentify {
		return fmt.Sprintf("identify %d/%d", d.Shard[0], d.Shard[1])
	}
	return fmt.Sprintf(resumeText, sim.sessions[d.SessionID], d.Seq)
}

// sum is a checksum of an event's data, in which a session's random id does not count.
func sum(t events.Type, data []byte) uint32 {
	if t == events.TypeReady {
		return 1
	}
	return crc32.ChecksumIEEE(data)
}

// mark is what tells a caller's frame from all others, if it has something.
func mark(op events.Opcode, data []byte) string {
	var d struct {
		UserIDs    []string                `json:"user_ids"`
		ChannelID  *string                 `json:"channel_id"`
		Activities []struct{ Name string } `json:"activities"`
		Status     string                  `json:"status"`
	}
	if json.Unmarshal(data, &d) != nil {
		return ""
	}
	switch {
	case op == events.OpRequestGuildMembers && len(d.UserIDs) > 0:
		return d.UserIDs[0]
	case op == events.OpVoiceStateUpdate && d.ChannelID != nil:
		return *d.ChannelID
	case op == events.OpPresenceUpdate && len(d.Activities) > 0:
		return d.Activities[0].Name
	}
	return ""
}
