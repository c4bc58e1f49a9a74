package actors

import (
	"container/heap"
	"fmt"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
)

// supervisor admits send events onto the connections of its shards, and keeps their actors.
type supervisor struct {
	fleet   *Fleet
	log     *zap.Logger
	self    *actor.PID
	shards  map[int]*child
	byPID   map[string]int
	full    map[events.Snowflake]time.Time // guild → when its whole member list may be asked for again
	shared  map[shareKey]*shared
	carried map[uint64]*shared // by the id of the request that the supervisor makes
	plans   plans
	reopen  map[int]shardUp // connections for which the limiter could not make a bucket
	retry   time.Time       // when it is asked again
	timer   *time.Timer     // one, for the earliest of them
	armed   time.Time
}

// child is what the supervisor keeps of one shard.
type child struct {
	index     int
	pid       *actor.PID
	admission admission
	planned   time.Time   // when the admission is looked at; zero: it need not be
	crashes   []time.Time // recent ones
	final     error       // not nil: the shard is Closed
}

func newSupervisor(f *Fleet) *supervisor {
	return &supervisor{
		fleet: f, log: f.log, shards: make(map[int]*child), byPID: make(map[string]int),
		full: make(map[events.Snowflake]time.Time), shared: make(map[shareKey]*shared), carried: make(map[uint64]*shared),
		reopen: make(map[int]shardUp),
	}
}

// Receive handles one message. It never waits.
func (s *supervisor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *request:
		s.admit(ctx, m)
	case readmit:
		if m.request.event.Full {
			delete(s.full, m.request.event.Guild) // it was not asked for after all
		}
		if c := s.shards[m.request.Shard]; c != nil && m.conn == c.admission.conn {
			c.admission.hold(m.at, m.round)
			s.giveBack(c)
		}
		s.forward(ctx, m.request)
	case wrote:
		s.wrote(ctx, m)
	case unwritten:
		s.unwritten(ctx, m)
	case askIdentify:
		s.askIdentify(ctx, m)
	case withdrawIdentify:
		s.withdrawIdentify(ctx, m)
	case identified:
		s.identified(ctx, m)
	case identifyNews:
		s.decide(ctx)
	case shardCrashed:
		s.endIdentify(ctx, m.shard, m.conn)
	case UpdateSessionStart:
		s.updateSessionStart(ctx, m.SessionStart)
	case *UpdateSessionStart:
		s.updateSessionStart(ctx, m.SessionStart)
	case *EventSent:
		s.settleShared(ctx, m.ID, events.Answer{Receipt: events.Receipt{Shard: m.Shard, Queued: m.Queued, RoundTrip: m.RoundTrip}, Events: m.Answer}, nil)
	case *SendFailed:
		s.settleShared(ctx, m.ID, events.Answer{Events: m.Answer}, m.Err)
	case SendEvent:
		s.ask(ctx, m)
	case *SendEvent:
		s.ask(ctx, *m)
	case recovered:
		s.catchUp(ctx, m)
	case admitTick:
		s.armed = time.Time{}
		s.admitDue(ctx)
	case shardUp:
		s.up(ctx, m)
	case shardDown:
		s.down(m) //seam:other-shards-untouched
	case StartShards:
		s.start(ctx, m)
	case *StartShards:
		s.start(ctx, *m)
	case StopShards:
		s.stop(ctx, m)
	case *StopShards:
		s.stop(ctx, *m)
	case RestartShard:
		s.restart(ctx, m.Shard)
	case CrashShard:
		s.tell(ctx, m.Shard, crash{})
	case GetStatus, *GetStatus:
		respond(ctx, s.fleet.Status())
	case Subscribe:
		s.subscribe(ctx, m)
	case *Subscribe:
		s.subscribe(ctx, *m)
	case *actor.Started:
		s.self = ctx.Self()
		s.recover(ctx)
	case *actor.Terminated:
		s.terminated(ctx, m.Who)
	case *actor.Restarting:
		s.close()
	case *actor.Stopping:
		s.close()
		s.closeIdentify(ctx)
	}
}

// ask makes a request of an actor's message.
func (s *supervisor) ask(ctx actor.Context, m SendEvent) {
	r := &request{SendEvent: m, system: ctx.ActorSystem(), asker: ctx.Sender(), asked: time.Now()}
	event, err := events.ParseRequest(m.Op, m.Data)
	if err == nil {
		err = s.fleet.prepare(r, event)
	}
	if err != nil {
		r.fail(Refused, err, events.Answer{})
		return
	}
	s.admit(ctx, r)
}

// admit takes a request in: it joins one under way that is the same, or is forwarded.
func (s *supervisor) admit(ctx actor.Context, r *request) {
	if !s.join(ctx, r) {
		s.forward(ctx, r)
	}
}

// forward forwards a request if it may go, and else lets it wait.
func (s *supervisor) forward(ctx actor.Context, r *request) {
	c := s.shards[r.Shard]
	switch {
	case c == nil:
		r.fail(Refused, ErrUnknownShard, events.Answer{})
	case c.final != nil:
		r.fail(Refused, c.final, events.Answer{})
	case r.expired(time.Now(), Queued):
	default:
		superseded, err := c.admission.add(r)
		if superseded != nil {
			superseded.fail(Queued, ErrSuperseded, events.Answer{})
		}
		if err != nil {
			r.fail(Refused, err, events.Answer{})
			return
		}
		s.drain(ctx, c)
	}
}

// drain forwards all that may go now, and sees to it that the rest is looked at in time.
func (s *supervisor) drain(ctx actor.Context, c *child) {
	now := time.Now()
	for r := c.admission.next(now); r != nil; r = c.admission.next(now) {
		if !s.wanted(r) || s.limited(now, r) {
			s.giveBack(c)
			continue
		}
		ctx.Send(c.pid, admitted{r, c.admission.conn, c.admission.whole, c.admission.round})
	}
	if fault := c.admission.fault; fault != nil {
		c.admission.fault = nil
		s.log.Error("the rate limiter panicked", zap.String("call", "Take"), zap.Int("shard", c.index), zap.String("reason", panicText(fault)))
	}
	s.fleet.record(c.index).waits.Store(int64(c.admission.depth()))
	if wake := c.admission.wake; !wake.Equal(c.planned) {
		if c.planned = wake; !wake.IsZero() {
			heap.Push(&s.plans, plan{wake, c.index})
		}
	}
	s.arm(ctx, c.planned)
}

// limited refuses a whole member list that the gateway would not send.
//
// Source: events/gateway-events#request-guild-members
func (s *supervisor) limited(now time.Time, r *request) bool {
	if !r.event.Full {
		return false
	}
	if next := s.full[r.event.Guild]; now.Before(next) {
		r.fail(Queued, &events.RateLimitedError{Opcode: r.Op, GuildID: r.event.Guild, RetryAfter: next.Sub(now)}, events.Answer{})
		return true
	}
	if len(s.full) > 1024 {
		for guild, next := range s.full {
			if !now.Before(next) {
				delete(s.full, guild)
			}
		}
	}
	s.full[r.event.Guild] = now.Add(fullListPeriod)
	return false
}

// arm sets the one timer, if at is earlier than what it is set to.
func (s *supervisor) arm(ctx actor.Context, at time.Time) {
	if at.IsZero() || (!s.armed.IsZero() && !at.Before(s.armed)) {
		return
	}
	s.armed = at
	wait := time.Until(at)
	if s.timer == nil {
		root, self := ctx.ActorSystem().Root, ctx.Self()
		s.timer = time.AfterFunc(wait, func() { root.Send(self, admitTick{}) })
		return
	}
	s.timer.Reset(wait)
}

// admitDue looks at the shards whose time has come.
func (s *supervisor) admitDue(ctx actor.Context) {
	now := time.Now()
	for len(s.plans) > 0 && !now.Before(s.plans[0].at) {
		p := heap.Pop(&s.plans).(plan)
		if c := s.shards[p.shard]; c != nil && c.planned.Equal(p.at) {
			c.planned = time.Time{}
			s.drain(ctx, c)
		}
	}
	if len(s.plans) > 0 {
		s.arm(ctx, s.plans[0].at)
	}
	s.reopenDue(ctx, now)
	s.identifyDue(ctx, now)
	s.expireShared(ctx, now)
}

func (s *supervisor) down(m shardDown) {
	c := s.shards[m.shard]
	if c == nil {
		return
	}
	if m.conn == c.admission.conn || m.final != nil {
		c.admission.shut()
	}
	if m.conn == s.reopen[m.shard].conn || m.final != nil {
		delete(s.reopen, m.shard)
	}
	if m.final != nil {
		c.final = m.final
		c.admission.failAll(m.final)
		s.fleet.record(m.shard).waits.Store(0)
	}
}

func (s *supervisor) start(ctx actor.Context, m StartShards) {
	ids, err := s.fleet.plan(m)
	if err == nil {
		for _, index := range ids {
			if err = s.spawn(ctx, events.ShardID{Index: index, Total: m.Total}); err != nil {
				break
			}
		}
	}
	respond(ctx, ShardsStarted{IDs: ids, Err: err})
}

func (s *supervisor) spawn(ctx actor.Context, id events.ShardID) error {
	if c := s.shards[id.Index]; c != nil && c.final == nil {
		return nil
	}
	record := s.fleet.ensure(id)
	var opts []actor.PropsOption
	if s.fleet.cfg.ShardProps != nil {
		opts = s.fleet.cfg.ShardProps(id.Index)
	}
	props := actor.PropsFromProducer(func() actor.Actor { return newShard(s.fleet, record, ctx.Self()) }, opts...)
	pid, err := ctx.SpawnNamed(props, fmt.Sprintf("shard-%d-%d", id.Total, id.Index))
	if err != nil {
		return fmt.Errorf("actors: shard %v: %w", id, err)
	}
	record.pid.Store(pid)
	record.wanted.Store(true)
	s.shards[id.Index] = &child{index: id.Index, pid: pid, admission: admission{limit: s.fleet.cfg.QueueLimit}}
	s.byPID[pid.Id] = id.Index
	return nil
}

// recover starts the shards again that ran before the supervisor crashed: their sessions resume.
func (s *supervisor) recover(ctx actor.Context) {
	for _, q := range s.fleet.identifies.asked {
		s.endIdentify(ctx, q.index, q.conn) // with the actor that has asked
	}
	for _, status := range s.fleet.Status().Shards {
		if s.fleet.wanted(status.Shard.Index) {
			if err := s.spawn(ctx, status.Shard); err != nil {
				s.log.Error("shard not started", zap.Int("shard", status.Shard.Index), zap.Error(err))
			}
		}
	}
}

func (s *supervisor) stop(ctx actor.Context, m StopShards) {
	ids := m.IDs
	if ids == nil {
		for index := range s.shards {
			ids = append(ids, index)
		}
		slices.Sort(ids)
	}
	for _, index := range ids {
		s.fleet.want(index, false)
		s.tell(ctx, index, stopShard{m.Code})
	}
	respond(ctx, ShardsStopping{ids})
}

func (s *supervisor) restart(ctx actor.Context, index int) {
	c := s.shards[index]
	if c == nil {
		return
	}
	if c.final == nil {
		ctx.Send(c.pid, restartShard{})
		return
	}
	record := s.fleet.record(index)
	record.update(func(status *ShardStatus) { status.Quarantined, status.Cause = false, nil })
	if err := s.spawn(ctx, record.id); err != nil {
		s.log.Error("shard not started", zap.Int("shard", index), zap.Error(err))
	}
}

func (s *supervisor) tell(ctx actor.Context, index int, message any) {
	if c := s.shards[index]; c != nil && c.final == nil {
		ctx.Send(c.pid, message)
	}
}

func (s *supervisor) subscribe(ctx actor.Context, m Subscribe) {
	all := slices.Clone(*s.fleet.hub.Load())
	all = slices.DeleteFunc(all, func(sub subscriber) bool { return sub.pid.Equal(m.PID) })
	if m.Off {
		ctx.Unwatch(m.PID)
	} else {
		ctx.Watch(m.PID)
		all = append(all, subscriber{m.PID, slices.Clone(m.Types)})
	}
	s.fleet.hub.Store(&all)
	respond(ctx, Subscribed{})
}

// terminated forgets an actor that has stopped: a subscriber, or a shard.
func (s *supervisor) terminated(ctx actor.Context, who *actor.PID) {
	if index, ok := s.byPID[who.Id]; ok {
		delete(s.byPID, who.Id)
		if c := s.shards[index]; c != nil && c.pid.Equal(who) {
			if c.final == nil {
				s.down(shardDown{shard: index, final: ErrClosed})
			}
			s.endIdentify(ctx, index, 0)
		}
		return
	}
	all := slices.DeleteFunc(slices.Clone(*s.fleet.hub.Load()), func(sub subscriber) bool { return sub.pid.Equal(who) })
	s.fleet.hub.Store(&all)
}

// close ends all that waits here. The shards are stopped by the actor system.
func (s *supervisor) close() {
	if s.timer != nil {
		s.timer.Stop()
	}
	for _, c := range s.shards {
		c.admission.failAll(ErrClosed)
	}
	s.closeShared()
}

func respond(ctx actor.Context, message any) {
	if ctx.Sender() != nil {
		ctx.Respond(message)
	}
}
