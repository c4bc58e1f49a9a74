package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// world is one run.
type world struct {
	t      testing.TB
	plan   Plan
	begin  time.Time
	net    *network
	server *gatewaytest.Server
	disk   session.Store // outlives processes
	sick   sickness      // of the disk
	over   chan struct{} // closed when faults have ended
	random *rand.Rand    // of the workload, for the one goroutine that makes events
	work   sync.WaitGroup
	healed atomic.Bool
	asleep chan struct{} // who holds it may wait for all others

	mu       sync.Mutex
	trace    Trace
	names    map[int][3]int // process, shard and dial of the gateway's connections, by number
	sessions map[string]int // numbers by id
	moods    map[string]map[int]int
	process  *process
	spent    int // of the budget
	ledger   ratelimit.LedgerState
	secrets  []string
}

// sickness is how the disk fails, until times.
type sickness struct {
	mu          sync.Mutex
	slow, fails time.Time
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
	w := &world{
		t: t, plan: plan, begin: time.Now(), disk: session.NewMemoryStore(), over: make(chan struct{}), asleep: make(chan struct{}, 1),
		random: rand.New(rand.NewPCG(plan.Seed, 0x776f726b)), names: make(map[int][3]int), sessions: make(map[string]int),
		moods: make(map[string]map[int]int),
	}
	w.net = newNetwork(plan, w.record)
	server, err := gatewaytest.Start(
		gatewaytest.WithListener(w.net), gatewaytest.WithTrace(w.gateway), gatewaytest.WithShards(plan.Shards),
		gatewaytest.WithMaxConcurrency(plan.Concurrency), gatewaytest.WithSessionStarts(plan.Budget, plan.Budget, plan.Period),
		gatewaytest.WithHeartbeatInterval(plan.Interval), gatewaytest.WithGuildsPerShard(plan.Guilds), gatewaytest.WithToken(token),
	)
	if err != nil {
		t.Fatal(err)
	}
	w.server = server
	server.OnFrame(w.intercept)
	server.OnConnect(w.greet)
	server.OnDiscovery(w.discovery)
	w.start()
	w.work.Go(w.makeEvents)
	for shard := range plan.Shards {
		for caller := range plan.Callers {
			w.work.Go(func() { w.call(shard, caller) })
		}
	}
	for _, f := range plan.Faults {
		time.Sleep(time.Until(w.begin.Add(f.At)))
		w.rest()
		w.inject(f)
	}
	time.Sleep(time.Until(w.begin.Add(plan.Length)))
	w.heal()
	w.settle()
	w.end()
	server.Close()
	w.net.each((*pair).reset)
	time.Sleep(time.Minute)
	w.rest()
	for _, v := range server.Violations() {
		w.record(Record{Witness: Gateway, What: "violation", Shard: v.Shard.Index, Text: v.String()})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trace.sort()
	return w.trace
}

// rest returns when all else waits for time to pass.
func (w *world) rest() {
	w.asleep <- struct{}{}
	synctest.Wait()
	<-w.asleep
}

// settle gives the healed world time to come back to life, and waits until every handler is
// done and every caller has heard.
func (w *world) settle() {
	limit := time.Now().Add(w.recovery())
	for time.Now().Before(limit) && !w.alive() {
		time.Sleep(time.Second)
		w.rest()
	}
	w.record(Record{Witness: Process, What: "settled", Shard: -1, Text: fmt.Sprint(w.alive())})
	time.Sleep(3*w.plan.Interval + 90*time.Second) // so that silence and beats can be judged
	w.rest()
	close(w.over)
	w.work.Wait()
	time.Sleep(5 * time.Second) // answers, and the events of the last moment
	w.rest()
}

// recovery is how long everything may take to be well again: a budget of which much is spent is
// spread over the rest of its period.
func (w *world) recovery() time.Duration {
	limit := 12 * time.Minute
	if w.plan.Period < time.Hour {
		limit += w.plan.Period
	}
	return limit
}

func (w *world) alive() bool {
	w.mu.Lock()
	p := w.process
	w.mu.Unlock()
	select {
	case <-p.m.Done():
		return true // for good, and the checker knows whether it had to
	default:
	}
	for shard := range w.plan.Shards {
		status, started := p.m.Shard(shard).Status()
		if !started || status.State != session.Closed && !w.server.Shard(shard).Live() {
			return false
		}
	}
	return true
}

// end closes the last process in the way that a bot ends.
func (w *world) end() {
	w.mu.Lock()
	p := w.process
	w.mu.Unlock()
	p.close(false)
}

// record adds to the trace.
func (w *world) record(r Record) {
	r.At = time.Since(w.begin)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trace = append(w.trace, r)
}

// gateway takes what the gateway has seen. The gateway's lock is held.
func (w *world) gateway(e gatewaytest.Entry) {
	r := Record{Witness: Gateway, What: string(e.Kind), Shard: e.Shard.Index, Session: e.Session, Op: e.Op, Type: e.Type, Seq: e.Seq, Code: e.Code}
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Kind == gatewaytest.Opened {
		var name [3]int
		if _, err := fmt.Sscanf(e.Remote, "p%d.s%d.n%d", &name[0], &name[1], &name[2]); err != nil {
			w.t.Errorf("address %q: %v", e.Remote, err)
		}
		w.names[e.Conn] = name
	}
	if e.Conn != 0 {
		r.Process, r.Shard, r.Link = w.names[e.Conn][0], w.names[e.Conn][1], w.names[e.Conn][2]
	} else if e.Session == 0 {
		r.Shard = -1
	}
	switch e.Kind {
	case gatewaytest.Received:
		r.Text = mark(e.Op, e.Data)
		if e.Op == events.OpIdentify || e.Op == events.OpResume {
			if e.Op == events.OpIdentify {
				w.spent++
			}
			r.Text = w.resuming(e)
		}
	case gatewaytest.Sent:
		r.Text = string(e.Data[:min(len(e.Data), 64)])
	case gatewaytest.Dispatched:
		r.Sum = sum(e.Type, e.Data)
	case gatewaytest.Began:
		w.sessions[string(e.Data)] = e.Session
		w.secrets = append(w.secrets, string(e.Data))
	}
	r.At = e.At.Sub(w.begin)
	w.trace = append(w.trace, r)
}

// resuming tells which session a Resume names, and its sequence; or which shard an Identify.
func (w *world) resuming(e gatewaytest.Entry) string {
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
	return fmt.Sprintf("resume %d after %d", w.sessions[d.SessionID], d.Seq)
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

// mood reports whether something was planned for a shard, and counts it down.
func (w *world) mood(kind string, shard int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := w.moods[kind][shard]
	if left == 0 {
		return false
	}
	w.moods[kind][shard] = left - 1
	w.trace = append(w.trace, Record{At: time.Since(w.begin), Witness: Fault, What: kind, Shard: shard})
	return true
}

func (w *world) plot(kind string, shard, times int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.moods[kind] == nil {
		w.moods[kind] = make(map[int]int)
	}
	w.moods[kind][shard] = times
}

// greet is called for every connection, before Hello.
func (w *world) greet(conn int) (silent bool) {
	w.mu.Lock()
	shard := w.names[conn][1]
	w.mu.Unlock()
	send := func(text string) { w.server.SendTo(conn, []byte(text)) }
	switch {
	case w.mood("no-hello", shard):
	case w.mood("bad-hello", shard):
		send([]string{`{"op":10,"d":{"heartbeat_interval":0}}`, `{"op":10,"d":{"heartbeat_interval":"41250"}}`, `{"op":10,"d":null}`, `{"op":10,"d":{"heartbeat_interval":-5}}`}[conn%4])
	case w.mood("op7-first", shard):
		send(`{"op":7,"d":null}`)
	case w.mood("op9-first", shard):
		send(`{"op":9,"d":` + strconv.FormatBool(conn%2 == 0) + `}`)
	case w.mood("two-hellos", shard):
		send(fmt.Sprintf(`{"op":10,"d":{"heartbeat_interval":%d}}`, w.plan.Interval.Milliseconds()))
		return false
	default:
		return false
	}
	return true
}

// intercept looks at every payload before the gateway does.
func (w *world) intercept(f gatewaytest.Frame) (handled bool) {
	shard := f.Shard.Index
	if f.Op == events.OpIdentify || f.Op == events.OpResume {
		w.mu.Lock()
		shard = w.names[f.Conn][1]
		w.mu.Unlock()
	}
	switch {
	case f.Op == events.OpIdentify && w.mood("reject", shard):
		w.server.SendTo(f.Conn, []byte(`{"op":9,"d":false}`))
		return true
	case f.Op == events.OpIdentify:
		return w.mood("no-ready", shard)
	case f.Op == events.OpResume && w.mood("no-resumed", shard):
		return true
	case f.Op == events.OpResume && w.mood("op9-resume", shard):
		w.server.SendTo(f.Conn, []byte(`{"op":9,"d":true}`))
		return true
	case f.Op == events.OpResume && w.mood("close-resume", shard):
		w.net.each(func(p *pair) {
			w.mu.Lock()
			name := w.names[f.Conn]
			w.mu.Unlock()
			if [3]int{p.process, p.shard, p.nth} == name {
				p.reset()
			}
		})
		return true
	}
	return false
}

// discovery answers GET /gateway/bot while it is sick.
func (w *world) discovery(rw http.ResponseWriter) (handled bool) {
	switch {
	case w.mood("api-500", 0):
		rw.WriteHeader(http.StatusBadGateway)
		_, _ = rw.Write([]byte("<html>" + strings.Repeat("x", 1000)))
	case w.mood("api-429", 0):
		rw.Header().Set("Retry-After", "7")
		rw.WriteHeader(http.StatusTooManyRequests)
	case w.mood("api-garbage", 0):
		_, _ = rw.Write([]byte(`{"url":"wss://gateway.disc`))
	default:
		return false
	}
	return true
}

// errDisk is what a disk that fails answers.
var errDisk = errors.New("sim: the disk fails")

// ail waits or fails as the disk does now.
func (s *sickness) ail(ctx context.Context) error {
	s.mu.Lock()
	slow, fails := s.slow, s.fails
	s.mu.Unlock()
	if wait := time.Until(slow); wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if time.Now().Before(fails) {
		return errDisk
	}
	return nil
}
