package shardmanager

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/tap"
)

// Hook is told of occurrences. A hook implements any of the interfaces HookChange, HookHandlerPanic, HookDecodeError, HookShed,
// HookReshardAdvised, HookForeignIdentifies, HookSaved, HookDiscovery, HookIntents, and those of the actors: HookDial, HookConnected, HookFrames, HookHeartbeat, HookIdentify,
// HookSend, HookCrash and HookDeaf; more may come. A method that is missing costs nothing. Each hook is called on a goroutine of its own, one call at a time and in
// order, after what it is told has happened: it may take its time and may call anything of the Manager. If it panics, ends its
// goroutine or hangs, that costs its own calls; what it is too slow for, beyond 8,192 calls, is left out: Manager.HooksMissed counts that.
type Hook any

// HooksMissed is how many calls of hooks were left out so far, of all hooks together, since one was too slow for what happened. What a hook has counted is too
// little then. 0: none was. Safe for concurrent use, at any time.
func (m *Manager) HooksMissed() int64 { return m.observers.Missed() }

// HookChange is told of every change of state.
type HookChange interface{ OnChange(Change) }

// HookHandlerPanic is told when a handler panicked. The event is lost to that handler alone.
type HookHandlerPanic interface{ OnHandlerPanic(HandlerPanic) }

// HandlerPanic is a panic of a handler.
type HandlerPanic struct {
	Handler string // its WithName, or its event and function: "MESSAGE_CREATE (main.onMessage)"; of OnRaw the function alone
	Type    events.Type
	Meta    events.Meta
	Value   any    // what it panicked with
	Stack   []byte // where
}

// HookDecodeError is told of an event that was not wholly decoded into its type, also of one in an answer. With an
// *events.OddFieldsError as err, some fields were left unset, and handlers get all the rest of the event; with any other error only raw
// subscribers get the event. err names fields and quotes no value; raw.Data holds the event's contents, so do not log it.
type HookDecodeError interface {
	OnDecodeError(raw events.Raw, meta events.Meta, err error)
}

// HookDial is told that a dial begins: OnDial(actors.DialBegun). It is an [actors.ObserverDial].
type HookDial = actors.ObserverDial

// HookConnected is told that a dial has succeeded: OnConnected(actors.Connected). It is an [actors.ObserverConnected].
type HookConnected = actors.ObserverConnected

// HookFrames is told what was read at one moment: OnFrames(actors.FramesRead). It is an [actors.ObserverFrames].
type HookFrames = actors.ObserverFrames

// HookHeartbeat is told that a heartbeat was acknowledged: OnHeartbeat(actors.HeartbeatAcknowledged). It is an [actors.ObserverHeartbeat].
type HookHeartbeat = actors.ObserverHeartbeat

// HookIdentify is told how permits to Identify are asked for, granted, refused and used: OnIdentify(actors.IdentifyMoved). It is an
// [actors.ObserverIdentify].
type HookIdentify = actors.ObserverIdentify

// HookSend is told how a send event comes along: OnSend(actors.SendMoved). It is an [actors.ObserverSend].
type HookSend = actors.ObserverSend

// HookCrash is told that a shard's actor has ended as it should not: OnCrash(actors.ShardCrashed). It is an [actors.ObserverCrash].
type HookCrash = actors.ObserverCrash

// HookDeaf is told that a session is deaf, and what is done about it: OnDeaf(actors.ShardDeaf). It is an [actors.ObserverDeaf].
type HookDeaf = actors.ObserverDeaf

// HookSaved is told that the session store was written to, or could not be.
type HookSaved interface{ OnSaved(Saved) }

// Saved is one writing of the session store.
type Saved struct {
	Shards int // of which something was written or deleted
	Took   time.Duration
	Err    error // it is tried again; or a *session.FencedError: another process has taken over so many shards, which are saved here no more
}

// hookTypes are all that a hook may be.
var hookTypes = []reflect.Type{
	reflect.TypeFor[HookChange](), reflect.TypeFor[HookHandlerPanic](), reflect.TypeFor[HookDecodeError](), reflect.TypeFor[HookShed](),
	reflect.TypeFor[HookForeignIdentifies](), reflect.TypeFor[HookDial](), reflect.TypeFor[HookConnected](), reflect.TypeFor[HookFrames](),
	reflect.TypeFor[HookHeartbeat](), reflect.TypeFor[HookIdentify](), reflect.TypeFor[HookSend](), reflect.TypeFor[HookCrash](), reflect.TypeFor[HookDeaf](), reflect.TypeFor[HookSaved](),
	reflect.TypeFor[actors.ObserverState](), reflect.TypeFor[HookDiscovery](), reflect.TypeFor[HookIntents](), reflect.TypeFor[HookReshardAdvised](),
}

// checkHook says why a hook would never be called, or not as its author means it.
func checkHook(hook Hook) error {
	if hook == nil {
		return errors.New("a hook is nil")
	}
	if isNil(hook) {
		return fmt.Errorf("a hook is a nil %T", hook)
	}
	_, is := hook.(tap.Counter)
	t := reflect.TypeOf(hook)
	for _, kind := range hookTypes {
		name := kind.Method(0).Name
		if t.Implements(kind) {
			is = true
		} else if method, has := t.MethodByName(name); has {
			return fmt.Errorf("%v has a method %s that is never called: it is %v, and must be %v", t, name, method.Type, kind.Method(0).Type)
		} else if t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(kind) {
			return fmt.Errorf("%v has its method %s by pointer: pass &%v{…}", t, name, t)
		}
	}
	if !is {
		return fmt.Errorf("%v is no hook: it has no method of HookChange, HookShed, or another", t)
	}
	return nil
}

// count is what has the hooks count that do so where events are read; nil: none does.
func (c *config) count() func(events.Type, bool) {
	var all []tap.Counter
	for _, hook := range c.hooks {
		if counter, is := hook.(tap.Counter); is {
			all = append(all, counter)
		}
	}
	if all == nil {
		return nil
	}
	return func(of events.Type, replayed bool) {
		for _, counter := range all {
			counter.Count(tap.Counted{Type: of, Replayed: replayed})
		}
	}
}

// HookForeignIdentifies is told when the daily budget of Identifies has shrunk by more than this Manager
// has spent: another process uses the token, and each may spend what the other counts on. n is how
// many it has spent since GET /gateway/bot was asked before.
type HookForeignIdentifies interface{ OnForeignIdentifies(n int) }
