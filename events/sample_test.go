package events_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events/schema"
)

// source decides what a sample holds: at random, or the fullest one there is.
type source interface {
	Chance(field string) bool // of two things, such as present and absent
	Number(n int) int         // from 0 to n-1
}

// sampler makes JSON values that the schema allows.
type sampler struct {
	schema *schema.Schema
	source source
	serial int
}

func load(t testing.TB) *schema.Schema {
	t.Helper()
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const deepest = 4 // objects inside each other that a sample has

func (s *sampler) object(o *schema.Object, depth int) map[string]any {
	all := map[string]any{}
	for _, f := range s.schema.AllFields(o) {
		switch {
		case f.Optional && (depth > deepest && s.nests(f.Type) || !s.source.Chance(f.Name)):
		case f.Nullable && (depth > deepest && s.nests(f.Type) || !s.source.Chance(f.Name)):
			all[f.Name] = nil
		default:
			all[f.Name] = s.value(f.Type, f.Name, depth)
		}
	}
	return all
}

// nests tells whether a type can hold objects.
func (s *sampler) nests(t schema.Type) bool {
	return s.schema.Object(t.Base().Name) != nil || s.schema.Union(t.Base().Name) != nil
}

func (s *sampler) value(t schema.Type, field string, depth int) any {
	switch {
	case t.Of != nil && t.Name == "map":
		if depth > deepest {
			return map[string]any{}
		}
		return map[string]any{"1": s.value(*t.Of, field, depth+1)}
	case t.Of != nil:
		list := []any{}
		n := 1 + s.source.Number(2)
		if t.Name == "[2]" {
			n = 2
		} else if depth > deepest && s.nests(t) {
			n = 0
		}
		for range n {
			list = append(list, s.value(*t.Of, field, depth+1))
		}
		return list
	}
	if o := s.schema.Object(t.Name); o != nil {
		return s.object(o, depth+1)
	}
	if u := s.schema.Union(t.Name); u != nil {
		kind := u.Cases[s.source.Number(len(u.Cases))]
		if depth > deepest { // one that holds no other
			kind = u.Cases[1]
		}
		one := s.object(s.schema.Object(kind.Name), depth+1)
		one[u.Key] = json.Number(kind.Value)
		return one
	}
	if e := s.schema.Enum(t.Name); e != nil {
		return s.enum(e)
	}
	return s.word(t.Name, field)
}

func (s *sampler) enum(e *schema.Enum) any {
	v := e.Values[s.source.Number(len(e.Values))].Value
	switch e.Base {
	case "string":
		return v
	case "int":
		return json.Number(v)
	}
	var bit uint
	if _, err := fmt.Sscanf(v, "1<<%d", &bit); err != nil {
		panic(err)
	}
	if e.Name == "Permissions" {
		return fmt.Sprint(uint64(1)<<bit | 1)
	}
	return json.Number(fmt.Sprint(uint64(1)<<bit | 1))
}

func (s *sampler) word(name, field string) any {
	s.serial++
	at := time.Date(2026, 11, 24, 12, 0, s.serial%60, 123456000, time.UTC)
	switch name {
	case "Snowflake":
		return fmt.Sprint(1234567890000000000 + uint64(s.serial))
	case "bool":
		return true
	case "int":
		return json.Number(fmt.Sprint(s.serial))
	case "float", "Seconds":
		return json.Number(fmt.Sprintf("%d.25", s.serial))
	case "Time":
		return strings.Replace(at.Format("2006-01-02T15:04:05.000000Z07:00"), "Z", "+00:00", 1)
	case "UnixSeconds":
		return json.Number(fmt.Sprint(at.Unix()))
	case "UnixMillis":
		return json.Number(fmt.Sprint(at.UnixMilli()))
	case "Bits":
		return fmt.Sprint(uint64(1)<<40 | uint64(s.serial))
	case "Value":
		return []any{fmt.Sprintf("%s %d", field, s.serial), json.Number("25"), true}[s.source.Number(3)]
	case "JSON":
		return map[string]any{"nested": []any{json.Number("1"), nil, "text"}}
	case "Present":
		return nil
	case "ActivityButton":
		return "Join " + fmt.Sprint(s.serial)
	case "ShardID":
		return []any{json.Number("3"), json.Number("16")}
	case "Opcode":
		return json.Number("8")
	}
	return fmt.Sprintf("%s %d ü \"quoted\"", field, s.serial) // string and Secret
}

// meaning reduces a JSON value, as the schema knows it, to what it means: without nulls where
// null says nothing, without zero values where absence is the same, times as instants.
func meaning(s *schema.Schema, o *schema.Object, value map[string]any) map[string]any {
	reduced := map[string]any{}
	for _, f := range s.AllFields(o) {
		v, there := value[f.Name]
		if !there {
			continue
		}
		if v = meaningOf(s, f.Type, v); f.Type.Base().Name == "Secret" {
			v = "secret"
		}
		zero := v == false || v == "" || v == json.Number("0") || v == "0"
		if zero && f.Optional && !f.Keep && !f.Nullable {
			continue
		}
		reduced[f.Name] = v
	}
	return reduced
}

func meaningOf(s *schema.Schema, t schema.Type, v any) any {
	switch v := v.(type) {
	case []any:
		list := []any{}
		for _, one := range v {
			if t.Of != nil {
				one = meaningOf(s, *t.Of, one)
			}
			list = append(list, one)
		}
		return list
	case map[string]any:
		if t.Of != nil {
			all := map[string]any{}
			for key, one := range v {
				all[key] = meaningOf(s, *t.Of, one)
			}
			return all
		}
		if o := s.Object(t.Name); o != nil {
			return meaning(s, o, v)
		}
		if u := s.Union(t.Name); u != nil {
			for _, c := range u.Cases {
				if v[u.Key] == json.Number(c.Value) {
					return meaning(s, s.Object(c.Name), v)
				}
			}
		}
	case string:
		if t.Name == "Time" {
			at, err := time.Parse(time.RFC3339, v)
			if err != nil {
				return err.Error()
			}
			return at.UTC().String()
		}
	}
	return v
}
