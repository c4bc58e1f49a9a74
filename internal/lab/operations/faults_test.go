package operations_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// nothing goes wrong.
const nothing = "nothing"

// stuck is a handler of messages that does not return any more, from a while after the start on, before its context ends.
func stuck(opts ...shardmanager.SubOption) func(*bot) {
	return func(b *bot) {
		began := time.Now()
		shardmanager.On(b.m, func(ctx context.Context, _ *events.MessageCreate, _ events.Meta) {
			if time.Since(began) > 11*time.Minute {
				<-ctx.Done()
			}
		}, opts...)
	}
}

// chat has people write a lot at once.
func (b *bot) chat(messages int) {
	for range messages {
		b.g.World().Message(b.guild(), gatewaytest.Message{Content: "hi"})
	}
}

// lose has all shards lose their sessions at once.
func (b *bot) lose() {
	b.g.ForgetSessions()
	b.g.DropAll()
}

// faults are what fires each alert.
var faults = map[string]fault{
	nothing: {happens: func(b *bot) {
		b.again(5*time.Minute, time.Hour, func() { b.g.Shard(0).Reconnect() }) // that is usual
	}},
	"SignalboxNotRunning": {happens: func(b *bot) {
		b.g.Shard(0).Close(events.CloseAuthenticationFailed)
		b.pass(5 * time.Minute)
	}},
	"SignalboxGatewayUnreachable": {happens: func(b *bot) {
		b.g.Outage(true)
		b.pass(20 * time.Minute)
		b.g.Outage(false)
		b.pass(20 * time.Minute)
	}},
	"SignalboxShardEnded": {happens: func(b *bot) {
		b.g.Shard(1).Close(events.CloseInvalidShard)
		b.pass(5 * time.Minute)
	}},
	"SignalboxIdentifyBudgetSpent": {
		gateway: []gatewaytest.Option{gatewaytest.WithSessionStarts(1000, 105, 24*time.Hour)},
		happens: func(b *bot) {
			b.again(time.Minute, 2*time.Minute, b.lose)
			b.pass(10 * time.Minute)
		},
	},
	"SignalboxIdentifyBudgetLow": {
		gateway: []gatewaytest.Option{gatewaytest.WithSessionStarts(1000, 105, 24*time.Hour)},
		happens: func(b *bot) {
			b.lose()
			b.pass(10 * time.Minute)
		},
	},
	"SignalboxReconnectsOften": {happens: func(b *bot) {
		b.again(90*time.Second, 30*time.Minute, b.g.DropAll)
	}},
	"SignalboxSessionTakenOver": {happens: func(b *bot) {
		b.again(20*time.Second, 5*time.Minute, func() { b.g.Shard(0).Drop() })
	}},
	"SignalboxSessionsLost": {happens: func(b *bot) {
		b.again(2*time.Minute, 40*time.Minute, func() {
			b.g.Shard(0).InvalidSession(false)
			b.g.Shard(1).InvalidSession(false)
		})
	}},
	"SignalboxSlowToReady": {
		shards: 200, gateway: []gatewaytest.Option{gatewaytest.WithMaxConcurrency(1)}, unready: true,
		happens: func(b *bot) { b.pass(10 * time.Minute) },
	},
	"SignalboxHandlersBehind": {before: stuck(shardmanager.WithName("stuck")), happens: func(b *bot) {
		b.pass(2 * time.Minute)
		b.chat(3800)
		b.pass(10 * time.Minute)
	}},
	"SignalboxEventsShed": {
		before: stuck(shardmanager.WithName("stuck"), shardmanager.WithQueue(50), shardmanager.WithOverflow(shardmanager.DropOldest)),
		happens: func(b *bot) {
			b.pass(2 * time.Minute)
			b.again(30*time.Second, 10*time.Minute, func() { b.chat(200) })
		},
	},
	"SignalboxHandlerPanics": {
		before: func(b *bot) {
			shardmanager.On(b.m, func(context.Context, *events.TypingStart, events.Meta) { panic("at the disco") })
		},
		happens: func(b *bot) {
			b.g.Shard(0).Dispatch("TYPING_START", map[string]any{"channel_id": "1", "user_id": "2", "timestamp": 3})
			b.pass(5 * time.Minute)
		},
	},
	"SignalboxShardCrashes": {happens: func(b *bot) {
		b.m.System().Root.Send(b.m.Supervisor(), &actors.CrashShard{Key: b.m.Status().Shards[0].Key()})
		b.pass(5 * time.Minute)
	}},
	"SignalboxHeartbeatSlow": far(),
	"SignalboxHeartbeatLate": starved(),
	"SignalboxSilent": {happens: func(b *bot) {
		b.quiet = true
		b.pass(20 * time.Minute)
	}},
	"SignalboxForeignIdentifies": {happens: func(b *bot) {
		b.g.SetSessionStarts(900) // of 1000
		b.lose()
		b.pass(10 * time.Minute)
	}},
	"SignalboxEventsUndecoded": {
		before: func(b *bot) { shardmanager.On(b.m, func(context.Context, *events.TypingStart, events.Meta) {}) },
		happens: func(b *bot) {
			b.g.Shard(0).Dispatch("TYPING_START", 17)
			b.pass(5 * time.Minute)
		},
	},
	"SignalboxShardsNearlyFull": {guilds: 2200, happens: func(b *bot) {
		for range 150 {
			b.g.World().AddGuild(0, nil)
		}
		b.pass(10 * time.Minute)
	}},
	"SignalboxIntentsLeftOut": {
		manager: []shardmanager.Option{shardmanager.WithOptionalIntents(events.IntentGuildPresences)},
		happens: func(b *bot) {
			b.g.SetAllowedIntents(events.IntentsUnprivileged)
			b.g.Shard(0).Close(events.CloseDisallowedIntents)
			b.pass(5 * time.Minute)
		},
	},
	"SignalboxSendsFailing": {
		manager: []shardmanager.Option{shardmanager.WithIntents(events.IntentsUnprivileged | events.IntentGuildMembers)},
		happens: func(b *bot) {
			b.again(time.Second, 10*time.Minute, func() {
				_, _ = events.RequestGuildMembers{GuildID: b.guild(), Query: events.Ptr(""), Limit: events.Ptr(0)}.SendEvent(b.Context(), b.m)
			})
		},
	},
	"SignalboxSendsWait": {happens: func(b *bot) {
		for i := range 900 {
			go func() {
				_, _ = events.RequestGuildMembers{GuildID: b.guild(), Query: events.Ptr(fmt.Sprint(i)), Limit: events.Ptr(1)}.SendEvent(b.Context(), b.m)
			}()
		}
		b.pass(15 * time.Minute)
	}},
	"SignalboxReshardLong": unreachable(events.ShardID{Index: 3, Total: 4}, func(b *bot) {
		go func() { _ = b.m.Reshard(b.Context(), 4) }()
		b.pass(70 * time.Minute)
	}),
}

// starved is a process that gets too little CPU: its actors come late to all that they do.
func starved() fault {
	var late atomic.Bool
	slow := func(next actor.ReceiverFunc) actor.ReceiverFunc {
		return func(c actor.ReceiverContext, envelope *actor.MessageEnvelope) {
			if late.Load() {
				time.Sleep(3 * time.Second)
			}
			next(c, envelope)
		}
	}
	return fault{
		manager: []shardmanager.Option{shardmanager.WithActorProps(func(key actors.Key) []actor.PropsOption {
			if key == (actors.Key{}) { // the supervisor
				return nil
			}
			return []actor.PropsOption{actor.WithReceiverMiddleware(slow)}
		})},
		happens: func(b *bot) {
			late.Store(true)
			b.pass(30 * time.Minute)
			late.Store(false)
		},
	}
}
