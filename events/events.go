// Package events is the vocabulary of the Discord Gateway, one to one with Discord's
// documentation: opcodes, close codes, intents, the send events with the JSON that Discord
// expects, and the receive events. It holds data and the rules about data. It never opens a
// connection, keeps no state and starts no goroutine.
//
// A send event is a plain struct; its SendEvent method carries it through a [Sender] and
// returns what the gateway answered:
//
//	members, err := events.RequestGuildMembers{GuildID: g, UserIDs: ids}.SendEvent(ctx, manager)
package events

import (
	"encoding/json"
	"time"

	"github.com/signalbox-go/signalbox/events/discord"
)

// Version is the version of the gateway's protocol that this package speaks.
const Version = 10

// MaxPayload is the size in bytes that a payload sent to the gateway may have; a larger one
// is answered with close code 4002.
//
// Source: events/gateway#sending-events
const MaxPayload = 4096

// Snowflake is Discord's id of an object: a uint64, which is a string in JSON. It is a [discord.Snowflake].
type Snowflake = discord.Snowflake

// Secret is a string that does not print: a token, a session id, a resume URL. Reveal gives
// the value. It is a [discord.Secret].
type Secret = discord.Secret

// Compression is how the gateway compresses what it sends. The empty value stands for the
// default, zstd-stream.
//
// Source: events/gateway#encoding-and-compression
type Compression string

// The compressions. Payload compression is asked for in Identify, the others in the URL.
const (
	CompressionNone    Compression = "none"
	CompressionPayload Compression = "payload"
	CompressionZlib    Compression = "zlib-stream"
	CompressionZstd    Compression = "zstd-stream"
)

// Type is the name of a receive event, such as "MESSAGE_CREATE".
type Type string

// Raw is a payload of the gateway with its d field left undecoded. Data is read-only: it is
// shared by all who receive it.
type Raw struct {
	Op   Opcode
	Seq  int64 // 0 when the payload has none
	Type Type  // empty unless Op is OpDispatch
	Data json.RawMessage
}

// EventType is the event's name: unknown events reach a subscriber as *Raw.
func (r *Raw) EventType() Type { return r.Type }

// Meta says where a receive event came from.
type Meta struct {
	Shard      ShardID
	Generation uint64    // of the shard: see ShardKey
	Session    uint64    // tells one session of the shard from the next; it is not the session id
	Seq        int64     // the event's sequence within the session, as it came; 0: none
	Received   time.Time // when the last byte was read
	// Replayed: sent again by a Resume, so it happened while the shard was not connected.
	Replayed bool
	// Redelivered: it may have been delivered before, by a process that ended before it could say.
	Redelivered bool
}

// Key is the shard's.
func (m Meta) Key() ShardKey { return ShardKey{m.Generation, m.Shard} }

// Event is any receive event, always as a pointer.
type Event interface{ EventType() Type }

// Ptr returns a pointer to v, for the optional fields of send events.
func Ptr[T any](v T) *T { return &v }
