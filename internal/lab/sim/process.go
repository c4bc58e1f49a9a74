package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// token is the bot's, and a secret that nothing may show.
const token = "c2ltdWxhdGVk.canary.3f1e9c7ab2d84056"

// process is one life of the bot: a Manager with its own actors, until it is closed or killed.
type process struct {
	w        *world
	number   int
	m        *shardmanager.Manager
	dispatch *dispatcher
	dead     atomic.Bool
	cancel   context.CancelFunc // of Start
	started  chan struct{}      // Start has returned

	// The gateway's number of each session, by shard and by the Manager's own number. Guarded by the world's lock.
	sessions map[[2]uint64]int
}

// start begins the next process.
func (w *world) start() {
	w.mu.Lock()
	number := 1
	if w.process != nil {
		number = w.process.number + 1
	}
	p := &process{w: w, number: number, started: make(chan struct{}), sessions: make(map[[2]uint64]int)}
	w.mu.Unlock()
	p.dispatch = newDispatcher(w.plan.Seed, number, w.rest)
	dial := w.net.dialer(number)
	opts := []shardmanager.Option{
		shardmanager.WithIntents(events.IntentsAll), shardmanager.WithAPIURL("http://" + gatewayHost + "/api/v10"),
		shardmanager.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}),
		shardmanager.WithNetDial(dial), shardmanager.WithCompression(w.plan.Compression), shardmanager.WithSeed(w.plan.Seed + uint64(number)),
		shardmanager.WithShards(w.plan.Shards), shardmanager.WithHooks(p), shardmanager.WithLogger(w.logger(p)),
		shardmanager.WithActorProps(func(index int) []actor.PropsOption {
			return []actor.PropsOption{
				actor.WithDispatcher(p.dispatch.of(index)), actor.WithReceiverMiddleware(p.saboteur(index)), actor.WithMailbox(actor.Unbounded(mailbox{w})),
			}
		}),
	}
	if w.plan.Store {
		opts = append(opts, shardmanager.WithSessionStore(&disk{p}))
	}
	m, err := shardmanager.New(token, opts...)
	if err != nil {
		w.t.Fatal(err)
	}
	p.m = m
	shardmanager.OnRaw(m, p.handle)
	shardmanager.On(m, func(_ context.Context, e *events.MessageCreate, at events.Meta) {
		if !p.dead.Load() {
			w.record(Record{Witness: Handler, What: "typed", Process: number, Shard: at.Shard.Index, Link: 1, Seq: at.Seq, Sum: crc32.ChecksumIEEE([]byte(e.Content))})
		}
	})
	w.mu.Lock()
	w.process = p
	w.mu.Unlock()
	w.record(Record{Witness: Process, What: "start", Process: number, Shard: -1})
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() {
		defer close(p.started)
		if err := m.Start(ctx); err != nil && !p.dead.Load() && !errors.Is(err, shardmanager.ErrClosed) {
			w.record(Record{Witness: Process, What: "failed", Process: number, Shard: -1, Text: err.Error()})
		}
	}()
	go func() {
		<-m.Done()
		if cause := m.Err(); cause != nil && !p.dead.Load() {
			w.record(Record{Witness: Process, What: "done", Process: number, Shard: -1, Text: cause.Error()})
		}
	}()
}

// close ends the process in order. It notes when Close has returned.
func (p *process) close(logout bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	begin := time.Now()
	p.w.record(Record{Witness: Process, What: "closing", Process: p.number, Shard: -1})
	end := p.m.Close
	if logout {
		end = p.m.Logout
	}
	err := end(ctx)
	text := ""
	if err != nil {
		text = err.Error()
	}
	p.w.record(Record{Witness: Process, What: "closed", Process: p.number, Shard: -1, For: time.Since(begin), Text: text})
	p.bury()
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
	p.w.record(Record{Witness: Process, What: "killed", Process: p.number, Shard: -1})
	p.dead.Store(true)
	p.w.net.kill(p.number)
	p.w.work.Go(func() {
		if err := p.m.Close(context.Background()); err != nil {
			p.w.t.Errorf("closing what was killed: %v", err)
		}
		p.bury()
	})
}

// chance is a number below n that only depends on the plan and on what it is for.
func (w *world) chance(n int64, what ...any) int64 {
	h := fnv.New64a()
	fmt.Fprint(h, w.plan.Seed, what)
	return int64(h.Sum64()>>1) % n
}

// handle is the handler of all events.
func (p *process) handle(_ context.Context, raw events.Raw, at events.Meta) {
	w, shard := p.w, at.Shard.Index
	if p.dead.Load() {
		return
	}
	w.mu.Lock()
	key := [2]uint64{uint64(shard), at.Session}
	if raw.Type == events.TypeReady {
		var ready struct {
			SessionID string `json:"session_id"`
		}
		_ = json.Unmarshal(raw.Data, &ready) // what cannot be read has no session
		p.sessions[key] = w.sessions[ready.SessionID]
	}
	session := p.sessions[key]
	w.mu.Unlock()
	r := Record{
		Witness: Handler, What: "enter", Process: p.number, Shard: shard, Session: session, Type: raw.Type, Seq: raw.Seq, Sum: sum(raw.Type, raw.Data),
	}
	if at.Redelivered {
		r.Text = "redelivered"
	}
	w.record(r)
	panics := w.plan.Panics > 0 && w.chance(int64(w.plan.Panics), "panic", shard, session, raw.Seq) == 0 || w.mood("panic", shard)
	if w.plan.Slow > 0 && !w.healed.Load() {
		time.Sleep(time.Duration(w.chance(int64(w.plan.Slow), "slow", shard, session, raw.Seq)))
	}
	for w.mood("blocked", shard) {
		time.Sleep(time.Second)
	}
	if p.dead.Load() {
		return
	}
	r.What, r.Text = "exit", ""
	w.record(r)
	if panics {
		panic(errors.New("sim: a handler panics with " + token))
	}
}

// OnChange is told of every move of a shard.
func (p *process) OnChange(c shardmanager.Change) {
	if p.dead.Load() {
		return
	}
	r := Record{Witness: Process, What: "state", Process: p.number, Shard: c.Shard.Index, Link: int(c.Conn), Text: c.From.String() + " " + c.To.String()}
	if c.Lost {
		r.Text += " lost"
	}
	if c.Cause != nil {
		r.Text += ": " + c.Cause.Error()
	}
	p.w.record(r)
}

// saboteur makes actors panic when the plan wants it.
func (p *process) saboteur(index int) actor.ReceiverMiddleware {
	return func(next actor.ReceiverFunc) actor.ReceiverFunc {
		return func(ctx actor.ReceiverContext, envelope *actor.MessageEnvelope) {
			switch envelope.Message.(type) {
			case actor.SystemMessage, *actor.Started, *actor.Restarting, *actor.Stopping, *actor.Stopped:
			default:
				if !p.dead.Load() && p.w.mood("crash", index) {
					panic("sim: an actor panics")
				}
			}
			next(ctx, envelope)
		}
	}
}

// disk is the store as one process sees it: what a killed one still writes goes nowhere.
type disk struct{ p *process }

func (d *disk) Load(ctx context.Context, id events.ShardID) (session.Snapshot, error) {
	s, err := d.p.w.disk.Load(ctx, id)
	if err == nil {
		w := d.p.w
		w.mu.Lock()
		d.p.sessions[[2]uint64{uint64(id.Index), 0}] = w.sessions[s.SessionID]
		r := Record{At: time.Since(w.begin), Witness: Process, What: "loaded", Process: d.p.number, Shard: id.Index, Session: w.sessions[s.SessionID], Seq: s.Seq}
		w.trace = append(w.trace, r)
		w.mu.Unlock()
	}
	return s, err
}

func (d *disk) Save(ctx context.Context, all ...session.Snapshot) error {
	if err := d.p.w.sick.ail(ctx); err != nil {
		return err
	}
	if d.p.dead.Load() {
		return errDisk
	}
	return d.p.w.disk.Save(ctx, all...)
}

func (d *disk) Delete(ctx context.Context, id events.ShardID) error {
	if err := d.p.w.sick.ail(ctx); err != nil {
		return err
	}
	if d.p.dead.Load() {
		return errDisk
	}
	return d.p.w.disk.Delete(ctx, id)
}

// LoadLedger implements ratelimit.Ledger.
func (d *disk) LoadLedger(context.Context) (ratelimit.LedgerState, error) {
	d.p.w.mu.Lock()
	defer d.p.w.mu.Unlock()
	return d.p.w.ledger, nil
}

// SaveLedger implements ratelimit.Ledger.
func (d *disk) SaveLedger(ctx context.Context, state ratelimit.LedgerState) error {
	if err := d.p.w.sick.ail(ctx); err != nil {
		return err
	}
	if d.p.dead.Load() {
		return errDisk
	}
	d.p.w.mu.Lock()
	defer d.p.w.mu.Unlock()
	d.p.w.ledger = state
	return nil
}

// logger writes what the process logs to nobody but a search for secrets.
func (w *world) logger(p *process) *zap.Logger {
	level := zapcore.InfoLevel
	if w.plan.Seed%8 == 0 {
		level = zapcore.DebugLevel
	}
	config := zap.NewProductionEncoderConfig()
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(config), zapcore.AddSync(&search{w, p}), level))
}

type search struct {
	w *world
	p *process
}

// Write implements io.Writer.
func (s *search) Write(line []byte) (int, error) {
	text := string(line)
	s.w.mu.Lock()
	secrets := append([]string{token, token[len(token)-16:]}, s.w.secrets...)
	s.w.mu.Unlock()
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			s.w.record(Record{Witness: Process, What: "leaked", Process: s.p.number, Shard: -1, Text: strings.ReplaceAll(text, secret, "SECRET")})
		}
	}
	return len(line), nil
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
