package gatewaytest

import (
	"regexp"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// The objects of the world have every field that Discord documents and shows to bots in events, with its value where nothing has
// happened. Fields that stand there for some, such as the icon hash of a guild's invite, are left out.

// userObject is a user as others see it.
//
// Source: resources/user#user-object
func userObject(id events.Snowflake, name string) object {
	return object{
		"id": id, "username": name, "discriminator": "0", "global_name": nil, "avatar": nil, "bot": id == BotID, "system": false, "banner": nil,
		"accent_color": nil, "public_flags": 0, "avatar_decoration_data": nil, "collectibles": nil, "primary_guild": nil,
	}
}

// self is the bot's user as it sees itself.
func (w *World) self() object {
	return with(userObject(BotID, botName), Fields{"verified": true, "mfa_enabled": false, "email": nil, "flags": 0})
}

const botName = "signalbox"

// Source: resources/guild#guild-member-object
func memberObject(user object, joined string) object {
	return object{
		"user": user, "nick": nil, "avatar": nil, "banner": nil, "roles": []any{}, "joined_at": joined, "premium_since": nil, "deaf": false, "mute": false,
		"flags": 0, "pending": false, "communication_disabled_until": nil, "avatar_decoration_data": nil, "collectibles": nil,
	}
}

// ofMessage is a member as it stands in a message, beside its user.
func ofMessage(member object) object {
	partial := with(object{}, Fields(member))
	delete(partial, "user")
	return partial
}

// Source: events/gateway-events#presence-update
func presenceObject(user events.Snowflake, status string, activities []any) object {
	if activities == nil {
		activities = []any{}
	}
	client := object{}
	if status != "offline" {
		client["desktop"] = status
	}
	return object{"user": object{"id": user}, "status": status, "activities": activities, "client_status": client}
}

// Source: events/gateway-events#activity-object
func activityObject(fields Fields) object {
	return with(object{
		"id": "activity", "name": "", "type": 0, "url": nil, "created_at": time.Now().UnixMilli(), "details": nil, "details_url": nil, "state": nil, "state_url": nil,
		"instance": false, "flags": 0,
	}, fields)
}

// Source: topics/permissions#role-object
func roleObject(id events.Snowflake, name string, position int) object {
	return object{
		"id": id, "name": name, "color": 0, "colors": object{"primary_color": 0, "secondary_color": nil, "tertiary_color": nil}, "hoist": false, "icon": nil,
		"unicode_emoji": nil, "position": position, "permissions": permissions, "managed": false, "mentionable": false, "flags": 0,
	}
}

const permissions = "104324673"

// Source: resources/emoji#emoji-object, resources/sticker#sticker-object, whose users only bots that may manage expressions see
func (w *World) emojiObject(fields object) object {
	return with(object{
		"id": w.next(), "name": "emoji", "roles": []any{}, "require_colons": true, "managed": false, "animated": false, "available": true,
	}, Fields(fields))
}

func (w *World) stickerObject(guild events.Snowflake, fields object) object {
	return with(object{
		"id": w.next(), "name": "sticker", "description": nil, "tags": "wave", "type": 2, "format_type": 1, "available": true, "guild_id": guild,
	}, Fields(fields))
}

// sounds are a guild's sounds of the soundboard.
//
// Source: resources/soundboard#soundboard-sound-object
func (g *guild) sounds() []any {
	return []any{object{"name": "quack", "sound_id": "1", "volume": 1, "emoji_id": nil, "emoji_name": "🦆", "guild_id": g.id, "available": true}}
}

// The types of channels.
//
// Source: resources/channel#channel-object-channel-types
const (
	textChannel  = 0
	voiceChannel = 2
	category     = 4
	newsThread   = 10
	privThread   = 12
	stageChannel = 13
	forum        = 15
	mediaForum   = 16
)

func isThread(kind int) bool { return kind >= newsThread && kind <= privThread }

// channelObject is a channel of a guild, with the fields that its type has.
//
// Source: resources/channel#channel-object
func (g *guild) channelObject(id events.Snowflake, name string, kind, position int) object {
	if isThread(kind) {
		return g.threadObject(id, name, kind)
	}
	c := object{"id": id, "type": kind, "guild_id": g.id, "name": name, "position": position, "permission_overwrites": []any{}, "parent_id": nil, "flags": 0}
	if kind == category {
		return c
	}
	c = with(c, Fields{"nsfw": false, "last_message_id": nil, "rate_limit_per_user": 0})
	switch kind {
	case voiceChannel, stageChannel:
		return with(c, Fields{"bitrate": 64_000, "user_limit": 0, "rtc_region": nil, "video_quality_mode": 1, "topic": nil})
	case forum, mediaForum:
		c = with(c, Fields{"available_tags": []any{}, "default_reaction_emoji": nil, "default_sort_order": nil, "default_forum_layout": 0})
	default:
		c["last_pin_timestamp"] = nil
	}
	return with(c, Fields{"topic": nil, "default_auto_archive_duration": 1440, "default_thread_rate_limit_per_user": 0})
}

func (g *guild) threadObject(id events.Snowflake, name string, kind int) object {
	now := stamp()
	meta := object{"archived": false, "auto_archive_duration": 1440, "archive_timestamp": now, "locked": false, "create_timestamp": now}
	if kind == privThread {
		meta["invitable"] = true
	}
	return object{
		"id": id, "type": kind, "guild_id": g.id, "name": name, "parent_id": nil, "owner_id": events.Snowflake(1), "last_message_id": nil,
		"last_pin_timestamp": nil, "rate_limit_per_user": 0, "message_count": 0, "member_count": 1, "total_message_sent": 0, "thread_metadata": meta,
		"flags": 0, "applied_tags": []any{},
	}
}

var mention = regexp.MustCompile(`<@([!&]?)(\d{1,20})>`)

// mentions are the users and the roles that a text names, and whether it names everybody. The guild is nil in direct messages.
//
// Source: reference#message-formatting
func (w *World) mentions(g *guild, text string) Fields {
	users, roles, seen := []any{}, []any{}, make(map[events.Snowflake]bool)
	for _, found := range mention.FindAllStringSubmatch(text, -1) {
		id := w.user(snowflake(found[2]))
		switch {
		case seen[id]:
		case found[1] == "&":
			if g != nil && find(g.roles, id) >= 0 {
				roles = append(roles, id)
			}
		case g == nil:
			users = append(users, userObject(id, w.userName(id)))
		default:
			if m := g.member(id); m != nil {
				user, _ := m["user"].(object)
				users = append(users, with(with(object{}, Fields(user)), Fields{"member": ofMessage(m)}))
			}
		}
		seen[id] = true
	}
	everybody := g != nil && (strings.Contains(text, "@everyone") || strings.Contains(text, "@here"))
	return Fields{"mentions": users, "mention_roles": roles, "mention_everyone": everybody}
}

// userName is the name of a user where there is no guild.
func (w *World) userName(id events.Snowflake) string {
	if id == BotID {
		return botName
	}
	return memberName(id)
}
