package gatewaytest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// guild is a guild as it stands now. Its members are 1 to base, as WithMembers says, but for
// those who left, and those who joined; the bot is one more, which is not counted.
type guild struct {
	id          events.Snowflake
	fields      object
	channels    []object
	threads     []object // that are active
	roles       []object
	base        int
	members     map[events.Snowflake]object // who joined, and who was changed
	joined      []events.Snowflake          // who is not one of the first, in the order of joining
	left        map[events.Snowflake]bool
	presences   map[events.Snowflake]object // of members; who has none and is one of the first is online
	voices      map[events.Snowflake]*voice
	unavailable bool // there is an outage
	removed     bool // the bot was removed
	since       time.Time
}

// voice is the voice state of a user.
type voice struct {
	state object
	owner *sess // of the bot's own: the session that asked for it; nil: somebody else's
}

const defaultJoin = "2026-01-01T00:00:00.000000+00:00"

func newGuild(id events.Snowflake, members int) *guild {
	g := &guild{
		id: id, base: members, members: make(map[events.Snowflake]object), left: make(map[events.Snowflake]bool),
		presences: make(map[events.Snowflake]object), voices: make(map[events.Snowflake]*voice), since: time.Now(),
	}
	g.fields = object{
		"id": id, "name": "guild " + id.String(), "icon": nil, "splash": nil, "discovery_splash": nil, "owner_id": events.Snowflake(1), "region": nil,
		"afk_channel_id": nil, "afk_timeout": 300, "widget_enabled": false, "widget_channel_id": nil,
		"verification_level": 0, "default_message_notifications": 0, "explicit_content_filter": 0, "emojis": []any{}, "stickers": []any{},
		"features": []any{}, "mfa_level": 0, "application_id": nil, "system_channel_id": nil, "system_channel_flags": 0, "rules_channel_id": nil,
		"vanity_url_code": nil, "description": nil, "banner": nil, "premium_tier": 0, "preferred_locale": "en-US", "nsfw_level": 0,
		"public_updates_channel_id": nil, "premium_progress_bar_enabled": false, "safety_alerts_channel_id": nil, "premium_subscription_count": 0,
		"max_presences": nil, "max_members": 500_000, "max_video_channel_users": 25, "max_stage_video_channel_users": 50, "hub_type": nil, "incidents_data": nil,
	}
	g.roles = []object{roleObject(id, "@everyone", 0)}
	g.channels = []object{g.channelObject(id+1, "general", 0, 0), g.channelObject(id+2, "Voice", 2, 1)}
	return g
}

// find is the place of an object among others, by its id; -1: it is not there.
func find(all []object, id events.Snowflake) int {
	return slices.IndexFunc(all, func(o object) bool { return o["id"] == id })
}

// list is a list that is empty rather than null.
func list(all []object) []object { return append([]object{}, all...) }

// at is where a channel or a thread is among those of its kind; -1: it is nowhere.
func (g *guild) at(id events.Snowflake) (among *[]object, at int) {
	if at = find(g.threads, id); at >= 0 {
		return &g.threads, at
	}
	return &g.channels, find(g.channels, id)
}

// noChannel says which channels there are.
func (g *guild) noChannel(id events.Snowflake) error {
	if len(g.channels) == 0 {
		return fmt.Errorf("guild %v has no channel: add one", g.id)
	}
	return fmt.Errorf("guild %v has no channel %v: one that it has is %v", g.id, id, g.channels[0]["id"])
}

// channel is the guild's first channel of a type, or 0.
func (g *guild) channel(kind int) events.Snowflake {
	for _, c := range g.channels {
		if c["type"] == kind {
			return c["id"].(events.Snowflake)
		}
	}
	return 0
}

// member is a member, or nil.
func (g *guild) member(id events.Snowflake) object {
	if m := g.members[id]; m != nil {
		return m
	}
	switch {
	case id == BotID:
		return memberObject(userObject(BotID, botName), defaultJoin)
	case id >= 1 && id <= events.Snowflake(g.base) && !g.left[id]:
		return memberObject(userObject(id, memberName(id)), defaultJoin)
	}
	return nil
}

// everybody is every member's id but the bot's, in order.
func (g *guild) everybody(f func(events.Snowflake) bool) {
	for id := events.Snowflake(1); id <= events.Snowflake(g.base); id++ {
		if id != BotID && !g.left[id] && !f(id) {
			return
		}
	}
	for _, id := range g.joined {
		if !f(id) {
			return
		}
	}
}

// count is how many members there are, without the bot.
func (g *guild) count() int { return g.base - len(g.left) + len(g.joined) }

// presence is a member's presence, or nil: offline.
func (g *guild) presence(id events.Snowflake) object {
	if p, known := g.presences[id]; known {
		return p
	}
	if id >= 1 && id <= events.Snowflake(g.base) && !g.left[id] {
		return presenceObject(id, "online", nil)
	}
	return nil
}

// shown are the members, but for the bot, that are in the GUILD_CREATE which a session gets.
//
// Source: events/gateway-events#guild-create, events/gateway#privileged-intents
func (g *guild) shown(session *sess) (ids []events.Snowflake) {
	const huge = 75_000
	if session.intents&intentPresences == 0 || g.count() > huge {
		return slices.DeleteFunc(sorted(g.voices), func(id events.Snowflake) bool { return id == BotID })
	}
	g.everybody(func(id events.Snowflake) bool {
		m := g.member(id)
		roles, _ := m["roles"].([]any)
		if g.count() <= session.threshold || g.voices[id] != nil || g.presence(id) != nil || m["nick"] != nil || len(roles) > 0 {
			ids = append(ids, id)
		}
		return true
	})
	return ids
}

// create is the data of the GUILD_CREATE that a session gets. Voice states come with
// GUILD_VOICE_STATES, which is observed and not documented.
func (g *guild) create(session *sess) object {
	members, presences, voices := []any{g.member(BotID)}, []any{}, []any{}
	for _, id := range g.shown(session) {
		members = append(members, g.member(id))
		if p := g.presence(id); p != nil && session.intents&intentPresences != 0 {
			presences = append(presences, p)
		}
	}
	if session.intents&intentVoiceStates != 0 {
		for _, user := range sorted(g.voices) {
			state := with(object{}, Fields(g.voices[user].state))
			delete(state, "guild_id")
			voices = append(voices, state)
		}
	}
	return with(object{
		"joined_at": defaultJoin, "large": g.count() > session.threshold, "unavailable": false, "member_count": g.count() + 1, "members": members,
		"channels": g.channels, "roles": g.roles, "threads": list(g.threads), "voice_states": voices, "presences": presences, "stage_instances": []any{},
		"guild_scheduled_events": []any{}, "soundboard_sounds": g.sounds(),
	}, Fields(g.fields))
}

// update is the data of GUILD_UPDATE.
func (g *guild) update() object {
	return with(object{"roles": g.roles}, Fields(g.fields))
}

// search gives the members that a request asks for, and the ids that are none.
func (g *guild) search(query *string, limit int, ids []events.Snowflake) (members, missing []events.Snowflake) {
	for _, id := range ids {
		if g.member(id) != nil {
			members = append(members, id)
		} else {
			missing = append(missing, id)
		}
	}
	if query == nil {
		return members, missing
	}
	most := g.count()
	if limit > 0 {
		most = min(limit, 100)
	}
	g.everybody(func(id events.Snowflake) bool {
		if len(members) >= most {
			return false
		}
		if strings.HasPrefix(g.name(id), *query) {
			members = append(members, id)
		}
		return true
	})
	return members, missing
}

// name is a member's user name.
func (g *guild) name(id events.Snowflake) string {
	if m := g.members[id]; m != nil {
		name, _ := m["user"].(object)["username"].(string)
		return name
	}
	return memberName(id)
}
