package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/signalbox-go/signalbox/events/schema"
)

// value compares a type of ours with one of theirs.
func (r *report) value(place string, t schema.Type, d desc) {
	misfit := func() { r.diffs[place] = fmt.Sprintf("is %v, the package says %v", t, d) }
	switch {
	case d.Kind == "null":
		return
	case t.Of != nil && t.Name == "map":
		switch d.Kind {
		case "map":
			r.value(place, *t.Of, d.Of[0])
		case "object": // with numbers for names
			for _, f := range r.facts.Types[d.Ref].Fields {
				r.value(place, *t.Of, f.Type)
			}
		default:
			misfit()
		}
		return
	case t.Of != nil:
		if d.Kind != "array" && d.Kind != "tuple" && d.Kind != "union" {
			misfit()
			return
		}
		for _, one := range d.Of {
			if d.Kind == "union" {
				r.value(place, t, one)
			} else {
				r.value(place, *t.Of, one)
			}
		}
		return
	}
	if o := r.schema.Object(t.Name); o != nil {
		if d.Kind != "object" && d.Kind != "union" {
			misfit()
			return
		}
		r.object(o, d)
		return
	}
	if u := r.schema.Union(t.Name); u != nil {
		r.union(place, u, d)
		return
	}
	if d.Kind == "union" && t.Name != "JSON" {
		for _, one := range d.Of {
			r.value(place, t, one)
		}
		return
	}
	if e := r.schema.Enum(t.Name); e != nil && d.Kind == "enum" {
		if r.enums[e.Name] == nil {
			r.enums[e.Name] = map[string]bool{}
		}
		r.enums[e.Name][d.Name] = true
		return
	}
	if !slices.Contains(fitting[t.Name], d.Kind) {
		misfit()
	}
}

// fitting are the kinds of value that a word of the schema can hold.
var fitting = map[string][]string{
	"Snowflake": {"string", "number"}, "string": {"string"}, "bool": {"boolean"}, "int": {"number"}, "float": {"number"},
	"Time": {"string"}, "UnixSeconds": {"number"}, "UnixMillis": {"number"}, "Seconds": {"number"}, "Bits": {"string"},
	"Secret": {"string"}, "Value": {"string", "number", "boolean", "enum"}, "JSON": {"object", "union", "any", "array", "map", "string", "number", "boolean", "enum"}, "Present": {"null"},
	"ActivityButton": {"string", "object"}, "ShardID": {"tuple"}, "Opcode": {"enum"}, "Permissions": {"string"},
}

// values compares the named values of each enumeration.
func (r *report) values() {
	r.enums["Permissions"] = map[string]bool{"Permissions": true}
	count := 0
	for ours, all := range r.enums {
		e := r.schema.Enum(ours)
		mine, theirs := map[string]bool{}, map[string]bool{}
		for _, v := range e.Values {
			value := v.Value
			if shift, ok := strings.CutPrefix(value, "1<<"); ok {
				n, _ := strconv.Atoi(shift) // the schema's parser has checked it
				value = fmt.Sprint(uint64(1) << n)
			}
			mine[value] = true
		}
		for name := range all {
			for member, value := range r.facts.Enums[name] {
				v := plain(value)
				theirs[v] = true
				if !mine[v] {
					r.diffs[ours+"."+member] = "is missing: " + v
				}
			}
		}
		for v := range mine {
			count++
			if !theirs[v] {
				r.diffs[ours+"="+v] = "is extra"
			}
		}
	}
	r.tables = append(r.tables, fmt.Sprintf("%d values of %d enumerations", count, len(r.enums)))
}

// plain writes a number as the schema does.
func plain(value any) string {
	if f, ok := value.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}
