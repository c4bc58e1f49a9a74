package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// token is the bot's, and a secret that nothing may show.
const token = "c2ltdWxhdGVk.canary.3f1e9c7ab2d84056"

// process is one life of the bot: a Manager with its own actors, until it is closed or killed.
type process struct {
	sim        *simulation
	number     int
	m          *shardmanager.Manager
	dispatch   *dispatcher
	dead       atomic.Bool
	cancel     context.CancelFunc // of Start
	started    chan struct{}      // Start has returned
	moving     atomic.Bool        // a shard is on its way: see move
	resharding atomic.Int32       // calls to change the number of shards
	warm       atomic.Int32       // a second generation: see warm
	pids       map[int]*actor.PID // the latest actor of each shard; -1: the supervisor. Guarded by the simulation's lock.

	// The gateway's number of each session, by shard and by the Manager's own number. Guarded by the simulation's lock.
	sessions map[[2]uint64]int
	began    map[int]int // how many sessions each shard has begun here. Guarded as well.
}

// start begins the next process.
func (sim *simulation) start() { sim.launch(false) }

// standbyText is noted of a process that begins beside another, and runs no shard until it adopts it.
const standbyText = "standby"

// launch begins the next process.
func (sim *simulation) launch(standby bool) *process {
	sim.mu.Lock()
	number := 1
	if sim.process != nil {
		number = sim.process.number + 1
	}
	p := &process{sim: sim, number: number, started: make(chan struct{}), pids: make(map[int]*actor.PID), sessions: make(map[[2]uint64]int), began: make(map[int]int)}
	sim.mu.Unlock()
	p.dispatch = newDispatcher(sim.plan.Seed, number, sim.rest)
	dial := sim.net.dialer(number)
	opts := []shardmanager.Option{
		shardmanager.WithIntents(sim.plan.Intents), shardmanager.WithAPIURL("http://" + gatewayHost + "/api/v10"),
		shardmanager.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}),
		shardmanager.WithNetDial(dial), shardmanager.WithCompression(sim.plan.Compression), shardmanager.WithSeed(sim.plan.Seed + uint64(number)),
		shardmanager.WithHooks(p), shardmanager.WithLogger(sim.logger(p)),
		shardmanager.WithDrain(2 * time.Second),
		shardmanager.WithActorProps(func(key actors.Key) []actor.PropsOption {
			index := sim.plan.numberOf(key.Shard)
			if key == (actors.Key{}) {
				index = -1
			}
			return []actor.PropsOption{
				actor.WithDispatcher(p.dispatch.of(index)), actor.WithReceiverMiddleware(p.inTurn, p.saboteur(index)),
			}
		}),
	}
	if !sim.plan.Reshards { // or as many as the gateway recommends, or the process before had
		opts = append(opts, shardmanager.WithShards(sim.plan.Shards))
	}
	begun := Record{Witness: Process, What: "start", Process: number, Shard: -1}
	if standby {
		opts, begun.Text = append(opts, shardmanager.WithStandby()), standbyText
	}
	if sim.plan.Store {
		opts = append(opts, shardmanager.WithSessionStore(&disk{p}))
	}
	m, err := shardmanager.New(token, opts...)
	if err != nil {
		sim.t.Fatal(err)
	}
	p.m = m
	shardmanager.OnRaw(m, p.handle)
	shardmanager.OnRaw(m, p.take, shardmanager.WithWorkers(4), shardmanager.WithName("workers"))
	shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, at events.Meta) {
		if e.ID == 0 {
			return // odd
		}
		p.saw("messages", events.TypeMessageCreate, strconv.Quote(e.ID.String()), at)
	})
	shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, at events.Meta) {
		if e.ID != 0 {
			p.saw("messages too", events.TypeMessageCreate, strconv.Quote(e.ID.String()), at)
		}
		if sim.plan.Slow > 0 && !sim.healed.Load() {
			time.Sleep(time.Duration(sim.chance(int64(sim.plan.Slow), "slow too", at.Shard.Index, at.Session, at.Seq)))
		}
	}, shardmanager.WithQueue(ownQueue), shardmanager.WithName("messages too"))
	shardmanager.On(m, func(_ context.Context, e *events.VoiceStateUpdate, at events.Meta) {
		if e.ChannelID != nil {
			p.saw("voices", events.TypeVoiceStateUpdate, strconv.Quote(e.ChannelID.String()), at)
		}
	})
	sim.mu.Lock()
	sim.process = p
	sim.mu.Unlock()
	sim.record(begun)
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() {
		err := m.Start(ctx)
		close(p.started)
		if err != nil && !p.dead.Load() && !errors.Is(err, shardmanager.ErrClosed) {
			sim.record(Record{Witness: Process, What: "failed", Process: number, Shard: -1, Text: err.Error()})
		}
		p.subscribe()
		if err == nil && sim.plan.Reshards {
			p.goOn()
		}
	}()
	go func() {
		<-m.Done()
		if cause := m.Err(); cause != nil && !p.dead.Load() {
			sim.record(Record{Witness: Process, What: "done", Process: number, Shard: -1, Text: cause.Error()})
		}
	}()
	return p
}

// close ends the process in order. It notes when Close has returned.
func (p *process) close(logout bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	begin := time.Now()
	p.sim.record(Record{Witness: Process, What: "closing", Process: p.number, Shard: -1})
	end := p.m.Close
	if logout {
		end = p.m.Logout
	}
	err := end(ctx)
	text := ""
	if isUnsaved(err) {
		text = unsavedText
	} else if err != nil && !ended(err) {
		text = err.Error()
	}
	p.sim.record(Record{Witness: Process, What: "closed", Process: p.number, Shard: -1, For: time.Since(begin), Text: text})
	p.bury()
}

// unsavedText is what is noted of a Close that could not save.
const unsavedText = "sessions were not saved"

func isUnsaved(err error) bool {
	var unsaved *shardmanager.UnsavedError
	return errors.As(err, &unsaved)
}

// ended reports whether a Manager has ended all the same, without what was cut off: handlers that hang, and a disk that is gone.
func ended(err error) bool {
	var cut *shardmanager.CutOffError
	return errors.As(err, &cut) && cut.Err == nil
}

// bury ends what is ours of the process.
func (p *process) bury() {
	p.cancel()
	<-p.started
	time.Sleep(time.Second)
	p.dispatch.close()
}

// kill ends the process as SIGKILL does: nothing that it still does is seen by anybody.
func (p *process) kill() {
	p.sim.record(Record{Witness: Process, What: "killed", Process: p.number, Shard: -1})
	p.dead.Store(true)
	p.sim.net.kill(p.number)
	p.sim.work.Go(func() {
		if err := p.m.Close(context.Background()); err != nil && !ended(err) {
			p.sim.t.Errorf("closing what was killed: %v", err)
		}
		p.bury()
	})
}

// chance is a number below n that only depends on the plan and on what it is for.
func (sim *simulation) chance(n int64, what ...any) int64 {
	h := fnv.New64a()
	fmt.Fprint(h, sim.plan.Seed, what)
	return int64(h.Sum64()>>1) % n
}

// handle is the handler of all events.
func (p *process) handle(_ context.Context, raw events.Raw, at events.Meta) {
	sim, shard := p.sim, p.sim.plan.numberOf(at.Shard)
	if p.dead.Load() {
		return
	}
	sim.mu.Lock()
	key := [2]uint64{at.Generation<<32 | uint64(shard), at.Session}
	if raw.Type == events.TypeReady {
		var ready struct {
			SessionID string `json:"session_id"`
		}
		_ = json.Unmarshal(raw.Data, &ready) // what cannot be read has no session
		p.sessions[key] = sim.sessions[ready.SessionID]
		p.began[shard]++
	}
	session := p.sessions[key]
	sim.mu.Unlock()
	r := Record{
		Witness: Handler, What: "enter", Process: p.number, Shard: shard, Session: session, Type: raw.Type, Seq: raw.Seq, Sum: sum(raw.Type, raw.Data),
		Who: "all", Fact: factOf(raw.Type, raw.Data),
	}
	if at.Redelivered {
		r.Text = "redelivered"
	}
	sim.record(r)
	panics := sim.plan.Panics > 0 && sim.chance(int64(sim.plan.Panics), "panic", shard, session, raw.Seq) == 0 || sim.mood("panic", shard)
	if sim.plan.Slow > 0 && !sim.healed.Load() {
		time.Sleep(time.Duration(sim.chance(int64(sim.plan.Slow), "slow", shard, session, raw.Seq)))
	}
	for sim.mood("blocked", shard) {
		time.Sleep(time.Second)
	}
	if p.dead.Load() {
		return
	}
	r.What, r.Text = "exit", ""
	sim.record(r)
	if panics {
		panic(errors.New("sim: a handler panics with " + token))
	}
}

// saw writes down which fact a handler of one type has seen.
func (p *process) saw(who string, t events.Type, key string, at events.Meta) {
	if p.dead.Load() {
		return
	}
	r := Record{Witness: Handler, What: "saw", Process: p.number, Shard: p.sim.plan.numberOf(at.Shard), Link: 1, Seq: at.Seq, Type: t, Who: who, Fact: string(t) + " " + key}
	if at.Redelivered {
		r.Text = "redelivered"
	}
	p.sim.record(r)
}

// take handles an event beside others. It is told of the guild, and takes its time.
func (p *process) take(_ context.Context, raw events.Raw, at events.Meta) {
	sim, shard, guild := p.sim, p.sim.plan.numberOf(at.Shard), events.GuildOf(&raw)
	if p.dead.Load() {
		return
	}
	r := Record{
		Witness: Handler, What: "take", Process: p.number, Shard: shard, Session: int(at.Session), Type: raw.Type, Seq: at.Seq, Guild: guild,
		Who: "workers of " + guild.String(),
	}
	sim.record(r)
	if sim.plan.Slow > 0 && !sim.healed.Load() {
		time.Sleep(time.Duration(sim.chance(int64(sim.plan.Slow), "slow worker", shard, at.Session, at.Seq)))
	}
	if p.dead.Load() {
		return
	}
	r.What = "give"
	sim.record(r)
}

// outcome is what a send event ended in, in a word.
func outcome(err error) string {
	var failed *actors.SendError
	switch {
	case err == nil:
		return "answered"
	case errors.As(err, &failed):
		return failed.Stage.String()
	}
	return "refused"
}
