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
	Standby    bool               // those that the plan does not name yet are somebody else's, and wait to be adopted: see Release
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
	Keys []Key            // nil: all; those that the plan does not name are left out, and those that were released
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

// SetMode has shards run, pause, drain or stop, and changes nothing else of what is wanted of them. Asked for again it changes nothing.
// Sent by anybody. Handled by the supervisor. Answered with PlanSet or Refusal.
type SetMode struct {
	Keys []Key
	Mode Mode
}

// ReleaseShard has a shard given up here for whoever adopts it. From now on it takes no more send events (ErrMoving); what was written may be answered
// for half of Within; then its connection ends, its session stays, and handlers may finish what has come, until Within is over. The plan says that it
// was released (Release), so nothing but an adoption has it run again. One that was released is given out again.
// Sent by anybody. Handled by the supervisor. Answered with ShardReleased or Refusal.
type ReleaseShard struct {
	Key    Key
	Within time.Duration // 0: 10 s; negative: nothing is waited for
}

// ShardReleased is the shard's session, for AdoptShard. It is Exact if handlers had finished all that had come; else what they had not comes again, and
// says that it may have come before. Its Fence is the one under which it is adopted. Without a SessionID there was no session that could be kept.
type ShardReleased struct{ Snapshot session.Snapshot }

// AdoptShard has a shard run here that another has released, or that does not run any more: of the same bot and number of shards, under a higher fence
// than any that is known of it. The session is resumed; a new one begins if there is none, if it began with other terms than it would here (a
// *session.TermsError), if the snapshot is older than session.MaxAge (a *session.AgeError), or if the gateway does not know it any more. A store
// that is shared must be told before.
// Sent by anybody. Handled by the supervisor. Answered with PlanSet or Refusal, whose Err is an *AdoptError or a *PlanError.
type AdoptShard struct{ Snapshot session.Snapshot }

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

// GetIdentifyQueue asks how the identify queue stands, and for a copy on which to try out what it would decide. It changes nothing.
// Sent by anybody. Handled by the supervisor. Answered with IdentifyQueue or Refusal, whose Err is ErrOpaqueLimiter.
type GetIdentifyQueue struct{}

// IdentifyQueue answers GetIdentifyQueue.
type IdentifyQueue struct {
	Stats ratelimit.QueueStats
	Copy  ratelimit.IdentifyQueue // what it decides grants nothing
}

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
