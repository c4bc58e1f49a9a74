package gatewaytest

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/signalbox-go/signalbox/events"
)

// The types of callbacks.
//
// Source: interactions/receiving-and-responding#interaction-response-object-interaction-callback-type
const (
	callsMessage       = 4
	callsDeferred      = 5
	callsDeferUpdate   = 6
	callsUpdate        = 7
	callsChoices       = 8
	callsModal         = 9
	callsPremium       = 10
	callsLaunch        = 12
	mostChoices        = 25
	mostModalRows      = 5
	typeSlashCommand   = 20
	typeContextCommand = 23
)

// mayAnswer are the kinds of interactions that a callback can answer.
var mayAnswer = map[int][]int{
	callsMessage: {usesCommand, usesComponent, submits}, callsDeferred: {usesCommand, usesComponent, submits},
	callsDeferUpdate: {usesComponent, submits}, callsUpdate: {usesComponent, submits}, callsChoices: {completes},
	callsModal: {usesCommand, usesComponent}, callsPremium: {usesCommand, usesComponent, submits}, callsLaunch: {usesCommand, usesComponent, submits},
}

// createCallback answers an interaction.
//
// Source: interactions/receiving-and-responding#create-interaction-response
func createCallback(x *exchange) reply {
	i := x.w.interactionOf(x.request.PathValue("token"))
	switch {
	case i == nil || i.ID != x.id("interaction_id"):
		return unknownInteraction
	case i.Callback != 0:
		return acknowledged
	case x.now.Sub(i.Made) > answerWithin:
		return unknownInteraction
	}
	body := x.fields()
	kind := integer(body["type"])
	if !slices.Contains(mayAnswer[kind], i.kind) || (kind == callsUpdate || kind == callsDeferUpdate) && x.w.messages[i.source] == nil {
		return invalidForm("type", "BASE_TYPE_CHOICES", "This callback type does not answer this type of interaction.")
	}
	data, _ := body["data"].(object)
	if wrong := x.carryOut(i, kind, data); wrong.status != 0 {
		return wrong
	}
	var sent struct {
		Data json.RawMessage `json:"data"`
	}
	_ = json.Unmarshal(x.body, &sent) // it is an object: it has a type
	i.Callback, i.Answered, i.Data = kind, x.now, sent.Data
	if x.request.URL.Query().Get("with_response") != "true" {
		return noContent
	}
	return ok(x.response(i))
}

// carryOut does what a callback asks for.
func (x *exchange) carryOut(i *interaction, kind int, data object) reply {
	switch kind {
	case callsMessage:
		fields, wrong := x.compose(data, nil)
		if wrong.status != 0 {
			return wrong
		}
		i.original = x.respond(i, fields)
	case callsDeferred:
		i.original = x.respond(i, Fields{"content": "", "flags": integer(data["flags"]) | flagLoading})
	case callsDeferUpdate:
		i.original = i.source
	case callsUpdate:
		d := x.w.messages[i.source]
		fields, wrong := x.compose(data, d)
		if wrong.status != 0 {
			return wrong
		}
		x.w.edit(d, fields)
		i.original = i.source
	case callsChoices:
		if choices, isList := data["choices"].([]any); !isList || len(choices) > mostChoices {
			return invalidForm("choices", "BASE_TYPE_BAD_LENGTH", "Must be between 0 and 25 in length.")
		}
	case callsModal:
		for _, field := range []string{"custom_id", "title"} {
			if text, _ := data[field].(string); text == "" {
				return invalidForm(field, "BASE_TYPE_REQUIRED", "This field is required")
			}
		}
		if rows, _ := data["components"].([]any); len(rows) < 1 || len(rows) > mostModalRows {
			return invalidForm("components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
		}
	}
	return reply{}
}

// respond writes a message in answer to an interaction, and gives its id.
func (x *exchange) respond(i *interaction, fields Fields) events.Snowflake {
	name, _ := i.command["name"].(string)
	metadata := object{"id": i.ID, "type": i.kind, "user": i.user, "authorizing_integration_owners": object{}}
	if i.guild != nil {
		metadata["authorizing_integration_owners"] = object{"0": i.guild.id}
	}
	fields["application_id"], fields["webhook_id"], fields["interaction_metadata"] = BotID, BotID, metadata
	if _, answers := fields["type"]; !answers && i.kind == usesCommand {
		metadata["command_type"], metadata["name"] = i.command["type"], name
		fields["interaction"] = object{"id": i.ID, "type": i.kind, "name": name, "user": i.user}
		if fields["type"] = typeSlashCommand; integer(i.command["type"]) > 1 {
			fields["type"] = typeContextCommand
		}
	}
	g := i.guild
	if integer(fields["flags"])&flagEphemeral != 0 {
		g = nil // it is told as a direct message
	}
	d := x.w.speak(g, i.channel, fields)
	return d["id"].(events.Snowflake)
}

// response tells what a callback has made.
//
// Source: interactions/receiving-and-responding#interaction-callback-interaction-callback-response-object
func (x *exchange) response(i *interaction) object {
	told, resource := object{"id": i.ID, "type": i.kind}, object{"type": i.Callback}
	answer := object{"interaction": told}
	if d := x.w.messages[i.original]; d != nil {
		told["response_message_id"] = i.original
		told["response_message_loading"] = integer(d["flags"])&flagLoading != 0
		told["response_message_ephemeral"] = ephemeral(d)
		if i.Callback == callsMessage || i.Callback == callsUpdate {
			resource["message"] = x.w.shown(d)
		}
	}
	answer["resource"] = resource
	return answer
}

// followsUp is a route of an interaction's webhook, while its token is valid. Webhooks that are none of the world's are
// for the test's own handler.
//
// Source: interactions/receiving-and-responding#followup-messages
func followsUp(serve func(*exchange, *interaction) reply) func(*exchange) reply {
	return func(x *exchange) reply {
		i := x.w.interactionOf(x.request.PathValue("token"))
		switch {
		case i == nil && x.srv.set.rest != nil:
			return reply{}
		case i == nil || x.id("application_id") != BotID || i.Callback == 0:
			return unknownWebhook
		case x.now.Sub(i.Made) > followUpWithin:
			return invalidToken
		}
		return serve(x, i)
	}
}

// createFollowup writes another message. After a deferred callback it is the deferred one.
//
// Source: interactions/receiving-and-responding#create-followup-message
var createFollowup = followsUp(func(x *exchange, i *interaction) reply {
	if d := x.w.messages[i.original]; d != nil && integer(d["flags"])&flagLoading != 0 {
		return x.rewrite(d)
	}
	fields, wrong := x.compose(x.fields(), nil)
	if wrong.status != 0 {
		return wrong
	}
	fields["type"] = 0
	if d := x.w.messages[i.original]; d != nil && !ephemeral(d) { // what is shown to one user is quoted to nobody
		x.w.refer(fields, i.original)
	}
	id := x.respond(i, fields)
	i.followups = append(i.followups, id)
	return reply{http.StatusOK, x.w.shown(x.w.messages[id])}
})

// aboutFollowup is a route about a message that was written in answer.
func aboutFollowup(serve func(*exchange, object) reply) func(*exchange) reply {
	return followsUp(func(x *exchange, i *interaction) reply {
		id := i.original
		if name := x.request.PathValue("message"); name != "@original" {
			id = snowflake(name)
		}
		if d := x.w.messages[id]; d != nil && i.wrote(id) {
			return serve(x, d)
		}
		return unknownMessage
	})
}

var getFollowup = aboutFollowup(func(x *exchange, d object) reply { return ok(x.w.shown(d)) })

var editFollowup = aboutFollowup((*exchange).rewrite)

var deleteFollowup = aboutFollowup(func(x *exchange, d object) reply {
	x.w.erase(d)
	return noContent
})
