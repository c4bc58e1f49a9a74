package events

import (
	"context"
	"encoding/json"
)

// Identify starts a session. It is the session's own to send: through a Sender it ends in
// ErrReservedEvent.
//
// Source: events/gateway-events#identify
type Identify struct {
	Token          Secret
	Properties     Properties
	Compress       bool // payload compression; off when the transport is compressed
	LargeThreshold int  // 50 to 250; 0: not sent, which stands for 50
	Shard          ShardID
	Presence       *UpdatePresence
	Intents        Intents
	Capabilities   int64 // 0: not sent
}

// Properties name the client's operating system and library.
type Properties struct {
	OS      string `json:"os"`
	Browser string `json:"browser"`
	Device  string `json:"device"`
}

// Resume continues a session. It is the session's own to send.
//
// Source: events/gateway-events#resume
type Resume struct {
	Token     Secret
	SessionID Secret
	Seq       int64
}

// Request encodes the event, secrets and all.
func (e Identify) Request() (Request, error) {
	wire := struct {
		Token          string          `json:"token"`
		Properties     Properties      `json:"properties"`
		Compress       bool            `json:"compress,omitempty"`
		LargeThreshold int             `json:"large_threshold,omitempty"`
		Shard          ShardID         `json:"shard"`
		Presence       json.RawMessage `json:"presence,omitempty"`
		Intents        Intents         `json:"intents"`
		Capabilities   int64           `json:"capabilities,omitempty"`
	}{e.Token.Reveal(), e.Properties, e.Compress, e.LargeThreshold, e.Shard, nil, e.Intents, e.Capabilities}
	if e.LargeThreshold != 0 && (e.LargeThreshold < 50 || e.LargeThreshold > 250) {
		return Request{Op: OpIdentify}, &InvalidError{"Identify", "LargeThreshold", "is 50 to 250, or 0 for Discord's default"}
	}
	if e.Presence != nil {
		presence, err := e.Presence.Request()
		if err != nil {
			return Request{Op: OpIdentify}, err
		}
		wire.Presence = presence.Data
	}
	return encode(Request{Op: OpIdentify}, wire)
}

// Request encodes the event, secrets and all.
func (e Resume) Request() (Request, error) {
	return encode(Request{Op: OpResume}, struct {
		Token     string `json:"token"`
		SessionID string `json:"session_id"`
		Seq       int64  `json:"seq"`
	}{e.Token.Reveal(), e.SessionID.Reveal(), e.Seq})
}

// SendEvent is refused with ErrReservedEvent.
func (Identify) SendEvent(context.Context, Sender) (Receipt, error) {
	return Receipt{}, ErrReservedEvent
}

// SendEvent is refused with ErrReservedEvent.
func (Resume) SendEvent(context.Context, Sender) (Receipt, error) {
	return Receipt{}, ErrReservedEvent
}
