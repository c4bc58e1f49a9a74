package control

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// kind is what the value of a field may be. It comes as JSON has it: nil, bool, string, json.Number, []any or map[string]any.
type kind struct {
	name    string // for the page, which has an input for each
	allowed string // in errors and in the table
	parse   func(any) (value any, ok bool)
}

var (
	textKind = kind{"text", "a text", func(v any) (any, bool) { text, ok := v.(string); return text, ok }}
	wordKind = kind{"text", "a text that is not empty", func(v any) (any, bool) { text, ok := v.(string); return text, ok && text != "" }}
	typeKind = kind{"text", "an event's name, such as MESSAGE_CREATE", func(v any) (any, bool) {
		text, ok := v.(string)
		return text, ok && text != "" && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
	}}
	boolKind   = kind{"bool", "true or false", func(v any) (any, bool) { on, ok := v.(bool); return on, ok }}
	anyKind    = kind{"json", "any JSON", func(v any) (any, bool) { return v, true }}
	fieldsKind = kind{"json", "an object", func(v any) (any, bool) {
		fields, ok := v.(map[string]any)
		return gatewaytest.Fields(fields), ok && fields != nil
	}}
	textsKind = kind{"json", "a list of texts", func(v any) (any, bool) { return each(v, textKind) }}
	idKind    = kind{"id", "an id: a number, or its digits as a text", func(v any) (any, bool) {
		n, err := strconv.ParseUint(digits(v), 10, 64)
		return events.Snowflake(n), err == nil
	}}
	durationKind = kind{"duration", "a positive duration, such as 5s, 1m30s or 200ms", func(v any) (any, bool) {
		text, _ := v.(string)
		d, err := time.ParseDuration(text)
		return d, err == nil && d > 0
	}}
	lagKind = kind{"duration", "a duration, such as 5s; 0s ends it", func(v any) (any, bool) {
		text, _ := v.(string)
		d, err := time.ParseDuration(text)
		return d, err == nil && d >= 0
	}}
	atKind    = kind{"duration", "a duration, such as 2s or 1m30s", lagKind.parse}
	codeKind  = kind{"number", "a close code, from 1000 to 4999, but for 1004 to 1006 and 1015, which nobody sends", readCode}
	shardKind = kind{"shard", `a shard's index, a list of them, or "all"`, readShards}
	routeKind = kind{"text", `a method and a path, such as "POST /channels/{channel_id}/messages"`, func(v any) (any, bool) {
		text, ok := v.(string)
		return text, ok && routable(text)
	}}
	intentsKind = kind{"json", `"all", "unprivileged", a number, or a list of names such as GUILD_MESSAGES`, readIntents}
	optionsKind = kind{"json", "a list of objects with name, value (a text, a number, true or false), type, options and focused", readOptions}
	fillKind    = kind{"json", "an object of texts", func(v any) (any, bool) {
		given, ok := v.(map[string]any)
		filled := make(map[string]string, len(given))
		for name, value := range given {
			text, isText := value.(string)
			filled[name], ok = text, ok && isText
		}
		return filled, ok
	}}
	activitiesKind = kind{"json", "a list of objects", func(v any) (any, bool) {
		list, ok := v.([]any)
		var all []gatewaytest.Fields
		for _, value := range list {
			fields, isObject := value.(map[string]any)
			all, ok = append(all, fields), ok && isObject
		}
		return all, ok
	}}
)

// numberKind is a whole number within bounds.
func numberKind(least, most int, allowed string) kind {
	return kind{"number", allowed, func(v any) (any, bool) {
		n, ok := whole(v)
		return n, ok && n >= least && n <= most
	}}
}

// readCode reads a close code that a frame can have.
//
// Source: RFC 6455, section 7.4
func readCode(v any) (any, bool) {
	n, ok := whole(v)
	return n, ok && n >= 1000 && n <= 4999 && n != 1015 && (n < 1004 || n > 1006)
}

// oneOf is one of some words.
func oneOf(words ...string) kind {
	return kind{"word:" + strings.Join(words, ","), strings.Join(words, " or "), func(v any) (any, bool) {
		text, _ := v.(string)
		return text, slices.Contains(words, text)
	}}
}

func whole(v any) (int, bool) {
	number, _ := v.(json.Number)
	n, err := strconv.Atoi(number.String())
	return n, err == nil
}

func digits(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// each is a list of values of a kind.
func each(v any, k kind) ([]string, bool) {
	list, ok := v.([]any)
	all := make([]string, 0, len(list))
	for _, value := range list {
		text, fits := k.parse(value)
		if !fits {
			return nil, false
		}
		all = append(all, text.(string))
	}
	return all, ok
}

// shards are those that an order is for.
type shards struct {
	all     bool
	indices []int
}

func readShards(v any) (any, bool) {
	if v == "all" {
		return shards{all: true}, true
	}
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	var chosen shards
	for _, value := range list {
		n, ok := whole(value)
		if !ok || n < 0 {
			return nil, false
		}
		if !slices.Contains(chosen.indices, n) {
			chosen.indices = append(chosen.indices, n)
		}
	}
	return chosen, len(chosen.indices) > 0
}

// routable reports whether net/http's ServeMux takes a pattern, with a method and without a host.
func routable(pattern string) (ok bool) {
	method, path, two := strings.Cut(pattern, " ")
	if !two || method == "" || !strings.HasPrefix(path, "/") {
		return false
	}
	defer func() { ok = recover() == nil }() // it panics at what it cannot take
	http.NewServeMux().HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
	return true
}

func readIntents(v any) (any, bool) {
	switch v {
	case "all":
		return events.IntentsAll, true
	case "unprivileged":
		return events.IntentsUnprivileged, true
	}
	if n, ok := whole(v); ok {
		return events.Intents(n), n >= 0 && events.Intents(n).Unknown() == 0
	}
	names, ok := each(v, textKind)
	var all events.Intents
	for _, name := range names {
		intent, known := intentOf(name)
		all, ok = all|intent, ok && known
	}
	return all, ok
}

func intentOf(name string) (events.Intents, bool) {
	for bit := range 64 {
		if intent := events.IntentsAll & (1 << bit); intent != 0 && intent.String() == name {
			return intent, true
		}
	}
	return 0, false
}

func readOptions(v any) (any, bool) {
	list, ok := v.([]any)
	all := make([]gatewaytest.CommandOption, 0, len(list))
	for _, value := range list {
		given, _ := value.(map[string]any)
		found, problems := values(optionFields, given)
		if len(problems) > 0 || !found.has("name") {
			return nil, false
		}
		o := gatewaytest.CommandOption{Name: found.text("name"), Type: found.number("type", 0), Value: optionValue(found)}
		o.Options, _ = found["options"].([]gatewaytest.CommandOption)
		o.Focused, _ = found["focused"].(bool)
		all = append(all, o)
	}
	return all, ok
}

// optionFields is filled by init, since it refers to itself by way of optionsKind.
var optionFields []field

func init() {
	optionFields = []field{
		{name: "name", kind: wordKind}, {name: "value", kind: kind{parse: scalarValue}}, {name: "type", kind: numberKind(1, 11, "")},
		{name: "options", kind: kind{parse: readOptions}}, {name: "focused", kind: boolKind},
	}
}

// scalarValue is what the value of an option may be.
func scalarValue(v any) (any, bool) {
	switch v.(type) {
	case string, json.Number, bool:
		return v, true
	}
	return nil, false
}

// optionValue is an option's value as the world takes it. Those of users, channels, roles and mentionables are ids.
//
// Source: interactions/application-commands#application-command-object-application-command-option-type
func optionValue(found args) any {
	const user, mentionable = 6, 9
	value := found["value"]
	if kind := found.number("type", 0); kind >= user && kind <= mentionable {
		if id, ok := idKind.parse(value); ok {
			return id
		}
	}
	number, isNumber := value.(json.Number)
	if !isNumber {
		return value
	}
	if n, ok := whole(number); ok {
		return n
	}
	f, err := number.Float64()
	if err != nil || math.IsInf(f, 0) {
		return number.String()
	}
	return f
}
