package main

import (
	"slices"
	"strings"

	"github.com/signalbox-go/signalbox/events/schema"
)

var initialisms = map[string]string{
	"id": "ID", "ids": "IDs", "url": "URL", "sku": "SKU", "skus": "SKUs", "mfa": "MFA", "nsfw": "NSFW", "tts": "TTS",
	"afk": "AFK", "rpc": "RPC", "vr": "VR", "dm": "DM", "dms": "DMs", "rtc": "RTC", "api": "API",
}

// camel makes a Go name of a wire name, such as GuildID of guild_id.
func camel(wire string) string {
	var b strings.Builder
	for _, word := range strings.Split(strings.ToLower(wire), "_") {
		if up, ok := initialisms[word]; ok {
			b.WriteString(up)
		} else if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

func goField(f schema.Field) string {
	if f.GoName != "" {
		return f.GoName
	}
	return camel(f.Name)
}

// comment makes a Go comment of a sentence about name: "Name is a thing." or "Name: how it is."
func comment(name, doc, page string) string {
	verb := ": "
	if first, _, _ := strings.Cut(doc, " "); slices.Contains([]string{"A", "An", "The", "What", "One", "Rich", "Somebody's", "Whether"}, first) {
		verb = " is "
	} else if first == name {
		return text(doc, page)
	}
	return text(name+verb+lower(doc), page)
}

// eventComment is comment for an event: it says that something happened, or answers something.
func eventComment(name, doc, page string) string {
	if first, _, _ := strings.Cut(doc, " "); first == "Answers" || first == "Names" {
		return text(name+" "+lower(doc), page)
	}
	return text(name+" says that "+lower(doc), page)
}

func text(sentence, page string) string {
	return "// " + strings.ReplaceAll(sentence, "\n", "\n// ") + "\n//\n// Source: " + page + "\n"
}

// lower begins a sentence, or a name, with a small letter, unless it begins with a name.
func lower(sentence string) string {
	if strings.HasPrefix(sentence, "Discord ") {
		return sentence
	}
	return strings.ToLower(sentence[:1]) + sentence[1:]
}

// generator knows how the types of the schema are called in the package that is written.
type generator struct {
	schema *schema.Schema
	prefix string // before the names of package discord: "" inside it
	wire   string // before the names of package wire
}

// scalar are the types for which zero says the same as absence, unless the schema keeps them apart.
func (g *generator) scalar(t schema.Type) bool {
	if t.Of != nil {
		return t.Name != "[2]"
	}
	switch t.Name {
	case "Snowflake", "string", "bool", "Secret", "Value", "JSON", "Present":
		return true
	}
	if e := g.schema.Enum(t.Name); e != nil {
		return e.Base != "int" && e.Name != "Permissions"
	}
	return g.schema.Union(t.Name) != nil
}

// nilable are the types that have a nil of their own.
func (g *generator) nilable(t schema.Type) bool {
	return t.Of != nil && t.Name != "[2]" || t.Name == "JSON" || t.Name == "Value" || g.schema.Union(t.Name) != nil
}

// base is the Go name of a type that is present and not null.
func (g *generator) base(t schema.Type) string {
	if t.Of != nil {
		if u := g.schema.Union(t.Of.Name); u != nil && t.Name == "[]" {
			return g.prefix + u.Name + "s"
		}
		if t.Name == "map" {
			return "map[" + g.base(schema.Type{Name: t.Key}) + "]" + g.base(*t.Of)
		}
		return t.Name + g.base(*t.Of)
	}
	switch t.Name {
	case "string", "bool", "int":
		return t.Name
	case "float":
		return "float64"
	case "Time":
		return "time.Time"
	case "JSON":
		return "json.RawMessage"
	case "ShardID", "Opcode":
		return t.Name
	}
	if u := g.schema.Union(t.Name); u != nil {
		return g.prefix + "Any" + u.Name
	}
	return g.prefix + t.Name
}

// fieldType is the Go type of a field, and the option of its tag.
func (g *generator) fieldType(f schema.Field) (goType, option string) {
	base := g.base(f.Type)
	switch {
	case f.Optional && f.Nullable && g.schema.Object(f.Type.Name) != nil:
		return g.prefix + "Optional[*" + base + "]", ",omitzero"
	case f.Optional && f.Nullable:
		return g.prefix + "Optional[" + base + "]", ",omitzero"
	case f.Optional && (f.Keep || !g.scalar(f.Type)):
		return "*" + base, ",omitzero"
	case f.Optional:
		return base, ",omitzero"
	case f.Nullable && !g.nilable(f.Type):
		return "*" + base, ""
	}
	return base, ""
}
