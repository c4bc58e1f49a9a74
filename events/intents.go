package events

import (
	"math/bits"
	"strconv"
	"strings"
)

// Intents says which groups of events a session receives. Zero asks for none: only the
// events that no intent gates arrive.
//
// Source: events/gateway#gateway-intents
type Intents uint64

// The intents. GUILD_MEMBERS, GUILD_PRESENCES and MESSAGE_CONTENT are privileged: they
// must be enabled for the application, or Identify is answered with close code 4014; see docs/intents.md.
const (
	IntentGuilds                      Intents = 1 << 0
	IntentGuildMembers                Intents = 1 << 1 // privileged
	IntentGuildModeration             Intents = 1 << 2
	IntentGuildExpressions            Intents = 1 << 3
	IntentGuildIntegrations           Intents = 1 << 4
	IntentGuildWebhooks               Intents = 1 << 5
	IntentGuildInvites                Intents = 1 << 6
	IntentGuildVoiceStates            Intents = 1 << 7
	IntentGuildPresences              Intents = 1 << 8 // privileged
	IntentGuildMessages               Intents = 1 << 9
	IntentGuildMessageReactions       Intents = 1 << 10
	IntentGuildMessageTyping          Intents = 1 << 11
	IntentDirectMessages              Intents = 1 << 12
	IntentDirectMessageReactions      Intents = 1 << 13
	IntentDirectMessageTyping         Intents = 1 << 14
	IntentMessageContent              Intents = 1 << 15 // privileged; gates fields, not events
	IntentGuildScheduledEvents        Intents = 1 << 16
	IntentAutoModerationConfiguration Intents = 1 << 20
	IntentAutoModerationExecution     Intents = 1 << 21
	IntentGuildMessagePolls           Intents = 1 << 24
	IntentDirectMessagePolls          Intents = 1 << 25

	// IntentsPrivileged are those that must be enabled for the application.
	IntentsPrivileged = IntentGuildMembers | IntentGuildPresences | IntentMessageContent
	// IntentsUnprivileged are all that need no permission.
	IntentsUnprivileged = IntentsAll &^ IntentsPrivileged
	// IntentsAll are all intents there are.
	IntentsAll Intents = 53608447
)

var intentNames = [...]string{
	0: "GUILDS", 1: "GUILD_MEMBERS", 2: "GUILD_MODERATION", 3: "GUILD_EXPRESSIONS",
	4: "GUILD_INTEGRATIONS", 5: "GUILD_WEBHOOKS", 6: "GUILD_INVITES", 7: "GUILD_VOICE_STATES",
	8: "GUILD_PRESENCES", 9: "GUILD_MESSAGES", 10: "GUILD_MESSAGE_REACTIONS", 11: "GUILD_MESSAGE_TYPING",
	12: "DIRECT_MESSAGES", 13: "DIRECT_MESSAGE_REACTIONS", 14: "DIRECT_MESSAGE_TYPING",
	15: "MESSAGE_CONTENT", 16: "GUILD_SCHEDULED_EVENTS", 20: "AUTO_MODERATION_CONFIGURATION",
	21: "AUTO_MODERATION_EXECUTION", 24: "GUILD_MESSAGE_POLLS", 25: "DIRECT_MESSAGE_POLLS",
}

// Has reports whether all intents of want are among i.
func (i Intents) Has(want Intents) bool { return i&want == want }

// Unknown are the bits of i that no intent has. The gateway closes with 4013 when one is set.
func (i Intents) Unknown() Intents { return i &^ IntentsAll }

// String lists the names, such as "GUILDS|GUILD_MESSAGES"; unknown bits as "1<<17".
func (i Intents) String() string {
	if i == 0 {
		return "none"
	}
	var names []string
	for rest := uint64(i); rest != 0; rest &= rest - 1 {
		bit := bits.TrailingZeros64(rest)
		if bit < len(intentNames) && intentNames[bit] != "" {
			names = append(names, intentNames[bit])
		} else {
			names = append(names, "1<<"+strconv.Itoa(bit))
		}
	}
	return strings.Join(names, "|")
}
