package actors_test

import (
	"encoding/json"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// eachWay runs f with each thing that code of the user's may do instead of returning.
func eachWay(t *testing.T, f func(t *testing.T, how func())) {
	t.Helper()
	for name, how := range map[string]func(){"panics": func() { panic("a bug") }, "calls Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { f(t, how) })
		})
	}
}

// TestChangedThatDoesNotReturnCostsNoShard: they become ready, and the end of the supervisor is told.
func TestChangedThatDoesNotReturnCostsNoShard(t *testing.T) {
	eachWay(t, func(t *testing.T, how func()) {
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.Changed = func(actors.Key, session.Change) { how() }
		}, actor.WithGuardian(actors.Guardian()))
		f.ask(actors.StartShards{Total: 2})
		pass(time.Minute)
		for _, s := range f.status().Shards {
			if s.State != session.Ready || s.Crashes != 0 {
				t.Errorf("%v is %v after %d crashes, cause %v", s.Shard, s.State, s.Crashes, s.Cause)
			}
		}
		f.system.Root.Stop(f.supervisor)
		pass(time.Second)
		if !errors.Is(f.Board().Err(), actors.ErrSupervisorEnded) {
			t.Errorf("the supervisor ended, and the board says %v", f.Board().Err())
		}
	})
}

// TestShardPropsThatDoNotReturnCostARest: their shard is spawned later, and what they did is told as its cause.
func TestShardPropsThatDoNotReturnCostARest(t *testing.T) {
	eachWay(t, func(t *testing.T, how func()) {
		var calls atomic.Int64
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.ShardProps = func(actors.Key) []actor.PropsOption {
				if calls.Add(1) == 1 {
					how()
				}
				return nil
			}
		}, actor.WithGuardian(actors.Guardian()))
		f.ask(actors.StartShards{Total: 1})
		pass(time.Millisecond)
		var panicked *actors.PanicError
		if s := f.status().Shards[0]; !errors.As(s.Cause, &panicked) {
			t.Errorf("the cause is %v", s.Cause)
		}
		pass(time.Minute)
		if s := f.status().Shards[0]; s.State != session.Ready {
			t.Errorf("it is %v, cause %v", s.State, s.Cause)
		}
	})
}

// TestActorsOutliveMiddlewareThatDoesNotReturn: to a shard's actor it is a crash, which costs a Resume; the supervisor loses that message.
func TestActorsOutliveMiddlewareThatDoesNotReturn(t *testing.T) {
	eachWay(t, func(t *testing.T, how func()) {
		var shard, supervisor atomic.Bool
		bad := func(armed *atomic.Bool) actor.PropsOption {
			return actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
				return func(ctx actor.ReceiverContext, envelope *actor.MessageEnvelope) {
					if armed.CompareAndSwap(true, false) {
						how()
					}
					next(ctx, envelope)
				}
			})
		}
		f := newFleet(t, func(cfg *actors.SupervisorConfig) {
			cfg.ShardProps = func(actors.Key) []actor.PropsOption { return []actor.PropsOption{bad(&shard)} }
		}, actor.WithGuardian(actors.Guardian()), bad(&supervisor))
		f.start(1)
		shard.Store(true)
		pass(5 * time.Minute)
		if s := f.status().Shards[0]; s.State != session.Ready || s.Crashes != 1 || s.Identifies != 1 {
			t.Errorf("the shard is %v, after %d crashes and %d Identifies", s.State, s.Crashes, s.Identifies)
		}
		supervisor.Store(true)
		f.system.Root.Send(f.supervisor, actors.GetStatus{})
		pass(time.Minute)
		if f.ask(actors.GetStatus{}) == nil || f.status().Shards[0].State != session.Ready {
			t.Error("the supervisor does not answer any more")
		}
	})
}

// TestWhatIsWaitedForIsAskedOnTheWaitersGoroutine: where it does not return, it is the waiter who does not, and no shard.
func TestWhatIsWaitedForIsAskedOnTheWaitersGoroutine(t *testing.T) {
	eachWay(t, func(t *testing.T, how func()) {
		f := newFleet(t, nil, actor.WithGuardian(actors.Guardian()))
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			defer func() { _ = recover() }()
			_ = f.Board().Wait(t.Context(), func(tally actors.Tally) bool {
				if tally.Wanted > 0 {
					how()
				}
				return false
			})
			t.Error("Wait came back")
		}()
		f.start(2)
		<-ended
		for _, s := range f.status().Shards {
			if s.Crashes != 0 {
				t.Errorf("%v crashed: %v", s.Shard, s.Cause)
			}
		}
	})
}

// sends keeps how send events ended.
type sends struct{ ended atomic.Int64 }

func (s *sends) OnSend(m actors.SendMoved) {
	if m.Stage == actors.SendEnded {
		s.ended.Add(1)
	}
}

// TestPartThatDoesNotReturnGivesUpTheRest: nobody would take it.
func TestPartThatDoesNotReturnGivesUpTheRest(t *testing.T) {
	eachWay(t, func(t *testing.T, how func()) {
		seen := new(sends)
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.Observers = actors.NewObservers(zap.NewNop(), seen) })
		f.start(1)
		guild := gatewaytest.GuildOf(*f.id(0), 0)
		f.gateway.OnFrame(func(frame gatewaytest.Frame) bool { // the first part of two
			var asked struct{ Nonce string }
			if frame.Op != events.OpRequestGuildMembers || json.Unmarshal(frame.Data, &asked) != nil {
				return false
			}
			f.gateway.Shard(0).Dispatch(events.TypeGuildMembersChunk, map[string]any{
				"guild_id": guild, "nonce": asked.Nonce, "members": []any{}, "chunk_index": 0, "chunk_count": 2})
			return true
		})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			defer func() { _ = recover() }()
			_, err := f.sendsTo(0).Stream(t.Context(), events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{1}}, func(events.Raw) bool {
				how()
				return true
			})
			t.Error("Stream came back:", err)
		}()
		<-ended
		pass(0)
		if n := seen.ended.Load(); n != 1 {
			t.Errorf("%d sends have ended", n)
		}
	})
}

// badMailbox is a mailbox of the user's.
type badMailbox struct {
	actor.Mailbox
	armed *atomic.Bool
	how   func()
}

func (m badMailbox) PostUserMessage(message any) {
	if m.armed.Load() {
		m.how()
	}
	m.Mailbox.PostUserMessage(message)
}

// TestMailboxOfASubscriberThatDoesNotReturnCostsNoShard: neither for changes nor for events, which are settled.
func TestMailboxOfASubscriberThatDoesNotReturnCostsNoShard(t *testing.T) {
	eachWay(t, func(t *testing.T, how func()) {
		f, b := newFedFleet(t, actor.WithGuardian(actors.Guardian()))
		var armed atomic.Bool
		to := f.spawn(actor.PropsFromFunc(func(actor.Context) {}, actor.WithMailbox(func() actor.Mailbox {
			return badMailbox{actor.Unbounded()(), &armed, how}
		})))
		f.start(1)
		f.ask(&actors.Subscribe{PID: to, Credit: 2})
		armed.Store(true)
		f.gateway.DropAll()
		pass(10 * time.Second)
		f.dispatch(0, 10)
		pass(time.Second)
		if s := f.status().Shards[0]; s.State != session.Ready || s.Crashes != 0 {
			t.Errorf("the shard is %v after %d crashes, cause %v", s.State, s.Crashes, s.Cause)
		} else if _, seq := b.Shard(f.key(0)).Settled(); seq != s.Seq {
			t.Errorf("settled up to %d of %d", seq, s.Seq)
		}
		armed.Store(false)
	})
}

// badCore is a log's core of the user's.
type badCore struct{ how func() }

func (badCore) Enabled(zapcore.Level) bool          { return true }
func (c badCore) With([]zapcore.Field) zapcore.Core { return c }
func (c badCore) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return checked.AddCore(e, c)
}
func (c badCore) Write(zapcore.Entry, []zapcore.Field) error { c.how(); return nil }
func (badCore) Sync() error                                  { return nil }

// TestLoggerThatDoesNotReturnCostsNoActor: also not where something has crashed, and is to be told.
func TestLoggerThatDoesNotReturnCostsNoActor(t *testing.T) {
	eachWay(t, func(t *testing.T, how func()) {
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.Logger = zap.New(badCore{how}) }, actor.WithGuardian(actors.Guardian()))
		f.ask(actors.StartShards{Total: 2})
		pass(time.Second)
		f.system.Root.Send(f.supervisor, actors.CrashShard{Key: f.key(1)})
		pass(time.Minute)
		for i, s := range f.status().Shards {
			if s.State != session.Ready || s.Crashes != i {
				t.Errorf("%v is %v after %d crashes, cause %v", s.Shard, s.State, s.Crashes, s.Cause)
			}
		}
	})
}

// TestShardWhoseNameIsTakenHasNoActorOfSomebodyElses: who has the name hears nothing, and a restart helps when it is free.
func TestShardWhoseNameIsTakenHasNoActorOfSomebodyElses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet(t, nil)
		f.start(2)
		f.ask(actors.StopShards{Keys: []actors.Key{f.key(1)}})
		pass(time.Second)
		heard := make(chan any, 100)
		other, err := f.system.Root.SpawnNamed(actor.PropsFromFunc(func(ctx actor.Context) {
			if _, ours := ctx.Message().(*actor.Started); !ours {
				heard <- ctx.Message()
			}
		}), f.child(1).Id)
		if err != nil {
			t.Fatal(err)
		}
		f.ask(actors.StartShards{Total: 2})
		pass(time.Minute)
		if n := f.status().Ready(); n != 1 || len(heard) > 0 {
			t.Errorf("%d are ready; who has the name heard %d messages, first %T", n, len(heard), first(heard))
		}
		f.system.Root.Stop(other)
		pass(time.Second)
		f.ask(actors.RestartShard{Key: f.key(1)})
		pass(time.Minute)
		if n := f.status().Ready(); n != 2 {
			t.Errorf("%d are ready, restarted when the name is free", n)
		}
	})
}

// first is what is there, if anything is.
func first(of chan any) any {
	select {
	case m := <-of:
		return m
	default:
		return nil
	}
}
