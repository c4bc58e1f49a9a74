package control

import (
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// interactionVerbs are what users do with a bot. The ids that come back are those of interactions: GET /interactions/{id} tells
// what the bot has answered.
var interactionVerbs = []verb{
	direct(at("command", "has a member use a command of the bot's", inEach(func(w *work, guild events.Snowflake) events.Snowflake {
		options, _ := w.args["options"].([]gatewaytest.CommandOption)
		return w.world.Command(guild, gatewaytest.Command{
			Name: w.text("name"), ID: w.id("id"), Type: w.number("type", 0), User: w.id("user"), Channel: w.id("channel"), Target: w.id("target"),
			Options: options, Fields: w.more(),
		}).ID
	}), nameField, field{"options", optionsKind, false, `such as [{"name": "sides", "value": 6}]`},
		field{"type", numberKind(1, 3, "1, 2 or 3"), false, "1: a slash command, the default; 2: of a user; 3: of a message"},
		field{"target", idKind, false, "the user or the message, for types 2 and 3"},
		field{"user", idKind, false, "who does it; the default is member 1"},
		field{"channel", idKind, false, "where; the default is the guild's first text channel"},
		field{"id", idKind, false, "the command's id; the default is that of the command which the bot has registered by this name"}, moreField)),
	{
		name: "component", help: "has somebody press a button of a message of the bot's, or choose values",
		fields: []field{
			{"message", idKind, true, "the message's id"}, {"custom_id", wordKind, true, "of the component"},
			{"values", textsKind, false, "what is chosen"}, {"user", idKind, false, "who does it; the default is member 1"},
		},
		do: func(_ *Control, w *work) error {
			chosen, _ := w.args["values"].([]string)
			w.done.IDs = []events.Snowflake{w.world.Component(w.id("message"), w.id("user"), w.text("custom_id"), chosen...).ID}
			return nil
		},
	},
	{
		name: "submit", help: "has the user of an interaction that the bot has answered with a modal fill it in",
		fields: []field{{"interaction", idKind, true, "its id"}, {"values", fillKind, true, "by the custom_id of each field"}},
		do: func(_ *Control, w *work) error {
			filled, _ := w.args["values"].(map[string]string)
			w.done.IDs = []events.Snowflake{w.world.Submit(w.id("interaction"), filled).ID}
			return nil
		},
	},
	direct(at("interact", "has a member do anything of which the bot is told by INTERACTION_CREATE", inEach(func(w *work, guild events.Snowflake) events.Snowflake {
		return w.world.Interact(guild, w.id("user"), w.more())
	}), field{"user", idKind, false, "who does it; the default is member 1"},
		field{"fields", fieldsKind, true, "of the interaction object, such as type and data"})),
}

// direct is a verb that may be done in direct messages.
func direct(v verb) verb {
	v.fields[0].help = "the guild; 0: none, in direct messages"
	return v
}
