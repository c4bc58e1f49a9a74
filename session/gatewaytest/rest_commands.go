package gatewaytest

import (
	"encoding/json"
	"slices"

	"github.com/signalbox-go/signalbox/events"
)

// inScope is a route about the commands of a guild, or about those of no guild.
func inScope(serve func(x *exchange, guild events.Snowflake) reply) func(*exchange) reply {
	return func(x *exchange) reply {
		if x.id("application_id") != BotID {
			return unknownApplication
		}
		guild := snowflake(x.request.PathValue("guild_id"))
		if guild != 0 && !x.w.has(guild) {
			return missingAccess
		}
		return serve(x, guild)
	}
}

var listCommands = inScope(func(x *exchange, guild events.Snowflake) reply {
	list := []any{}
	for _, c := range x.w.commands[guild] {
		list = append(list, c)
	}
	return ok(list)
})

// putCommands replaces all commands of a scope.
//
// Source: interactions/application-commands#bulk-overwrite-global-application-commands
var putCommands = inScope(func(x *exchange, guild events.Snowflake) reply {
	var bodies []object
	if json.Unmarshal(x.body, &bodies) != nil {
		return invalidForm("_errors", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
	}
	before := x.w.commands[guild]
	x.w.commands[guild] = nil
	for _, body := range bodies {
		if name, _ := body["name"].(string); name == "" {
			x.w.commands[guild] = before
			return invalidForm("name", "BASE_TYPE_REQUIRED", "This field is required")
		}
		x.w.register(guild, body, before)
	}
	return listCommands(x)
})

// createCommand makes a command, or one in place of another with its name.
//
// Source: interactions/application-commands#create-global-application-command
var createCommand = inScope(func(x *exchange, guild events.Snowflake) reply {
	body := x.fields()
	if name, _ := body["name"].(string); name == "" {
		return invalidForm("name", "BASE_TYPE_REQUIRED", "This field is required")
	}
	before := len(x.w.commands[guild])
	c := x.w.register(guild, body, x.w.commands[guild])
	if len(x.w.commands[guild]) == before {
		return ok(c)
	}
	return reply{201, c}
})

// register makes a command of what a body says. It keeps the id of the one before, by name and type.
func (w *World) register(guild events.Snowflake, body object, before []object) object {
	c := with(object{
		"application_id": BotID, "type": 1, "description": "", "options": []any{}, "default_member_permissions": nil, "nsfw": false,
		"name_localizations": nil, "description_localizations": nil, "integration_types": []any{0}, "contexts": nil, "dm_permission": true,
	}, Fields(body))
	c["version"], c["id"] = w.next(), w.next()
	if guild != 0 {
		c["guild_id"] = guild
	}
	if at := named(before, c["name"], c["type"]); at >= 0 {
		c["id"] = before[at]["id"]
	}
	all := w.commands[guild]
	if at := named(all, c["name"], c["type"]); at >= 0 {
		all = slices.Clone(all)
		all[at] = c
	} else {
		all = append(all, c)
	}
	w.commands[guild] = all
	return c
}

// named is the place of a command among others; -1: there is none of this name and type.
func named(all []object, name, kind any) int {
	return slices.IndexFunc(all, func(c object) bool { return c["name"] == name && integer(c["type"]) == integer(kind) })
}

// aboutCommand is a route about one command.
func aboutCommand(serve func(x *exchange, guild events.Snowflake, at int) reply) func(*exchange) reply {
	return inScope(func(x *exchange, guild events.Snowflake) reply {
		at := find(x.w.commands[guild], x.id("command_id"))
		if at < 0 {
			return unknownCommand
		}
		return serve(x, guild, at)
	})
}

var getCommand = aboutCommand(func(x *exchange, guild events.Snowflake, at int) reply { return ok(x.w.commands[guild][at]) })

var editCommand = aboutCommand(func(x *exchange, guild events.Snowflake, at int) reply {
	all := slices.Clone(x.w.commands[guild])
	c := with(with(object{}, Fields(all[at])), x.fields())
	c["id"], c["version"] = all[at]["id"], x.w.next()
	all[at] = c
	x.w.commands[guild] = all
	return ok(c)
})

var deleteCommand = aboutCommand(func(x *exchange, guild events.Snowflake, at int) reply {
	x.w.commands[guild] = slices.Delete(slices.Clone(x.w.commands[guild]), at, at+1)
	return noContent
})
