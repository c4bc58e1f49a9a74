package events

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/signalbox-go/signalbox/events/internal/wire"
)

// known is what this package knows about an event: its name, the intents of which any one
// feeds it, how to make an empty one, and how to decode into one, unless it is of somebody else's type.
type known struct {
	name   Type
	gates  Intents
	make   func() Event
	decode func(data []byte, into any) (odd wire.Odd, ours bool, err error)
}

var registry = map[Type]known{}

// register adds an event that this package can decode. The generated code calls it.
func register[E any, P interface {
	*E
	Event
}](name Type, gates Intents, field func(*wire.Decoder, *E, string) bool) {
	registry[name] = known{
		name: name, gates: gates,
		make: func() Event { return P(new(E)) },
		decode: func(data []byte, into any) (odd wire.Odd, ours bool, err error) {
			event, ours := into.(*E)
			if ours {
				odd, err = wire.Decode(data, event, field)
			}
			return odd, ours, err
		},
	}
}

// Types are the names of all receive events that this package knows, in order.
func Types() []Type { return slices.Sorted(maps.Keys(registry)) }

// Gates are the intents of which any one feeds the event: 0 for an event that always comes,
// false for one that this package does not know.
//
// Source: events/gateway#list-of-intents
func (t Type) Gates() (Intents, bool) {
	entry, ok := registry[t]
	return entry.gates, ok
}

// New returns an empty event of the type, or false if this package does not know it.
func New(t Type) (Event, bool) {
	if entry, ok := registry[t]; ok {
		return entry.make(), true
	}
	return nil, false
}

// Decode reads the event that raw holds. A type that this package does not know gives raw
// itself.
//
// An odd field costs itself: one whose value is not of the documented type is left unset, and so is an odd element of a list left
// out; that is no error. See [DecodeStrict]. An error says that the data is no JSON object at all, or that it is hostile: far
// deeper, or taking far more memory, than anything Discord sends. Errors name the type, and quote nothing of the data.
//
// Source: events/gateway-events#presence-update, whose fields Discord does not validate
func Decode(raw *Raw) (Event, error) {
	event, ok := New(raw.Type)
	if !ok {
		return raw, nil
	}
	if err := DecodeInto(raw, event); err != nil {
		return nil, err
	}
	return event, nil
}

// DecodeInto is Decode into event, whatever raw's type is. An event of this package is decoded
// by its own decoder, anything else by encoding/json.
func DecodeInto(raw *Raw, event any) error {
	err := DecodeStrict(raw, event)
	if err == nil {
		return nil
	}
	if odd := new(OddFieldsError); errors.As(err, &odd) {
		return nil
	}
	return err
}

// DecodeStrict is DecodeInto for those who want to know of odd fields, as in tests: they are an [*OddFieldsError], and event has
// everything else. After any other error event is not to be used.
func DecodeStrict(raw *Raw, event any) error {
	var odd wire.Odd
	var ours bool
	var err error
	if named, is := event.(Event); is {
		if entry, known := registry[named.EventType()]; known {
			odd, ours, err = entry.decode(raw.Data, event)
		}
	}
	if !ours {
		odd, err = decodeStandard(raw.Data, event)
	}
	switch {
	case err != nil:
		return fmt.Errorf("events: %s: %w", printable(raw.Type), err)
	case odd.Paths != nil:
		return &OddFieldsError{raw.Type, odd.Paths, odd.More}
	}
	return nil
}
