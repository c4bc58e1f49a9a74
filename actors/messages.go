package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// Priority orders the send events that wait for a permit on one shard.
type Priority int

// The priorities. Among equals, who asked first is sent first.
const (
	Normal Priority = 0
	High   Priority = 1
	Low    Priority = -1
)

// SendEvent asks for a send event to be carried out on a shard.
// Sent by anybody. Handled by the supervisor. Answered with EventSent or SendFailed, exactly one.
type SendEvent struct {
	ID       uint64 // chosen by the asker, repeated in the answer
	Shard    int
	Op       events.Opcode
	Data     []byte    // the d field, as JSON; see events.Outgoing for how to make it
	Deadline time.Time // zero: none
	Priority Priority
}

// EventSent says that a send event was carried out. Answer is empty if nothing answers its kind.
// Sent by the shard. Handled by who asked.
type EventSent struct {
	ID        uint64
	Shard     events.ShardID
	Queued    time.Duration // from the request to the write
	RoundTrip time.Duration // from the write to the last part of the answer
	Answer    []events.Raw
}

// SendFailed says that a send event failed. Err is a *SendError. Answer holds what came of the
// answer before it failed.
// Sent by the supervisor or the shard. Handled by who asked.
type SendFailed struct {
	ID     uint64
	Err    error
	Answer []events.Raw
}

// StartShards starts shards, those that run already excepted. All shards of a fleet have one
// total: another one is refused.
// Sent by anybody. Handled by the supervisor. Answered with ShardsStarted.
type StartShards struct {
	Total int
	IDs   []int // nil: all
}

// ShardsStarted answers StartShards. Err says why nothing was started.
type ShardsStarted struct {
	IDs []int
	Err error
}

// StopShards ends shards. Their sessions stay resumable unless Code ends them.
// Sent by anybody. Handled by the supervisor. Answered with ShardsStopping; a StateChanged
// follows for each.
type StopShards struct {
	IDs  []int            // nil: all
	Code events.CloseCode // zero: one that keeps the session
}

// ShardsStopping answers StopShards.
type ShardsStopping struct{ IDs []int }

// RestartShard gives up a shard's connection and resumes its session on a new one. A shard that
// was quarantined starts again.
// Sent by anybody. Handled by the supervisor.
type RestartShard struct{ Shard int }

// CrashShard makes a shard's actor panic, to rehearse what follows: the session resumes.
// Sent by drills and tests. Handled by the supervisor.
type CrashShard struct{ Shard int }

// UpdateSessionStart says what Discord has said about the limits on Identifies: it replaces what was known.
// Sent by whoever asks GET /gateway/bot. Handled by the supervisor.
type UpdateSessionStart struct{ SessionStart ratelimit.SessionStart }

// GetStatus asks for the state of all shards.
// Sent by anybody. Handled by the supervisor. Answered with Status.
type GetStatus struct{}

// Subscribe has events and changes of state sent to an actor, as Dispatch and StateChanged,
// until it stops or asks with Off. Its mailbox is its own to keep up with.
// Sent by anybody. Handled by the supervisor. Answered with Subscribed.
type Subscribe struct {
	PID   *actor.PID
	Types []events.Type // nil: all
	Off   bool
}

// Subscribed answers Subscribe.
type Subscribed struct{}

// Dispatch is a received event.
// Sent by a shard. Handled by those who subscribed.
type Dispatch struct {
	Raw  events.Raw
	Meta events.Meta
}

// StateChanged says that a shard's session moved from one state to another.
// Sent by a shard. Handled by those who subscribed.
type StateChanged struct {
	Shard events.ShardID
	session.Change
}

// Messages among the actors themselves.
type (
	// shardUp: the shard is Ready on this connection. Shard → supervisor.
	shardUp struct {
		shard    int
		conn     uint64
		interval time.Duration
		at       time.Time // since when
	}
	// shardDown: it is no longer. Shard → supervisor.
	shardDown struct {
		shard  int
		conn   uint64
		final  error // not nil: it is Closed, and this is why sends fail
		failed bool  // its latest attempt to connect gained nothing
	}
	// reachable: another shard has just become Ready, the first since before. Supervisor → shard.
	reachable struct{ before time.Time }
	// admitted carries a request that has a permit for this connection. Supervisor → shard.
	admitted struct {
		*request
		conn  uint64
		limit int // of the connection's bucket
		round int // see pace
	}
	// readmit brings back a request whose connection ended before the write, or which would have been
	// written too early: then at is when it may be. Shard → supervisor.
	readmit struct {
		*request
		conn  uint64
		at    time.Time
		round int
	}
	// wrote says when the write of a permit of the connection's bucket was done. Shard → supervisor.
	wrote struct {
		shard int
		conn  uint64
		at    time.Time
	}
	// unwritten brings back a permit that was never written. Shard → supervisor.
	unwritten struct {
		shard int
		conn  uint64
	}
	// askIdentify asks for a permit to Identify on a connection. Shard → supervisor.
	askIdentify struct {
		id   events.ShardID
		conn uint64
	}
	// withdrawIdentify takes back what askIdentify asked for. Shard → supervisor.
	withdrawIdentify struct {
		id   events.ShardID
		conn uint64
	}
	// identified: the Identify of the permit was written, or may have been. Shard → supervisor.
	identified struct {
		id   events.ShardID
		conn uint64
		at   time.Time
	}
	// granted brings the permit to Identify, or its refusal. Supervisor → shard.
	granted struct {
		conn    uint64
		err     error
		expires time.Time
	}
	// identifyNews: the identify queue has news, or its work is done. Limiter, goroutine → supervisor.
	identifyNews struct{}
	// shardCrashed: the shard's actor has crashed with this connection. Supervisor → itself.
	shardCrashed struct {
		shard int
		conn  uint64
	}
	// admitTick: somebody's permit is due. Timer → supervisor.
	admitTick struct{}
	// stopShard ends the session. Supervisor → shard.
	stopShard struct{ code events.CloseCode }
	// restartShard gives up the connection. Supervisor → shard.
	restartShard struct{}
	// crash panics. Supervisor → shard.
	crash struct{}
	// drained: the subscribers have caught up. Fleet → shard.
	drained struct{}
	// tick: the machine's time has come. Timer → shard.
	tick struct{}
	// connected: the dial succeeded. Link → shard.
	connected struct{ *link }
	// paced: the dial begins when its turn comes. Shard → itself.
	paced struct {
		*link
		turn time.Time
	}
	// lost: the dial or the connection failed. Link → shard.
	lost struct {
		*link
		err error
	}
)
