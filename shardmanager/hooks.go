package shardmanager

import "github.com/signalbox-go/signalbox/events"

// Hook is told of occurrences. A hook implements any of the interfaces HookChange,
// HookHandlerPanic, HookDecodeError, HookShed and HookForeignIdentifies; more may come. Hooks are called on the goroutines of
// the Manager, several at a time: they must be quick, must not block, and are not called
// again while one call lasts only if they see to it themselves.
type Hook any

// HookChange is told of every change of state.
type HookChange interface{ OnChange(Change) }

// HookHandlerPanic is told when a handler panicked. The event is lost to that handler alone.
type HookHandlerPanic interface{ OnHandlerPanic(HandlerPanic) }

// HandlerPanic is a panic of a handler.
type HandlerPanic struct {
	Type  events.Type
	Meta  events.Meta
	Value any    // what it panicked with
	Stack []byte // where
}

// HookDecodeError is told when an event could not be decoded into its type. Only those who
// wanted it typed do not get it; raw subscribers do.
type HookDecodeError interface {
	OnDecodeError(raw events.Raw, meta events.Meta, err error)
}

func callHooks[H any](m *Manager, call func(H)) {
	for _, hook := range m.cfg.hooks {
		if h, ok := hook.(H); ok {
			call(h)
		}
	}
}

// HookForeignIdentifies is told when the daily budget of Identifies has shrunk by more than this Manager
// has spent: another process uses the token, and each may spend what the other counts on. n is how
// many it has spent since GET /gateway/bot was asked before.
type HookForeignIdentifies interface{ OnForeignIdentifies(n int) }
