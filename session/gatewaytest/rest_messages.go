package gatewaytest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/signalbox-go/signalbox/events"
)

// Source: resources/message#message-object-message-flags
const (
	flagEphemeral = 1 << 6
	flagLoading   = 1 << 7
)

// integer is a number of a body or of the world's, or 0.
func integer(v any) int {
	n, _ := strconv.Atoi(fmt.Sprint(v))
	return n
}

// fieldOf is a field of what may be an object.
func fieldOf(v any, name string) any {
	o, _ := v.(object)
	return o[name]
}

func ephemeral(message object) bool { return integer(message["flags"])&flagEphemeral != 0 }

// fields are a body as an object. One that is none is empty.
func (x *exchange) fields() (fields object) {
	_ = json.Unmarshal(x.body, &fields) // it was found to be JSON
	return fields
}

// compose takes from a body what it says of a message, and says why it cannot. A new message must have something
// in it; of one that there is, old, the rest stays.
//
// Source: resources/message#create-message, resources/message#edit-message
func (x *exchange) compose(body, old object) (Fields, reply) {
	written := Fields{}
	for _, field := range []string{"content", "tts", "embeds", "components", "nonce", "poll", "sticker_items"} {
		if v, says := body[field]; says {
			written[field] = v
		}
	}
	if v, says := written["content"]; says && v == nil {
		written["content"] = ""
	} else if text, isText := v.(string); says && !isText {
		return nil, invalidForm("content", "STRING_TYPE_CONVERT", "Could not interpret value as string.")
	} else if utf8.RuneCountInString(text) > 2000 {
		return nil, invalidForm("content", "BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length.")
	}
	for _, field := range []string{"embeds", "components"} {
		v, says := written[field]
		list, isList := v.([]any)
		switch {
		case says && v == nil:
			written[field] = []any{}
		case says && !isList:
			return nil, invalidForm(field, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
		case len(list) > 10 && field == "embeds":
			return nil, invalidForm(field, "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
		}
	}
	if flags, says := body["flags"]; says {
		written["flags"] = integer(flags)
	}
	if attachments, says := x.attachments(body, old); says {
		written["attachments"] = attachments
	}
	if old == nil {
		old = object{}
	}
	after := with(with(object{}, Fields(old)), written)
	empty := func(field string) bool {
		list, _ := after[field].([]any)
		return len(list) == 0
	}
	content, _ := after["content"].(string)
	if content == "" && empty("embeds") && empty("components") && empty("attachments") && after["poll"] == nil && body["sticker_ids"] == nil && body["message_reference"] == nil {
		return nil, emptyMessage
	}
	return written, reply{}
}

// attachments are those of a message after a body: the old ones that it names, or all if it names none, and
// the files that were uploaded.
func (x *exchange) attachments(body, old object) (all []any, says bool) {
	named, says := body["attachments"].([]any)
	before, _ := old["attachments"].([]any)
	for _, a := range before {
		same := func(n any) bool { return fmt.Sprint(fieldOf(n, "id")) == fmt.Sprint(fieldOf(a, "id")) }
		if !says || slices.ContainsFunc(named, same) {
			all = append(all, a)
		}
	}
	for _, f := range x.files {
		id := x.w.next()
		url := fmt.Sprintf("%s/attachments/%v/%s", x.srv.APIURL, id, f.Name)
		all = append(all, object{"id": id, "filename": f.Name, "size": len(f.Data), "url": url, "proxy_url": url, "content_type": f.ContentType})
	}
	if all == nil {
		all = []any{}
	}
	return all, says || len(x.files) > 0
}

// speak has the bot write in a channel, of a guild or of direct messages, and gives the message.
func (w *World) speak(g *guild, channel events.Snowflake, fields Fields) object {
	guild, content := events.Snowflake(0), fields["content"]
	text, _ := content.(string)
	m := Message{Channel: channel, Author: BotID, Content: text, Fields: fields}
	author := object{"user": userObject(BotID, botName)}
	if g != nil {
		guild, author = g.id, g.member(BotID)
	}
	d := w.messageObject(&m, g, author)
	return w.messages[w.publish(guild, m, d)]
}

// shown is a message as REST shows it: without what events add, and without what the bot may not read.
func (w *World) shown(d object) object {
	d = with(object{}, Fields(d))
	if w.server.set.intents&intentContent == 0 && guildOf(d) != 0 && !ownContent(d) {
		d = withoutContent(d)
	}
	delete(d, "guild_id")
	delete(d, "member")
	return d
}

// Source: resources/message#create-message
var createMessage = inChannel(func(x *exchange, g *guild, channel object) reply {
	if integer(channel["type"]) == 4 {
		return notTextChannel
	}
	body := x.fields()
	fields, wrong := x.compose(body, nil)
	if wrong.status != 0 {
		return wrong
	}
	fields["flags"] = integer(fields["flags"]) &^ (flagEphemeral | flagLoading)
	if to, replies := body["message_reference"].(object); replies && integer(to["type"]) == 0 {
		id := snowflake(fmt.Sprint(to["message_id"]))
		switch {
		case x.w.messages[id] != nil:
			x.w.refer(fields, id)
		case to["fail_if_not_exists"] != false:
			return invalidForm("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
		}
	}
	return ok(x.w.shown(x.w.speak(g, channel["id"].(events.Snowflake), fields)))
})

// refer makes a message an answer to another.
func (w *World) refer(fields Fields, to events.Snowflake) {
	other := w.messages[to]
	reference := object{"type": 0, "channel_id": other["channel_id"], "message_id": to}
	if guild := guildOf(other); guild != 0 {
		reference["guild_id"] = guild
	}
	fields["type"], fields["message_reference"], fields["referenced_message"] = 19, reference, w.shown(other)
}

// aboutMessage is a route about a message that everybody in a channel can read.
func aboutMessage(serve func(*exchange, object) reply) func(*exchange) reply {
	return inChannel(func(x *exchange, _ *guild, channel object) reply {
		d := x.w.messages[x.id("message_id")]
		if d == nil || d["channel_id"] != channel["id"] || ephemeral(d) {
			return unknownMessage
		}
		return serve(x, d)
	})
}

var getMessage = aboutMessage(func(x *exchange, d object) reply { return ok(x.w.shown(d)) })

var editMessage = aboutMessage(func(x *exchange, d object) reply {
	if !isBot(d["author"]) {
		return othersMessage
	}
	return x.rewrite(d)
})

// rewrite edits a message as the body says.
func (x *exchange) rewrite(d object) reply {
	fields, wrong := x.compose(x.fields(), d)
	if wrong.status != 0 {
		return wrong
	}
	if _, says := fields["flags"]; says || integer(d["flags"])&flagLoading != 0 { // what is shown to one stays so
		fields["flags"] = integer(fields["flags"])&^(flagEphemeral|flagLoading) | integer(d["flags"])&flagEphemeral
	}
	return ok(x.w.shown(x.w.edit(d, fields)))
}

var deleteMessage = aboutMessage(func(x *exchange, d object) reply {
	x.w.erase(d)
	return noContent
})

// listMessages answers with messages of a channel, the newest first.
//
// Source: resources/message#get-channel-messages
var listMessages = inChannel(func(x *exchange, _ *guild, channel object) reply {
	ids := slices.Clone(x.w.history(channel["id"].(events.Snowflake)))
	slices.Sort(ids)
	query, limit := x.request.URL.Query(), x.number("limit", 1, 100, 50)
	if around := snowflake(query.Get("around")); around != 0 {
		at, _ := slices.BinarySearch(ids, around)
		ids = ids[max(0, at-limit/2):]
	} else if query.Get("after") == "" && query.Get("before") == "" {
		ids = ids[max(0, len(ids)-limit):]
	}
	list := []any{}
	for _, id := range slices.Backward(page(x, ids, 50, 100)) {
		list = append(list, x.w.shown(x.w.messages[id]))
	}
	return ok(list)
})

// bulkDelete deletes messages at once (MESSAGE_DELETE_BULK).
//
// Source: resources/message#bulk-delete-messages
var bulkDelete = inChannel(func(x *exchange, g *guild, channel object) reply {
	list, _ := x.fields()["messages"].([]any)
	if len(list) < 2 || len(list) > 100 || g == nil {
		return refuse(http.StatusBadRequest, 50016, "Provided too few or too many messages to delete. Must provide at least 2 and fewer than 100 messages to delete.")
	}
	gone := []any{}
	for _, v := range list {
		id := snowflake(fmt.Sprint(v))
		if d := x.w.messages[id]; d != nil && d["channel_id"] == channel["id"] {
			delete(x.w.messages, id)
			gone = append(gone, id)
		}
	}
	x.w.happen(g.id, "MESSAGE_DELETE_BULK", object{"ids": gone, "channel_id": channel["id"], "guild_id": g.id})
	return noContent
})

// startTyping has the bot begin to type (TYPING_START).
var startTyping = inChannel(func(x *exchange, g *guild, channel object) reply {
	d := object{"channel_id": channel["id"], "user_id": BotID, "timestamp": x.now.Unix()}
	guild := events.Snowflake(0)
	if g != nil {
		guild, d["guild_id"], d["member"] = g.id, g.id, g.member(BotID)
	}
	x.w.happen(guild, "TYPING_START", d)
	return noContent
})

// openDirect answers with the channel of direct messages with a user.
//
// Source: resources/user#create-dm
func openDirect(x *exchange) reply {
	user := snowflake(fmt.Sprint(x.fields()["recipient_id"]))
	if user == 0 || x.w.user(user) == BotID {
		return refuse(http.StatusBadRequest, 50033, "Invalid Recipient(s)")
	}
	_, channel := x.w.place(x.w.directChannel(user))
	return ok(channel)
}

// directChannel is the channel of the bot's direct messages with a user.
func (w *World) directChannel(user events.Snowflake) events.Snowflake {
	for channel, other := range w.direct {
		if other == user {
			return channel
		}
	}
	channel := w.next()
	w.direct[channel] = user
	return channel
}
