package events

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/signalbox-go/signalbox/events/internal/wire"
)

// known is what this package knows about an event: its name, the intents of which any one
// feeds it, how to make an empty one, and how to decode into one.
type known struct {
	name   Type
	gates  Intents
	make   func() Event
	decode func(*wire.Decoder, Event)
}

var registry = map[Type]known{}

// register adds an event that this package can decode. The generated code calls it.
func register[E any, P interface {
	*E
	Event
}](name Type, gates Intents, field func(*wire.Decoder, *E, string) bool) {
	registry[name] = known{
		name: name, gates: gates,
		make:   func() Event { return P(new(E)) },
		decode: func(d *wire.Decoder, into Event) { wire.Object(d, (*E)(into.(P)), field) },
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
// itself. The error wraps that of the JSON decoder and names the type.
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

// DecodeInto reads raw into event, whatever raw's type is. An event of this package is decoded
// by its own decoder, anything else by encoding/json.
func DecodeInto(raw *Raw, event any) error {
	var err error
	if ours, ok := event.(Event); !ok {
		err = json.Unmarshal(raw.Data, event)
	} else if entry, ok := registry[ours.EventType()]; !ok {
		err = json.Unmarshal(raw.Data, event)
	} else {
		err = wire.Decode(raw.Data, func(d *wire.Decoder) { entry.decode(d, ours) })
	}
	if err != nil {
		return fmt.Errorf("events: %s: %w", raw.Type, err)
	}
	return nil
}
