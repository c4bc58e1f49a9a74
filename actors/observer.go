package actors

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/foreign"
)

// An observer is told of occurrences. It has any of the methods of the interfaces below, and each that it lacks costs nothing. It is
// called on a goroutine of its own, one call at a time and in order: one that panics, ends its goroutine or hangs costs itself
// that, and what it is too slow for (beyond observeLimit that wait) is left out and counted. What is told has happened already.
type (
	// ObserverDial is told that a dial begins.
	ObserverDial interface{ OnDial(DialBegun) }
	// ObserverConnected is told that a dial has succeeded.
	ObserverConnected interface{ OnConnected(Connected) }
	// ObserverFrames is told what was read at one moment.
	ObserverFrames interface{ OnFrames(FramesRead) }
	// ObserverHeartbeat is told that a heartbeat was acknowledged.
	ObserverHeartbeat interface{ OnHeartbeat(HeartbeatAcknowledged) }
	// ObserverState is told of every move of a session.
	ObserverState interface{ OnState(StateChanged) }
	// ObserverIdentify is told how permits to Identify are asked for, granted, refused and used.
	ObserverIdentify interface{ OnIdentify(IdentifyMoved) }
	// ObserverSend is told how a send event comes along.
	ObserverSend interface{ OnSend(SendMoved) }
	// ObserverCrash is told that a shard's actor has ended as it should not.
	ObserverCrash interface{ OnCrash(ShardCrashed) }
	// ObserverDeaf is told that a session is deaf, and what is done about it: see DeafSession.
	ObserverDeaf interface{ OnDeaf(ShardDeaf) }
)

// DialBegun: a dial begins.
type DialBegun struct {
	Key  Key
	Conn uint64
	At   time.Time // when its turn has come
}

// Connected: a dial has succeeded.
type Connected struct {
	Key  Key
	Conn uint64
	Took time.Duration
}

// FramesRead is what was read at one moment.
type FramesRead struct {
	Key    Key
	Conn   uint64
	At     time.Time
	Frames int
	Bytes  int // inflated
	Wire   int // bytes as they came: compressed, and without the overhead of WebSocket and TLS
}

// HeartbeatAcknowledged: a heartbeat's ACK has come.
type HeartbeatAcknowledged struct {
	Key       Key
	Conn      uint64
	RoundTrip time.Duration
	Late      time.Duration // how much later than planned it was written
}

// IdentifyMoved says how a shard's wish to Identify comes along.
type IdentifyMoved struct {
	Key   Key
	Conn  uint64
	Stage IdentifyStage
	Err   error // IdentifyRefused: why
}

// IdentifyStage is how far a wish to Identify has come.
type IdentifyStage int

// The stages.
const (
	IdentifyAsked IdentifyStage = iota
	IdentifyGranted
	IdentifyRefused
	IdentifyWritten
	IdentifyWithdrawn // it was not written, and its permit has gone back
)

// String is the stage in a word.
func (s IdentifyStage) String() string {
	return name([]string{"asked", "granted", "refused", "written", "withdrawn"}, int(s))
}

// SendMoved says how a send event comes along. One that ends before it is written has no second.
type SendMoved struct {
	Key       Key
	Op        events.Opcode
	Serial    uint64 // tells one send from another
	Stage     SendStage
	Waited    time.Duration // SendWritten: for its permits
	RoundTrip time.Duration // SendEnded: from the write to the last part of the answer
	Err       error         // SendEnded: a *SendError, also where its caller has given up; nil: it was done
	Sent      bool          // it was written, or may have been
	GivenUp   bool          // SendEnded: nobody waits for it any more, such as when its caller's context has ended
}

// SendStage is how far a send event has come.
type SendStage int

// The stages.
const (
	SendQueued SendStage = iota
	SendWritten
	SendEnded
)

// String is the stage in a word.
func (s SendStage) String() string { return name([]string{"queued", "written", "ended"}, int(s)) }

// ShardCrashed: a shard's actor has ended as it should not. It starts again, unless it is quarantined.
type ShardCrashed struct {
	Key         Key
	Crashes     int // within five minutes
	Cause       error
	Retry       time.Time
	Quarantined bool
}

// observeLimit is how many occurrences may wait for one observer.
const observeLimit = 8192

// Observers are told of occurrences, each on a lane of its own. Make them with NewObservers. Safe for concurrent use; nil has none.
type Observers struct {
	all       []told[any]
	dial      []told[ObserverDial]
	connected []told[ObserverConnected]
	frames    []told[ObserverFrames]
	heartbeat []told[ObserverHeartbeat]
	state     []told[ObserverState]
	identify  []told[ObserverIdentify]
	send      []told[ObserverSend]
	crash     []told[ObserverCrash]
	deaf      []told[ObserverDeaf]
}

// told is an observer and its lane.
type told[O any] struct {
	observer O
	lane     *lane
}

// NewObservers looks at what each of them wants to be told. What one panics with is logged by its type.
func NewObservers(log *zap.Logger, all ...any) *Observers {
	o := new(Observers)
	for _, each := range all {
		l := newLane(observeLimit, func(reason any) {
			log.Error("an observer panicked", zap.String("observer", fmt.Sprintf("%T", each)), zap.String("reason", foreign.Text(reason)))
		})
		o.all = append(o.all, told[any]{each, l})
		add(&o.dial, each, l)
		add(&o.connected, each, l)
		add(&o.frames, each, l)
		add(&o.heartbeat, each, l)
		add(&o.state, each, l)
		add(&o.identify, each, l)
		add(&o.send, each, l)
		add(&o.crash, each, l)
		add(&o.deaf, each, l)
	}
	return o
}

// Missed is how many calls observers were too slow for.
func (o *Observers) Missed() (n int64) {
	for _, each := range o.all {
		n += each.lane.left()
	}
	return n
}

// Tell has all of them called that are an O, such as an interface of the caller's own with one method.
func Tell[O any](o *Observers, call func(O)) {
	for _, each := range o.all {
		if observer, ok := each.observer.(O); ok {
			each.lane.do(func() { call(observer) })
		}
	}
}

func add[O any](of *[]told[O], each any, l *lane) {
	if observer, ok := each.(O); ok {
		*of = append(*of, told[O]{observer, l})
	}
}

// tell tells all of a kind. It costs nothing where nobody is to be told: call is a method, such as ObserverState.OnState.
func tell[O, M any](of []told[O], call func(O, M), what M) {
	for _, each := range of {
		what := what // or it would be made for nobody, too
		each.lane.do(func() { call(each.observer, what) })
	}
}
