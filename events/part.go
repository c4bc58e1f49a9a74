package events

import "github.com/signalbox-go/signalbox/events/internal/wire"

// Part is what a session needs of an event: of an answer the guild, the nonce where the gateway echoes one,
// and of a list in parts which part it is; of READY the session.
type Part = wire.Part

// PartOf reads the Part of an event's data, and steps over the rest. ok is false when the data is not an object, or
// one of the fields is not of its type.
func PartOf(data []byte) (part Part, ok bool) { return wire.PartOf(data) }
