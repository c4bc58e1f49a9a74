package control

import (
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// inEach does something in each of an order's guilds. What it makes has an id, or 0.
func inEach(f func(*work, events.Snowflake) events.Snowflake) func(*Control, *work) error {
	return func(_ *Control, w *work) error {
		places, err := w.places()
		if err != nil {
			return err
		}
		for range w.number("times", 1) {
			for _, guild := range places {
				if id := f(w, guild); id != 0 {
					w.done.IDs = append(w.done.IDs, id)
				}
			}
		}
		return nil
	}
}

// changes is inEach of what makes nothing new.
func changes(f func(*work, events.Snowflake)) func(*Control, *work) error {
	return inEach(func(w *work, guild events.Snowflake) events.Snowflake {
		f(w, guild)
		return 0
	})
}

func (a args) more() gatewaytest.Fields {
	fields, _ := a["fields"].(gatewaytest.Fields)
	return fields
}

var worldVerbs = []verb{
	{
		name: "dispatch", help: "makes an event of any type: in a guild, for every session that should hear of it, or for the sessions of shards alone",
		fields: []field{
			{"type", typeKind, true, "also one that Discord does not have yet"}, {"d", fieldsKind, true, "its data"},
			{"guild", idKind, false, "in which it happens; 0: in none, which is told to shard 0"},
			{"shard", shardKind, false, "in place of guild: whose sessions alone are told, whatever their intents"},
			totalField, timesField,
		},
		check: checkPlace, do: dispatch,
	},
	write("message", "has a member write a message"),
	{name: "edit", help: "changes a message", fields: []field{{"message", idKind, true, "its id"}, {"content", textKind, true, "its new text"}, moreField},
		do: func(_ *Control, w *work) error {
			w.world.EditMessage(w.id("message"), w.text("content"), w.more())
			return nil
		}},
	{name: "delete", help: "deletes a message", fields: []field{{"message", idKind, true, "its id"}},
		do: func(_ *Control, w *work) error {
			w.world.DeleteMessage(w.id("message"))
			return nil
		}},
	at("typing", "has a member begin to type", changes(func(w *work, guild events.Snowflake) { w.world.Typing(guild, w.id("user")) }), userField),
	at("join", "adds a member", inEach(func(w *work, guild events.Snowflake) events.Snowflake {
		return w.world.Join(guild, w.id("user"), w.more())
	}), field{"user", idKind, false, "the user's id; the default is a new one"}, moreField),
	at("leave", "takes a member out of a guild", changes(func(w *work, guild events.Snowflake) { w.world.Leave(guild, w.id("user")) }), userField),
	at("update-member", "changes a member", changes(func(w *work, guild events.Snowflake) {
		w.world.UpdateMember(guild, w.id("user"), w.more())
	}), userField, moreField),
	at("presence", "changes a member's presence", changes(func(w *work, guild events.Snowflake) {
		activities, _ := w.args["activities"].([]gatewaytest.Fields)
		w.world.Presence(guild, w.id("user"), w.text("status"), activities...)
	}), userField, field{"status", oneOf("online", "dnd", "idle", "invisible", "offline"), true, "the new status"},
		field{"activities", activitiesKind, false, "the member's activities"}),
	at("voice", "has a member join a voice channel, move, or leave", changes(func(w *work, guild events.Snowflake) {
		w.world.Voice(guild, w.id("user"), w.id("channel"), w.more())
	}), userField, field{"channel", idKind, false, "the voice channel; without it the member leaves"}, moreField),
	{name: "add-guild", help: "adds the bot to a guild", fields: []field{{"guild", idKind, false, "its id; the default is a new one"}, moreField},
		do: func(_ *Control, w *work) error {
			w.done.IDs = []events.Snowflake{w.world.AddGuild(w.id("guild"), w.more())}
			return nil
		}},
	at("update-guild", "changes a guild", changes(func(w *work, guild events.Snowflake) { w.world.UpdateGuild(guild, w.more()) }), moreField),
	at("remove-guild", "removes the bot from a guild", changes(func(w *work, guild events.Snowflake) { w.world.RemoveGuild(guild) })),
	at("guild-outage", "makes a guild unavailable: of what happens there nobody is told", func(_ *Control, w *work) error {
		places, err := w.places()
		for _, guild := range places {
			w.lasts("guild-outage "+guild.String(), func(on bool) { w.guildOutage(guild, on) })
		}
		return err
	}, onField, forField),
	at("add-channel", "makes a channel, or by its type a thread", inEach(func(w *work, guild events.Snowflake) events.Snowflake {
		return w.world.AddChannel(guild, w.text("name"), w.more())
	}), nameField, moreField),
	at("update-channel", "changes a channel or a thread", changes(func(w *work, guild events.Snowflake) {
		w.world.UpdateChannel(guild, w.id("channel"), w.more())
	}), field{"channel", idKind, true, "its id"}, moreField),
	at("remove-channel", "deletes a channel or a thread", changes(func(w *work, guild events.Snowflake) {
		w.world.RemoveChannel(guild, w.id("channel"))
	}), field{"channel", idKind, true, "its id"}),
	at("add-role", "makes a role", inEach(func(w *work, guild events.Snowflake) events.Snowflake {
		return w.world.AddRole(guild, w.text("name"), w.more())
	}), nameField, moreField),
	at("update-role", "changes a role", changes(func(w *work, guild events.Snowflake) {
		w.world.UpdateRole(guild, w.id("role"), w.more())
	}), field{"role", idKind, true, "its id"}, moreField),
	at("remove-role", "deletes a role", changes(func(w *work, guild events.Snowflake) {
		w.world.RemoveRole(guild, w.id("role"))
	}), field{"role", idKind, true, "its id"}),
}

// write is the verb of messages, which the page has a button for.
func write(name, help string) verb {
	v := at(name, help, inEach(func(w *work, guild events.Snowflake) events.Snowflake {
		m := gatewaytest.Message{ID: w.id("id"), Channel: w.id("channel"), Author: w.id("user"), Content: w.text("content"), Fields: w.more()}
		if guild == 0 {
			return w.world.DirectMessage(m)
		}
		return w.world.Message(guild, m)
	}), field{"content", textKind, false, "its text; <@4242> mentions the bot"}, field{"channel", idKind, false, "the default is the guild's first text channel"},
		field{"user", idKind, false, "who writes it; the default is member 1"}, field{"id", idKind, false, "the message's id; the default is a new one"}, timesField, moreField)
	v.fields[0].help = "the guild; 0: none, a direct message to the bot"
	v.quick = true
	v.check = func(a args) *OrderError {
		if a.has("id") && a.number("times", 1) > 1 {
			return wrong("id", "leave it out where there are several: each has its own")
		}
		return checkPlace(a)
	}
	return v
}

func dispatch(_ *Control, w *work) error {
	event, d := events.Type(w.text("type")), w.args["d"]
	if w.has("guild") {
		w.done.Guilds = []events.Snowflake{w.id("guild")}
		for range w.number("times", 1) {
			w.world.Happen(w.id("guild"), event, d)
		}
		return nil
	}
	chosen, err := w.shards(session)
	for range w.number("times", 1) {
		for _, s := range chosen {
			w.server.ShardOf(s.Shard).Dispatch(event, d)
		}
	}
	return err
}

// guildOutage begins or ends an outage. A guild that the bot was removed from meanwhile has none to end.
func (w *work) guildOutage(guild events.Snowflake, on bool) {
	if on {
		w.world.GuildOutage(guild, true)
		return
	}
	defer func() {
		if failed := recover(); failed != nil {
			if _, gone := failed.(*gatewaytest.WorldError); !gone {
				panic(failed)
			}
		}
	}()
	w.world.GuildOutage(guild, false)
}
