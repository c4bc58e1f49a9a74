package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/signalbox-go/signalbox/events/schema"
)

// report collects what was seen, and what differs: a place, such as Message.content, and how.
type report struct {
	schema  *schema.Schema
	facts   *factSet
	seen    map[string]bool                 // object and type that were compared
	objects map[string]map[string]*sighting // object → field
	counts  map[string]int                  // object → types that it stands for
	enums   map[string]map[string]bool      // ours → theirs
	diffs   map[string]string               // place → what differs
	tables  []string                        // a line each: "79 of 79 events"
}

// sighting is what the package says of one field, over all types that the object stands for.
type sighting struct {
	optional, nullable bool
	times              int
}

func compare(s *schema.Schema, known *factSet) *report {
	r := &report{schema: s, facts: known, seen: map[string]bool{}, objects: map[string]map[string]*sighting{}, counts: map[string]int{},
		enums: map[string]map[string]bool{}, diffs: map[string]string{}}
	ours := map[string]*schema.Object{}
	for _, e := range s.Events {
		ours[e.Name] = e
		if _, ok := known.Events[e.Name]; !ok {
			r.diffs[e.Name] = "is extra"
		}
	}
	matched := 0
	for _, name := range slices.Sorted(maps.Keys(known.Events)) {
		if e := ours[name]; e == nil {
			r.diffs[name] = "is missing"
		} else {
			matched++
			r.object(e, known.Events[name])
		}
	}
	r.tables = append(r.tables, fmt.Sprintf("%d of %d events", matched, len(known.Events)))
	fields := r.fields()
	r.tables = append(r.tables, fmt.Sprintf("%d fields of %d objects and events that are reached", fields, len(r.objects)))
	r.values()
	r.vocabulary()
	r.sends()
	return r
}

// object compares o with the type, or the types, that stand in its place.
func (r *report) object(o *schema.Object, d desc) {
	switch d.Kind {
	case "null":
	case "union":
		for _, one := range d.Of {
			r.object(o, one)
		}
	case "object":
		r.fieldsOf(o, d.Ref, nil)
	default:
		r.diffs[o.Name] = "is an object, the package says " + d.String()
	}
}

// fieldsOf compares o with a type, apart from the fields of the object that embeds it.
func (r *report) fieldsOf(o *schema.Object, ref string, outer []schema.Field) {
	key := o.Name + " " + ref
	theirs := r.facts.Types[ref].Fields
	if r.seen[key] || len(theirs) == 0 { // without fields: an intersection that nothing satisfies
		return
	}
	r.seen[key] = true
	r.counts[o.Name]++
	if r.objects[o.Name] == nil {
		r.objects[o.Name] = map[string]*sighting{}
	}
	for _, f := range o.Fields {
		if at, ok := theirs[f.Name]; ok && !has(outer, f.Name) {
			r.sight(o.Name, f, at)
		}
	}
	known := slices.Concat(outer, o.Fields)
	for _, name := range o.Embeds {
		r.fieldsOf(r.schema.Object(name), ref, known)
		return // which looks for what is missing, too
	}
	for name := range theirs {
		if !has(known, name) {
			r.diffs[o.Name+"."+name] = "is missing"
		}
	}
}

func has(fields []schema.Field, name string) bool {
	return slices.ContainsFunc(fields, func(f schema.Field) bool { return f.Name == name })
}

func (r *report) sight(object string, f schema.Field, theirs fact) {
	at := r.objects[object][f.Name]
	if at == nil {
		at = new(sighting)
		r.objects[object][f.Name] = at
	}
	at.times++
	at.optional = at.optional || theirs.Optional
	at.nullable = at.nullable || theirs.Nullable || theirs.Type.Kind == "null"
	r.value(object+"."+f.Name, f.Type, theirs.Type)
}

// union compares the cases of u with the types of which one stands in its place.
func (r *report) union(place string, u *schema.Union, d desc) {
	if d.Kind != "union" {
		d = desc{Kind: "union", Of: list{d}}
	}
	for _, one := range d.Of {
		theirs := r.facts.Types[one.Ref]
		numbers, ok := theirs.Fields[u.Key].Type.Only.([]any)
		if one.Kind != "object" || !ok || len(numbers) != 1 {
			r.diffs[place] = fmt.Sprintf("%s is not told apart by one %s", one, u.Key)
			continue
		}
		number := fmt.Sprint(numbers[0])
		i := slices.IndexFunc(u.Cases, func(c schema.Value) bool { return c.Value == number })
		if i < 0 {
			r.diffs[u.Name+"."+theirs.Name] = "is missing: " + u.Key + " " + number
			continue
		}
		r.object(r.schema.Object(u.Cases[i].Name), one)
	}
}

// fields compares presence, and what may be absent or null, of all fields that were seen.
func (r *report) fields() (count int) {
	for name, seen := range r.objects {
		o := r.schema.Object(name)
		if o == nil {
			o = r.schema.Events[slices.IndexFunc(r.schema.Events, func(e *schema.Object) bool { return e.Name == name })]
		}
		for _, f := range o.Fields {
			place := name + "." + f.Name
			at := seen[f.Name]
			if at == nil {
				r.diffs[place] = "is extra"
				continue
			}
			count++
			if absent := at.optional || at.times < r.counts[name]; absent && !f.Optional {
				r.diffs[place] = "may be absent"
			} else if !absent && f.Optional {
				r.diffs[place] = "is never absent"
			}
			if at.nullable && !f.Nullable && f.Type.Name != "Present" {
				r.diffs[place] += " may be null"
			} else if !at.nullable && f.Nullable {
				r.diffs[place] += " is never null"
			}
		}
	}
	return count
}
