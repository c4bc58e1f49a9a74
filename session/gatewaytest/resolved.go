package gatewaytest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/signalbox-go/signalbox/events"
)

// resolution collects the objects that a command's options name by their ids.
//
// Source: interactions/receiving-and-responding#interaction-object-resolved-data-structure
type resolution struct {
	w       *World
	g       *guild // nil: direct messages
	objects object // by kind, by id
}

// options are what users have filled in, as the bot is told, and whether one is still being typed.
func (r *resolution) options(given []CommandOption) (all []any, focused bool, err error) {
	for _, o := range given {
		d := object{"name": o.Name}
		switch {
		case o.Value == nil:
			d["type"] = max(o.Type, 1)
		case o.Type == 0 || slices.Contains(byID, o.Type):
			kind, err := r.kind(o.Value)
			if err != nil {
				return nil, false, fmt.Errorf("option %q: %w", o.Name, err)
			}
			d["type"], d["value"] = cmp.Or(o.Type, kind), o.Value
		default:
			d["type"], d["value"] = o.Type, o.Value
		}
		within, typing, err := r.options(o.Options)
		if err != nil {
			return nil, false, err
		}
		if o.Value == nil {
			d["options"] = append([]any{}, within...)
		}
		if o.Focused {
			d["focused"] = true
		}
		focused = focused || typing || o.Focused
		all = append(all, d)
	}
	return all, focused, nil
}

// byID are the types of options whose values are ids: of a user, a channel, a role, or of a user or a role.
var byID = []int{6, 7, 8, 9}

// kind is the type of an option by its value. What an id names is resolved.
//
// Source: interactions/application-commands#application-command-object-application-command-option-type
func (r *resolution) kind(value any) (int, error) {
	switch v := value.(type) {
	case string:
		return 3, nil
	case int, int64:
		return 4, nil
	case bool:
		return 5, nil
	case float64:
		return 10, nil
	case events.Snowflake:
		return r.named(v)
	}
	return 0, fmt.Errorf("a %T is no value of an option: give a string, bool, int, float64 or events.Snowflake, or a Type", value)
}

// named resolves an id of a member, a channel or a role.
func (r *resolution) named(id events.Snowflake) (int, error) {
	user := r.w.user(id)
	if r.g == nil {
		r.add("users", user, userObject(user, memberName(user)))
		return 6, nil
	}
	if r.member(user) {
		return 6, nil
	}
	if at := find(r.g.channels, id); at >= 0 {
		r.add("channels", id, with(object{"permissions": permissions}, Fields(r.g.channels[at])))
		return 7, nil
	}
	if at := find(r.g.roles, id); at >= 0 {
		r.add("roles", id, r.g.roles[at])
		return 8, nil
	}
	return 0, fmt.Errorf("%v is no member, channel or role of guild %v", id, r.g.id)
}

func (r *resolution) member(user events.Snowflake) bool {
	m := r.g.member(user)
	if m == nil {
		return false
	}
	partial := with(object{"permissions": permissions}, Fields(m))
	maps.DeleteFunc(partial, func(field string, _ any) bool { return field == "user" || field == "deaf" || field == "mute" })
	r.add("members", user, partial)
	r.add("users", user, m["user"])
	return true
}

// target resolves the user or the message that a command is about.
func (r *resolution) target(id events.Snowflake, kind int) error {
	if kind == 3 {
		d := r.w.messages[id]
		if d == nil {
			return fmt.Errorf("there is no message %v: use the id that Message returned", id)
		}
		whole := with(object{}, Fields(d)) // also without the intent: the bot was asked about it
		delete(whole, "guild_id")
		r.add("messages", id, whole)
		return nil
	}
	_, err := r.named(id)
	return err
}

func (r *resolution) add(kind string, id events.Snowflake, d any) {
	all, has := r.objects[kind].(object)
	if !has {
		all = object{}
		r.objects[kind] = all
	}
	if id == BotID {
		id = r.w.bot
	}
	all[id.String()] = d
}
