package events

// Hello is the first payload of a connection (op 10).
//
// Source: events/gateway-events#hello
type Hello struct {
	HeartbeatInterval int64 `json:"heartbeat_interval"` // milliseconds
}

// RateLimitedMembers is RateLimited's Meta for Request Guild Members.
//
// Source: events/gateway-events#rate-limited
type RateLimitedMembers struct {
	GuildID Snowflake `json:"guild_id"`
	Nonce   string    `json:"nonce,omitempty"`
}
