package gatewaytest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// Interaction is how an interaction stands: what the bot was told of it, and what it has answered.
type Interaction struct {
	ID       events.Snowflake
	Token    string
	Made     time.Time
	Answered time.Time         // when the callback came; zero: none did
	Callback int               // the callback's type; 0: none came
	Data     json.RawMessage   // the callback's data, as it was sent: a message, choices, a modal
	Messages []json.RawMessage // that the bot wrote in answer, as they stand: the original response, then follow-ups. Deleted ones are left out.
}

// interaction is an Interaction as the world has it.
type interaction struct {
	Interaction
	kind      int
	guild     *guild // nil: direct messages
	channel   events.Snowflake
	user      any
	userID    events.Snowflake
	command   object           // the data of a command
	source    events.Snowflake // the message whose component was used
	original  events.Snowflake // the message of the callback
	followups []events.Snowflake
}

// Source: interactions/receiving-and-responding#interaction-callback
const (
	answerWithin   = 3 * time.Second
	followUpWithin = 15 * time.Minute
	tokenPrefix    = "interaction-"

	usesCommand   = 2
	usesComponent = 3
	completes     = 4
	submits       = 5
)

// Command is what somebody does with a command of the bot's. The zero value of a field is its default.
type Command struct {
	Name    string
	ID      events.Snowflake // 0: that of the command which the bot has registered by this name and type, or one that nothing else has
	Type    int              // 0: 1, a slash command; 2: of a user; 3: of a message
	User    events.Snowflake // who does it. 0: member 1
	Channel events.Snowflake // 0: the guild's first text channel, or the user's own channel with the bot
	Target  events.Snowflake // the user or the message, for types 2 and 3
	Options []CommandOption
	Fields  Fields // further fields of the interaction object
}

// CommandOption is an option of a command, as the user has filled it in, or a subcommand.
type CommandOption struct {
	Name    string
	Value   any // string, bool, int, float64, or the id of a member, channel or role
	Type    int // 0: by Value; with Options 1, a subcommand
	Options []CommandOption
	Focused bool // the user is still typing it: the bot is asked to complete it
}

// Command has a member use a command of the bot's (INTERACTION_CREATE), or fill it in, where an option is
// focused. The guild is 0 in direct messages. What the bot answers is in [World.Interaction].
//
// Source: interactions/receiving-and-responding#interaction-object
func (w *World) Command(guildID events.Snowflake, c Command) Interaction {
	return w.interact("Command", guildID, c.User, func(g *guild) (Fields, error) {
		data := object{"name": c.Name, "type": max(c.Type, 1), "id": c.ID}
		if c.ID == 0 {
			w.fillID(data, guildID)
		}
		resolved := resolution{w: w, g: g, objects: object{}}
		options, focused, err := resolved.options(c.Options)
		if err == nil && c.Target != 0 {
			data["target_id"] = c.Target
			err = resolved.target(c.Target, c.Type)
		}
		if err != nil {
			return nil, err
		}
		if len(options) > 0 {
			data["options"] = options
		}
		if len(resolved.objects) > 0 {
			data["resolved"] = resolved.objects
		}
		fields := Fields{"type": usesCommand, "data": data}
		if focused {
			fields["type"] = completes
		}
		if c.Channel != 0 {
			fields["channel_id"] = c.Channel
		}
		return with(fields, c.Fields), nil
	})
}

// fillID gives a command's data the id of the command that the bot has registered, or a new one.
func (w *World) fillID(data object, guild events.Snowflake) {
	for _, scope := range []events.Snowflake{guild, 0} {
		if at := named(w.commands[scope], data["name"], data["type"]); at >= 0 {
			if data["id"] = w.commands[scope][at]["id"]; scope != 0 {
				data["guild_id"] = scope
			}
			return
		}
	}
	data["id"] = w.next()
}

// Interact has a member do anything of which the bot is told by INTERACTION_CREATE, and returns the interaction's
// id. The guild is 0 in direct messages. The fields are those of the interaction object, such as type and data.
//
// Source: interactions/receiving-and-responding#interaction-object
func (w *World) Interact(guildID, user events.Snowflake, fields Fields) (id events.Snowflake) {
	return w.interact("Interact", guildID, user, give(fields)).ID
}

// interact makes an interaction with the fields that f gives.
func (w *World) interact(order string, guildID, user events.Snowflake, f func(*guild) (Fields, error)) Interaction {
	return w.further(order, func() (*interaction, error) { return w.begin(guildID, w.user(user), f) })
}

func (w *World) begin(guildID, user events.Snowflake, f func(*guild) (Fields, error)) (*interaction, error) {
	if user == 0 {
		user = 1
	}
	id := w.next()
	d := object{
		"application_id": BotID, "type": usesCommand, "version": 1, "app_permissions": permissions, "locale": "en-US",
		"entitlements": []any{}, "attachment_size_limit": 10 << 20,
	}
	i := &interaction{Interaction: Interaction{ID: id, Token: tokenPrefix + id.String(), Made: time.Now()}, userID: user}
	if guildID == 0 {
		d["user"], d["channel_id"] = userObject(user, memberName(user)), w.directChannel(user)
		d["context"], d["authorizing_integration_owners"] = 1, object{"0": "0"}
		i.user = d["user"]
	} else {
		g, err := w.lookup(guildID)
		if err != nil {
			return nil, err
		}
		member := g.member(user)
		if member == nil {
			return nil, fmt.Errorf("user %v is no member of guild %v", user, guildID)
		}
		d["guild_id"], d["channel_id"], d["member"] = g.id, g.channel(0), with(object{"permissions": permissions}, Fields(member))
		d["context"], d["authorizing_integration_owners"], d["guild_locale"] = 0, object{"0": g.id}, g.fields["preferred_locale"]
		d["guild"] = object{"id": g.id, "locale": g.fields["preferred_locale"], "features": g.fields["features"]}
		i.guild, i.user = g, member["user"]
	}
	fields, err := f(i.guild)
	if err != nil {
		return nil, err
	}
	d = with(d, fields)
	d["id"], d["token"] = id, i.Token
	i.kind, i.channel = integer(d["type"]), snowflake(fmt.Sprint(d["channel_id"]))
	i.command, _ = d["data"].(object)
	if message, on := d["message"].(object); on {
		i.source = snowflake(fmt.Sprint(message["id"]))
	}
	if _, channel := w.place(i.channel); channel != nil && d["channel"] == nil {
		d["channel"] = channel
	}
	w.used[id] = i
	if w.latest = append(w.latest, id); len(w.latest) > keptMessages {
		delete(w.used, w.latest[0])
		w.latest = w.latest[1:]
	}
	w.happen(guildID, "INTERACTION_CREATE", d)
	return i, nil
}

// Interaction is how an interaction stands now. The latest 10,000 are kept.
func (w *World) Interaction(id events.Snowflake) Interaction {
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	i := w.used[id]
	if i == nil {
		panic(&WorldError{"Interaction", noInteraction(id).Error()})
	}
	stands := i.Interaction
	for _, id := range append([]events.Snowflake{i.original}, i.followups...) {
		if d := w.messages[id]; d != nil {
			stands.Messages = append(stands.Messages, w.encode(w.shown(d)))
		}
	}
	return stands
}

func noInteraction(id events.Snowflake) error {
	return fmt.Errorf("there is no interaction %v: use the id of one that the world has made", id)
}

// interactionOf finds an interaction by its token.
func (w *World) interactionOf(token string) *interaction {
	id, ours := strings.CutPrefix(token, tokenPrefix)
	if !ours {
		return nil
	}
	return w.used[snowflake(id)]
}

// wrote reports whether a message was written in answer to the interaction.
func (i *interaction) wrote(id events.Snowflake) bool {
	return id != 0 && (id == i.original || slices.Contains(i.followups, id))
}
