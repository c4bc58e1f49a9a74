package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/signalbox-go/signalbox/events/schema"
)

// call is the expression that decodes the next value into what target points to, and tells whether there was one.
func (g *generator) call(f schema.Field, target string) string {
	one := g.decoder(f.Type)
	switch {
	case f.Optional && f.Nullable && g.schema.Object(f.Type.Name) != nil:
		pointer := fmt.Sprintf("func(d *%sDecoder, v **%s) bool { return %sPointer(d, v, %s) }", g.wire, g.base(f.Type), g.wire, one)
		return fmt.Sprintf("%sOptional(d, %s, %s)", g.wire, target, pointer)
	case f.Optional && f.Nullable:
		return fmt.Sprintf("%sOptional(d, %s, %s)", g.wire, target, one)
	}
	if goType, _ := g.fieldType(f); strings.HasPrefix(goType, "*") {
		return fmt.Sprintf("%sPointer(d, %s, %s)", g.wire, target, one)
	}
	return g.apply(f.Type, target)
}

// decoder is a function of a decoder and a pointer to t.
func (g *generator) decoder(t schema.Type) string {
	if t.Of == nil && g.schema.Union(t.Name) == nil {
		name := g.leaf(t)
		if g.schema.Object(t.Name) != nil || !strings.Contains(name, "[") {
			return name
		}
	}
	return fmt.Sprintf("func(d *%sDecoder, v *%s) bool { return %s }", g.wire, g.base(t), g.apply(t, "v"))
}

// apply is call for a field that is not nil when it is absent.
func (g *generator) apply(t schema.Type, target string) string {
	switch {
	case t.Of != nil && t.Name == "[]" && g.schema.Union(t.Of.Name) != nil:
		return fmt.Sprintf("%sSlice(d, (*[]%s%s)(%s), %s%s)", g.wire, g.prefix, t.Of.Name, target, g.wire, t.Of.Name)
	case t.Of != nil && t.Name == "[]":
		return fmt.Sprintf("%sSlice(d, %s, %s)", g.wire, target, g.decoder(*t.Of))
	case t.Of != nil && t.Name == "[2]":
		return fmt.Sprintf("%sPair(d, %s, %s)", g.wire, target, g.decoder(*t.Of))
	case t.Of != nil:
		key := g.wire + "StringKey"
		if t.Key == "Snowflake" {
			key = g.wire + "SnowflakeKey"
		}
		return fmt.Sprintf("%sMap(d, %s, %s, %s)", g.wire, target, key, g.decoder(*t.Of))
	case g.schema.Union(t.Name) != nil:
		return fmt.Sprintf("%s%s(d, &(%s).%s)", g.wire, t.Name, target, t.Name)
	}
	return fmt.Sprintf("%s(d, %s)", g.leaf(t), target)
}

// leaf is the function of package wire that decodes a type without elements.
func (g *generator) leaf(t schema.Type) string {
	if e := g.schema.Enum(t.Name); e != nil && e.Name != "Permissions" {
		return g.wire + map[string]string{"int": "Int", "string": "Name", "flags": "Flags"}[e.Base]
	}
	switch t.Name {
	case "string", "bool", "int", "float", "Snowflake", "Time":
		return g.wire + camel(t.Name)
	case "UnixSeconds", "UnixMillis", "Opcode":
		return g.wire + "Int"
	case "Seconds":
		return g.wire + "Float"
	case "Secret":
		return g.wire + "String"
	case "Permissions", "Bits", "Value", "Present", "ShardID":
		return g.wire + "Custom"
	}
	return g.wire + t.Name
}

// fieldFunc is the function that decodes the field of a key, false for a key that o lacks.
func (g *generator) fieldFunc(b *bytes.Buffer, name, goType string, o *schema.Object) {
	unknown := "return false"
	for _, other := range o.Embeds {
		unknown = fmt.Sprintf("return %s%sKey(d, &v.%s, key)", g.wire, other, other)
	}
	fmt.Fprintf(b, "func %s(d *%sDecoder, v *%s, key string) bool {\n", name, g.wire, goType)
	if len(o.Fields) == 0 {
		b.WriteString(unknown + "\n}\n\n")
		return
	}
	b.WriteString("\tswitch key {\n")
	for _, f := range o.Fields {
		fmt.Fprintf(b, "\tcase %q:\n\t\t%s\n", f.Name, g.call(f, "&v."+goField(f)))
	}
	fmt.Fprintf(b, "\tdefault:\n\t\t%s\n\t}\n\treturn true\n}\n\n", unknown)
}

// objectDecoders is the file of package wire.
func (g *generator) objectDecoders() string {
	var b bytes.Buffer
	for _, o := range g.schema.Objects {
		fmt.Fprintf(&b, "// %s reads a discord.%s.\nfunc %s(d *Decoder, v *discord.%s) bool { return Object(d, v, %sKey) }\n\n", o.Name, o.Name, o.Name, o.Name, o.Name)
		fmt.Fprintf(&b, "// %sKey reads the value of a key of discord.%s, and is false if it has no such key.\n", o.Name, o.Name)
		g.fieldFunc(&b, o.Name+"Key", "discord."+o.Name, o)
	}
	for _, u := range g.schema.Unions {
		kind := u.Name + camel(u.Key)
		fmt.Fprintf(&b, "// %s reads a discord.%s of any kind.\nfunc %s(d *Decoder, v *discord.%s) bool {\n\tif d.null() {\n\t\t*v = nil\n\t\treturn false\n\t}\n", u.Name, u.Name, u.Name, u.Name)
		fmt.Fprintf(&b, "\tnumber, ok := d.kindOf(%q)\n\tif !ok {\n\t\treturn false\n\t}\n\tswitch kind := discord.%s(number); kind {\n", u.Key, kind)
		for _, c := range u.Cases {
			fmt.Fprintf(&b, "\tcase discord.%s%s:\n\t\treturn decodeCase(d, v, new(discord.%s), %s)\n", kind, c.Name, c.Name, c.Name)
		}
		fmt.Fprintf(&b, "\tdefault:\n\t\t*v = &discord.Unknown%s{Type: kind, Raw: d.unknown()}\n\t\treturn true\n\t}\n}\n\n", u.Name)
	}
	return file("wire", b.Bytes())
}

// eventDecoders is the file of package events.
func (g *generator) eventDecoders() string {
	var b bytes.Buffer
	for _, e := range g.schema.Events {
		g.fieldFunc(&b, lower(camel(e.Name))+"Key", camel(e.Name), e)
	}
	return file("events", b.Bytes())
}
