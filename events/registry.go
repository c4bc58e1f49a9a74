package events

import (
	"encoding/json"
	"fmt"
)

// known is what this package knows about an event: its name, and how to make an empty one.
type known struct {
	name Type
	make func() Event
}

var registry = map[Type]known{}

// register adds one entry for each type of event that this package can decode.
func register(makers ...func() Event) {
	for _, make := range makers {
		name := make().EventType()
		registry[name] = known{name, make}
	}
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

// DecodeInto reads raw into event, whatever raw's type is.
func DecodeInto(raw *Raw, event any) error {
	if err := json.Unmarshal(raw.Data, event); err != nil {
		return fmt.Errorf("events: %s: %w", raw.Type, err)
	}
	return nil
}
