package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
)

// The messages among the actors themselves. They name the actor that they come from by its number, since its last words may come after the
// library's word of its end.
type (
	// shardLife is what an actor begins with, the first that it is told: so all can be spawned alike. It is the actor's own from then on. Supervisor → shard.
	shardLife struct {
		from
		record     *record
		role       Role
		supervisor *actor.PID
		turn       time.Time // of its first dial
		reidentify uint64    // how many new sessions there are with the one that it is to begin; 0: it goes on with that of before
	}
	// shardUp: the shard is Ready on this connection. Shard → supervisor.
	shardUp struct {
		from
		conn, session uint64
		interval      time.Duration
		at            time.Time      // since when
		accepted      events.Intents // with which the session has just begun; 0: it was resumed
	}
	// shardDown: it is no longer. Shard → supervisor.
	shardDown struct {
		from
		conn    uint64
		refused events.Intents // that the gateway does not let it have (4014); 0: it is about something else
		failed  bool           // its latest attempt to connect gained nothing
		final   error          // not nil: its session has ended, the actor stops, and this is why sends fail
		fatal   bool           // with final: connecting again would end the same way
	}
	// shardSays is what a shard's actor says of its life. Shard → supervisor.
	shardSays struct {
		from
		what  word
		count uint64 // restarts done, new sessions begun, or the turn of a role
	}
	// admitted carries a request that has its permits for its connection. Supervisor → shard.
	admitted struct{ *request }
	// landed: what became of requests that were forwarded stands among the landings. Shard → supervisor.
	landed struct{}
	// joined brings what a request has ended in that several share. Shard, supervisor → supervisor.
	joined struct {
		join    *join
		answer  events.Answer
		failure *SendError
	}
	// askIdentify asks for a permit to Identify on a connection. Shard → supervisor.
	askIdentify struct {
		from
		conn uint64
	}
	// withdrawIdentify takes back what askIdentify asked for. Shard → supervisor.
	withdrawIdentify struct {
		key  Key
		conn uint64
	}
	// identified: the Identify of the permit was written, or may have been. Shard → supervisor.
	identified struct {
		key  Key
		conn uint64
		at   time.Time
	}
	// granted brings the permit to Identify, or its refusal. Supervisor → shard.
	granted struct {
		conn    uint64
		err     error
		expires time.Time
		intents events.Intents // of the session that begins
	}
	// identifyNews: the identify queue has news, or its work is done. Limiter, goroutine → supervisor.
	identifyNews struct{}
	// dueTick: something is due. Timer → supervisor.
	dueTick struct{}
	// reachable: another shard has just become Ready, the first since before. Supervisor → shard.
	reachable struct{ before time.Time }
	// affordable: there is more of the day's budget than when the shard was refused. Supervisor → shard.
	affordable struct{}
	// stopShard ends the session. Supervisor → shard.
	stopShard struct{ code events.CloseCode }
	// restartShard gives up the connection. Supervisor → shard.
	restartShard struct {
		restarts uint64
		cause    error
	}
	// reidentifyShard gives up the session. Supervisor → shard.
	reidentifyShard struct {
		restarts, sessions uint64
		cause              error
	}
	// drainShard: no more send events come, or they do again. Supervisor → shard.
	drainShard struct{ drain bool }
	// assignRole: what the shard's events are for. Supervisor → shard.
	assignRole struct {
		role Role
		turn uint64
	}
	// cutDue: something of a guild that is cut over is to be delivered. Cutover → shard.
	cutDue struct{ guild events.Snowflake }
	// sayVoices: say which voice channels the session has the bot in. to has room for it. Cutover → shard.
	sayVoices struct {
		to chan<- []events.UpdateVoiceState
	}
	// crash panics. Supervisor → shard.
	crash struct{}
	// caughtUp: the subscribers have caught up. Bus → shard.
	caughtUp struct{}
	// tick: the machine's time has come. Timer → shard.
	tick struct{}
	// connected: the dial succeeded. Link → shard.
	connected struct{ *link }
	// turnCame: the dial begins when its turn comes. Dialer → shard.
	turnCame struct {
		*link
		turn time.Time
	}
	// lost: the dial or the connection failed. Link → shard.
	lost struct {
		*link
		err error
	}
)

// from names the actor that says something.
type from struct {
	key    Key
	number uint64
}

// word is what a shard's actor says of its life.
type word int

const (
	shardBegan word = iota
	shardRestarted
	shardReidentified
	shardTook
)
