package gatewaytest

import (
	"encoding/json"
	"fmt"

	"github.com/signalbox-go/signalbox/events"
)

// Component has somebody use a component of a message of the bot's, by its custom_id: press a button, or
// choose values (INTERACTION_CREATE). The user is member 1 if it is 0.
func (w *World) Component(message, user events.Snowflake, customID string, values ...string) Interaction {
	return w.further("Component", func() (*interaction, error) {
		d := w.messages[message]
		component, found := componentOf(d["components"], customID)
		if !found {
			return nil, fmt.Errorf("message %v has no component %q: use the custom_id of one that the bot has written", message, customID)
		}
		data := object{"custom_id": customID, "component_type": component["type"]}
		if len(values) > 0 {
			data["values"] = values
		}
		return w.begin(guildOf(d), w.user(user), give(Fields{"type": usesComponent, "data": data, "channel_id": d["channel_id"], "message": w.shown(d)}))
	})
}

// Submit has the user of an interaction that the bot has answered with a modal fill it in, by the custom_id of each
// field, and send it (INTERACTION_CREATE).
//
// Source: interactions/receiving-and-responding#interaction-object-modal-submit-data-structure
func (w *World) Submit(id events.Snowflake, values map[string]string) Interaction {
	return w.further("Submit", func() (*interaction, error) {
		asked := w.used[id]
		if asked == nil {
			return nil, noInteraction(id)
		}
		var modal object
		if asked.Callback != callsModal || json.Unmarshal(asked.Data, &modal) != nil {
			return nil, fmt.Errorf("the bot has not answered interaction %v with a modal: wait until it has", id)
		}
		for _, customID := range sorted(values) {
			if _, found := componentOf(modal["components"], customID); !found {
				return nil, fmt.Errorf("the modal has no field %q: use the custom_id of one that it has", customID)
			}
		}
		var guild events.Snowflake
		if asked.guild != nil {
			guild = asked.guild.id
		}
		data := object{"custom_id": modal["custom_id"], "components": filled(modal["components"], values)}
		fields := Fields{"type": submits, "channel_id": asked.channel, "data": data}
		if d := w.messages[asked.source]; d != nil {
			fields["message"] = w.shown(d)
		}
		return w.begin(guild, asked.userID, give(fields))
	})
}

// further makes an interaction that comes of what the bot has made, under the server's lock.
func (w *World) further(order string, f func() (*interaction, error)) Interaction {
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	i, err := f()
	if err != nil {
		panic(&WorldError{order, err.Error()})
	}
	return i.Interaction
}

// give are fields that depend on no guild.
func give(fields Fields) func(*guild) (Fields, error) {
	return func(*guild) (Fields, error) { return fields, nil }
}

// componentOf finds a component within others.
func componentOf(v any, customID string) (object, bool) {
	switch v := v.(type) {
	case []any:
		for _, each := range v {
			if c, found := componentOf(each, customID); found {
				return c, true
			}
		}
	case object:
		if v["custom_id"] == customID {
			return v, true
		}
		for _, within := range []string{"components", "component", "accessory"} {
			if c, found := componentOf(v[within], customID); found {
				return c, true
			}
		}
	}
	return nil, false
}

// filled are components as they are sent back, with what was filled in.
func filled(v any, values map[string]string) any {
	switch v := v.(type) {
	case []any:
		all := make([]any, len(v))
		for i, each := range v {
			all[i] = filled(each, values)
		}
		return all
	case object:
		sent := object{"type": v["type"]}
		for _, within := range []string{"components", "component"} {
			if v[within] != nil {
				sent[within] = filled(v[within], values)
			}
		}
		if customID, isField := v["custom_id"].(string); isField {
			sent["custom_id"] = customID
			switch value, given := values[customID]; {
			case integer(v["type"]) == 4:
				sent["value"] = value
			case given:
				sent["values"] = []any{value}
			default:
				sent["values"] = []any{}
			}
		}
		return sent
	}
	return nil
}
