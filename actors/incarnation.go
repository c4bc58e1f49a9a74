package actors

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/session"
)

// slowTick is how often the supervisor looks at everything, whatever it was told: a message that was lost with a crash is a
// delay, and no more.
const slowTick = 10 * time.Second

// incarnation is the supervisor's actor, from a start to a crash or to its end. It admits send events and forwards them, grants
// permits to Identify, and keeps the actors of the shards that the plan wants. All that it keeps for longer is in the Supervisor.
type incarnation struct {
	*Supervisor
	system *actor.ActorSystem
	self   *actor.PID
	parent actor.SpawnerContext // of the shards' actors
	timer  *time.Timer          // one, for the earliest of all times
	armed  time.Time
	slow   time.Time // when everything is looked at
	looks  time.Time // when landings are taken of which it is told by nobody; zero: it is told
	ending bool      // it is stopping, and its children with it
}

// Receive handles one message. It never waits.
func (s *incarnation) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		s.start(ctx)
	case *actor.Terminated:
		s.terminated(m.Who)
	case *actor.Restarting:
		s.pause()
	case *actor.Stopping:
		s.stop()
	case *actor.Stopped:
		s.ended()
	case recovered:
		s.catchUp(ctx, m)
	default:
		s.take(ctx, m)
	}
}

// take takes a message of an actor of ours, a timer, or anybody's.
func (s *incarnation) take(ctx actor.Context, message any) {
	switch m := message.(type) {
	case *request:
		if s.landings.many() {
			s.landed()
		}
		s.admit(time.Now(), m)
	case landed:
		s.hear()
	case joined:
		s.joined(m)
	case askIdentify:
		s.askIdentify(m)
	case withdrawIdentify:
		s.withdrawIdentify(m)
	case identified:
		s.identified(m)
	case identifyNews:
		s.decide()
	case dueTick:
		s.due()
	case shardUp:
		s.up(m)
	case shardDown:
		s.down(m) //seam:other-shards-untouched
	case shardSays:
		s.heard(m)
	default:
		s.asked(ctx, m)
	}
}

// asked handles what anybody may send: by value or by pointer, and what nobody knows.
func (s *incarnation) asked(ctx actor.Context, message any) {
	answer, ok := s.answer(ctx, byValue(message))
	switch {
	case !ok:
		answer = &Refusal{fmt.Errorf("actors: the supervisor does not know what to do with a %T", message)}
	case answer == nil:
		return
	}
	if ctx.Sender() != nil {
		ctx.Respond(answer)
		return
	}
	var err error
	switch m := answer.(type) {
	case *Refusal:
		err = m.Err
	case *ShardsStarted:
		err = m.Err
	}
	if err != nil {
		s.board.ignored.Add(1)
		s.log.Warn("refused, and nobody is to be told", zap.Error(err))
	}
}

// answer is what whoever asked is told; nil: nothing, or by another way.
func (s *incarnation) answer(ctx actor.Context, message any) (answer any, known bool) {
	switch m := message.(type) {
	case SendEvent:
		s.send(ctx, m)
	case SetPlan:
		return s.setPlan(m), true
	case GetPlan:
		plan := s.books.plan.copy()
		return &plan, true
	case SetMode:
		return s.setMode(m), true
	case StartShards:
		return s.startShards(m), true
	case StopShards:
		return s.stopShards(m), true
	case RestartShard:
		return s.askFor(m.Key, oneRestart), true
	case ReidentifyShard:
		return s.askFor(m.Key, oneReidentify), true
	case ReleaseShard:
		return s.releaseShard(ctx.Sender(), m), true
	case AdoptShard:
		return s.adopt(m.Snapshot), true
	case CrashShard:
		s.tell(m.Key, crash{})
	case GetStatus:
		status := s.board.Status()
		return &status, true
	case GetIdentifyQueue:
		return s.copyQueue(time.Now()), true
	case Subscribe:
		return s.subscribe(ctx, m), true
	case UpdateSessionStart:
		s.updateSessionStart(m.SessionStart)
	case LeaveOut:
		s.leaveOut(m.Intents)
	default:
		return nil, false
	}
	return nil, true
}

// byValue is a message as a value; a nil pointer is unknown.
func byValue(message any) any {
	switch m := message.(type) {
	case *SendEvent:
		return deref(m)
	case *SetPlan:
		return deref(m)
	case *GetPlan:
		return deref(m)
	case *SetMode:
		return deref(m)
	case *StartShards:
		return deref(m)
	case *StopShards:
		return deref(m)
	case *RestartShard:
		return deref(m)
	case *ReidentifyShard:
		return deref(m)
	case *ReleaseShard:
		return deref(m)
	case *AdoptShard:
		return deref(m)
	case *CrashShard:
		return deref(m)
	case *GetStatus:
		return deref(m)
	case *GetIdentifyQueue:
		return deref(m)
	case *Subscribe:
		return deref(m)
	case *UpdateSessionStart:
		return deref(m)
	case *LeaveOut:
		return deref(m)
	}
	return message
}

func deref[T any](m *T) any {
	if m == nil {
		return m
	}
	return *m
}

// start begins, or goes on where the incarnation before it was.
func (s *incarnation) start(ctx actor.Context) {
	s.system, s.self = ctx.ActorSystem(), ctx.Self()
	s.parent = ctx
	s.recoverIdentifies()
	s.reconcile(s.allKeys())
	s.due()
}

// pause ends what this incarnation holds. The library stops the shards' actors, and then begins the next incarnation, which
// spawns again those that the plan wants.
func (s *incarnation) pause() {
	s.ending = true
	if s.timer != nil {
		s.timer.Stop()
	}
	for key, of := range s.books.lives.of {
		if of.alive() {
			s.books.lives.told(action{key: key, do: stop})
		}
	}
}

// stop ends all that waits. The library stops the shards' actors.
func (s *incarnation) stop() {
	s.distrust.Store(true) // what ends the goroutine now would keep the actor from its end
	s.pause()
	for _, c := range s.books.children {
		c.account.refuse(closedBy(ErrSupervisorEnded))
	}
	s.books.joins.end(closedBy(ErrSupervisorEnded))
	s.endReleases()
	s.closeIdentify()
	s.routes.now.Store(&routing{fleets: s.routes.now.Load().fleets})
	s.feeds.end(s.system, nil)
}

// ended makes known that there is no supervisor any more: whoever waits is told.
func (s *incarnation) ended() {
	s.books.ended = s.system
	defer s.board.end(ErrSupervisorEnded)
	for _, r := range s.board.all() {
		if state := r.still().state; state != session.Closed && state != session.Idle {
			s.changed(s.system, r.key, session.Change{At: time.Now(), From: state, To: session.Closed, Cause: ErrClosed}, false)
		}
	}
}

// due does what the time has come for.
func (s *incarnation) due() {
	s.armed = time.Time{}
	now := time.Now()
	for {
		c, at := s.books.admission.due(now)
		if c == nil {
			s.arm(at)
			break
		}
		s.flush(now, s.books.children[c.key])
	}
	s.arm(s.books.joins.expire(now))
	s.landingsDue(now)
	s.reopenDue(now)
	s.restedDue(now)
	s.identifyDue(now)
	s.listenDue(now)
	s.releasesDue(now)
	if !now.Before(s.slow) {
		s.slow = now.Add(slowTick)
		s.lookAround() //seam:everything-looked-at
	}
	s.arm(s.slow)
}

// arm sets the one timer, if at is earlier than what it is set to.
func (s *incarnation) arm(at time.Time) {
	if at.IsZero() || s.ending || (!s.armed.IsZero() && !at.Before(s.armed)) {
		return
	}
	s.armed = at
	if s.timer == nil {
		root, self := s.system.Root, s.self
		s.timer = time.AfterFunc(time.Until(at), func() { root.Send(self, dueTick{}) })
		return
	}
	s.timer.Reset(time.Until(at))
}

// allKeys are all that the plan names, and all that live.
func (s *incarnation) allKeys() []Key {
	keys := maps.Clone(s.books.lives.of)
	for key := range s.books.plan.wants {
		if keys[key] == nil {
			keys[key] = nil
		}
	}
	return sortedKeys(keys)
}

func sortedKeys[V any](of map[Key]V) []Key { return slices.SortedFunc(maps.Keys(of), Key.Compare) }
