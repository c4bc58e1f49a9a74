package events

import "github.com/signalbox-go/signalbox/events/discord"

// Hello is the first payload of a connection (op 10).
//
// Source: events/gateway-events#hello
type Hello struct {
	HeartbeatInterval int64 `json:"heartbeat_interval"` // milliseconds
}

// RateLimitedMembers is RateLimited's Meta. It is a [discord.RateLimitedMembers].
//
//	type RateLimitedMembers struct {
//		GuildID Snowflake
//		Nonce   string // of the request, if it had one
//	}
type RateLimitedMembers = discord.RateLimitedMembers
