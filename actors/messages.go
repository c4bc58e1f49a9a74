package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// The messages that anybody may send to the supervisor. Each may be sent as a value or by pointer. Answers come by pointer.

// Priority orders the send events that wait for a permit on one shard: strictly, so that Low ones wait for as long as any other can
// go, without end if there are always others. Give what may never go a deadline. Among equals, who asked first is sent first. What
// several share goes by the highest priority of them, and a presence that takes the place of another by its own.
type Priority int

// The priorities; there are no others.
const (
	Normal Priority = 0
	High   Priority = 1
	Low    Priority = -1
)

// SendEvent asks for a send event to be carried out. It goes to the shard that serves its guild, or, without a guild, to the lowest.
// Sent by anybody. Handled by the supervisor. Answered with EventSent or SendFailed, exactly one; by the library, with an
// *actor.DeadLetterResponse, if the supervisor has ended.
type SendEvent struct {
	ID       uint64          // chosen by the asker, repeated in the answer
	Event    events.Outgoing // such as an events.RequestGuildMembers
	Shard    *events.ShardID // nil: the one that serves the event's guild
	Deadline time.Time       // zero: none
	Priority Priority

	// For what comes over a wire, in place of Event: an opcode, and the d field as JSON.
	Op   events.Opcode
	Data []byte
}

// EventSent says that a send event was carried out. Its Answer is empty if nothing answers its kind; a send event's From reads it.
// Sent by the shard. Handled by who asked.
type EventSent struct {
	ID        uint64
	Shard     events.ShardID
	Queued    time.Duration // from the request to the write
	RoundTrip time.Duration // from the write to the last part of the answer
	Answer    events.Answer
}

// SendFailed says that a send event failed. Err is a *SendError. Answer holds what came of the
// answer before it failed.
// Sent by the supervisor or the shard. Handled by who asked.
type SendFailed struct {
	ID     uint64
	Err    error
	Answer events.Answer
}

// SetPlan changes what should run: the Wants that it names, and no others. It is refused if the plan has changed since the version that
// the change was made from (a *StalePlanError), or if it cannot be (a *PlanError); then nothing has changed.
// Sent by anybody. Handled by the supervisor. Answered with PlanSet or Refusal.
type SetPlan struct {
	From    uint64 // the version that it was made from; 0: before the first change
	Change  map[Key]Want
	Remove  []Key                    // are stopped and then forgotten
	Restore map[Key]session.Snapshot // sessions with which shards begin that do not run
}

// PlanSet says that the plan was changed.
type PlanSet struct{ Version uint64 }

// GetPlan asks for the plan.
// Sent by anybody. Handled by the supervisor. Answered with Plan.
type GetPlan struct{}

// Refusal says that nothing was done, and why: the message is not known, or cannot be carried out.
// Sent by the supervisor. Handled by who asked.
type Refusal struct{ Err error }

// StartShards has shards run that serve, those that do so already excepted. One that was quarantined, or has ended for good, starts again.
// Sent by anybody. Handled by the supervisor. Answered with ShardsStarted.
type StartShards struct {
	Generation uint64
	Total      int
	IDs        []int              // nil: all
	Sessions   []session.Snapshot // to begin with
}

// ShardsStarted answers StartShards. Err says why nothing was started: a *PlanError.
type ShardsStarted struct {
	IDs []int
	Err error
}

// StopShards has shards stop. Their sessions stay resumable unless Code ends them.
// Sent by anybody. Handled by the supervisor. Answered with ShardsStopping; a StateChanged
// follows for each.
type StopShards struct {
	Keys []Key            // nil: all; those that the plan does not name are left out
	Code events.CloseCode // zero: one that keeps the session
}

// ShardsStopping answers StopShards.
type ShardsStopping struct{ Keys []Key }

// RestartShard asks for a restart: the connection is given up, and the session resumed on a new one. A shard that
// was quarantined, or has ended for good, starts again; one that is not to run does not.
// Sent by anybody. Handled by the supervisor. Answered with PlanSet or Refusal.
type RestartShard struct{ Key Key }

// ReidentifyShard asks for a new session: the one that there is is given up with its connection, what it has not delivered is lost,
// and another begins, for one Identify of the day's budget. While the budget refuses that, the shard is not connected. A shard that
// was quarantined, or has ended for good, starts again; one that is not to run does not.
// Sent by anybody. Handled by the supervisor. Answered with PlanSet or Refusal.
type ReidentifyShard struct{ Key Key }

// CrashShard makes a shard's actor panic, to rehearse what follows: the session resumes.
// Sent by drills and tests. Handled by the supervisor.
type CrashShard struct{ Key Key }

// UpdateSessionStart says what Discord has said about the limits on Identifies: it replaces what was known.
// Sent by whoever asks GET /gateway/bot. Handled by the supervisor.
type UpdateSessionStart struct{ SessionStart ratelimit.SessionStart }

// LeaveOut has sessions begin without some of SupervisorConfig.OptionalIntents, from the next one on. Those that there are stay as they are.
// Sent by whoever knows that the application may not have them. Handled by the supervisor.
type LeaveOut struct{ Intents events.Intents }

// GetStatus asks for the state of all shards.
// Sent by anybody. Handled by the supervisor. Answered with Status.
type GetStatus struct{}

// Subscribe has events and changes of state sent to an actor, as Dispatch and StateChanged,
// until it stops or asks with Off. A second one replaces the first.
// Sent by anybody. Handled by the supervisor. Answered with Subscribed or Refusal.
type Subscribe struct {
	PID    *actor.PID    // nil: who asks
	Types  []events.Type // nil: all
	Credit int           // how many events of one shard may be under way, sent and not Handled; 0: 64
	Off    bool
}

// Subscribed answers Subscribe.
type Subscribed struct{}

// Dispatch is a received event. The session counts it as handled, and the subscriber is sent more, when it is answered: with Done.
// Sent on behalf of a subscriber. Handled by it. Answered with Handled.
type Dispatch struct {
	ID   uint64
	Raw  events.Raw
	Meta events.Meta
}

// Done is the answer to the Dispatch.
func (d *Dispatch) Done() *Handled { return &Handled{d.ID} }

// Handled says that a Dispatch was dealt with.
// Sent by those who subscribed, once for each. Handled by who has sent the Dispatch.
type Handled struct{ ID uint64 }

// StateChanged says that a shard's session moved from one state to another.
// Sent by a shard, or by the supervisor of one whose actor is gone. Handled by those who subscribed.
type StateChanged struct {
	Key Key
	session.Change
	// Missed is how many changes before this one were not kept, because the watcher was slow.
	Missed int
}

// The messages among the actors themselves. They name the actor that they come from by its number, since its last words may come after the
// library's word of its end.
type (
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
