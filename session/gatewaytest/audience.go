package gatewaytest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/signalbox-go/signalbox/events"
)

// gate is which intents an event needs, one of them: in a guild, and where there is none. Zero:
// it needs none.
type gate struct{ guild, direct events.Intents }

// The intents by their bits, written down anew.
//
// Source: events/gateway#list-of-intents
const (
	intentModeration        events.Intents = 1 << 2
	intentExpressions       events.Intents = 1 << 3
	intentIntegrations      events.Intents = 1 << 4
	intentWebhooks          events.Intents = 1 << 5
	intentInvites           events.Intents = 1 << 6
	intentMessages          events.Intents = 1 << 9
	intentReactions         events.Intents = 1 << 10
	intentTyping            events.Intents = 1 << 11
	intentDirectMessages    events.Intents = 1 << 12
	intentDirectReactions   events.Intents = 1 << 13
	intentDirectTyping      events.Intents = 1 << 14
	intentContent           events.Intents = 1 << 15
	intentScheduledEvents   events.Intents = 1 << 16
	intentAutoModeration    events.Intents = 1 << 20
	intentAutoModerationRun events.Intents = 1 << 21
	intentPolls             events.Intents = 1 << 24
	intentDirectPolls       events.Intents = 1 << 25
)

// gates are by the beginning of an event's name; the longest that fits counts. What is not here
// needs no intent.
//
// Source: events/gateway#list-of-intents
var gates = map[string]gate{
	"GUILD_CREATE": {guild: intentGuilds}, "GUILD_UPDATE": {guild: intentGuilds}, "GUILD_DELETE": {guild: intentGuilds},
	"GUILD_ROLE_": {guild: intentGuilds}, "CHANNEL_CREATE": {guild: intentGuilds}, "CHANNEL_UPDATE": {guild: intentGuilds},
	"CHANNEL_DELETE": {guild: intentGuilds}, "CHANNEL_PINS_UPDATE": {intentGuilds, intentDirectMessages},
	"THREAD_": {guild: intentGuilds}, "STAGE_INSTANCE_": {guild: intentGuilds},
	"VOICE_CHANNEL_STATUS_UPDATE": {guild: intentGuilds}, "VOICE_CHANNEL_START_TIME_UPDATE": {guild: intentGuilds},
	"GUILD_MEMBER_": {guild: intentMembers}, "GUILD_AUDIT_LOG_ENTRY_CREATE": {guild: intentModeration}, "GUILD_BAN_": {guild: intentModeration},
	"GUILD_EMOJIS_UPDATE": {guild: intentExpressions}, "GUILD_STICKERS_UPDATE": {guild: intentExpressions},
	"GUILD_SOUNDBOARD_": {guild: intentExpressions}, "GUILD_INTEGRATIONS_UPDATE": {guild: intentIntegrations}, "INTEGRATION_": {guild: intentIntegrations},
	"WEBHOOKS_UPDATE": {guild: intentWebhooks}, "INVITE_": {guild: intentInvites},
	"VOICE_STATE_UPDATE": {guild: intentVoiceStates}, "VOICE_CHANNEL_EFFECT_SEND": {guild: intentVoiceStates},
	"PRESENCE_UPDATE": {guild: intentPresences}, "MESSAGE_CREATE": {intentMessages, intentDirectMessages},
	"MESSAGE_UPDATE": {intentMessages, intentDirectMessages}, "MESSAGE_DELETE": {intentMessages, intentDirectMessages},
	"MESSAGE_DELETE_BULK": {guild: intentMessages},
	"MESSAGE_REACTION_":   {intentReactions, intentDirectReactions}, "MESSAGE_POLL_": {intentPolls, intentDirectPolls},
	"TYPING_START": {intentTyping, intentDirectTyping}, "GUILD_SCHEDULED_EVENT_": {guild: intentScheduledEvents},
	"AUTO_MODERATION_RULE_": {guild: intentAutoModeration}, "AUTO_MODERATION_ACTION_EXECUTION": {guild: intentAutoModerationRun},
}

func gateOf(t events.Type) gate {
	name := string(t)
	if g, ok := gates[name]; ok {
		return g
	}
	for at := strings.LastIndexByte(name, '_'); at >= 0; at = strings.LastIndexByte(name[:at], '_') {
		if g, ok := gates[name[:at+1]]; ok {
			return g
		}
	}
	return gate{}
}

// hears reports whether a session is told of an event, and whether without a message's content.
//
// Source: events/gateway#gateway-intents, events/gateway#message-content-intent
func (s *sess) hears(t events.Type, d object) (hears, bare bool) {
	g := gateOf(t)
	needs := g.guild
	if _, inGuild := d["guild_id"]; d != nil && !inGuild && g.direct != 0 {
		needs = g.direct
	}
	hears = needs == 0 || s.intents&needs != 0
	if !hears && t == "GUILD_MEMBER_UPDATE" {
		hears = isBot(d["user"]) // of itself the bot hears without the intent
	}
	message := t == "MESSAGE_CREATE" || t == "MESSAGE_UPDATE"
	return hears, message && s.intents&intentContent == 0 && needs == intentMessages && !ownContent(d)
}

// ownContent reports whether a message is the bot's own, or mentions it: then its content is
// shown without the intent.
func ownContent(d object) bool {
	mentions, _ := d["mentions"].([]any)
	return isBot(d["author"]) || slices.ContainsFunc(mentions, isBot)
}

// isBot reports whether a user object is the bot's. Ids that a test gave may be strings.
func isBot(user any) bool {
	u, _ := user.(object)
	return fmt.Sprint(u["id"]) == BotID.String()
}

// withoutContent is a message as it is shown without MESSAGE_CONTENT.
func withoutContent(d object) object {
	d = maps.Clone(d)
	d["content"] = ""
	for _, field := range []string{"embeds", "attachments", "components"} {
		if _, has := d[field]; has {
			d[field] = []any{}
		}
	}
	delete(d, "poll")
	return d
}
