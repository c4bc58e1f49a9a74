// Package schema holds what Discord documents of the gateway's receive events, as data: one
// record for each event, object and enumeration, one line for each field, in the notation of
// Discord's own documentation. The types of packages events and events/discord are generated
// from it; nothing reads it at run time.
//
//	# What the record is; the comment becomes the type's.
//	object GuildMember resources/guild#guild-member-object
//		user?     User      # the key may be absent
//		joined_at ?Time     # the value may be null
//		nick?     ?string   # both
//		roles     []Snowflake
//		+ Other             # all fields of Other
//
// "*" before the type of a field that may be absent keeps absence apart from the zero value,
// "as Name" after it gives the field a Go name of its own.
package schema

import "embed"

//go:embed *.schema
var files embed.FS

// Schema is all records, in the order of the files.
type Schema struct {
	Events  []*Object
	Objects []*Object
	Enums   []*Enum
	Unions  []*Union
}

// Object is an event's data, or an object inside one.
type Object struct {
	Name    string // in an event: the wire's, such as MESSAGE_CREATE
	Doc     string
	Page    string   // of Discord's documentation
	Intents []string // of an event: any one feeds it; none: it always comes
	Embeds  []string // objects all of whose fields are this one's as well
	Fields  []Field
}

// Field is one key of an object.
type Field struct {
	Name     string // the key
	GoName   string // empty: made from the key
	Optional bool   // the key may be absent
	Nullable bool   // the value may be null
	Keep     bool   // absent and zero are two things
	Type     Type
	Doc      string
}

// Type is what a value is: one of the words below or the name of a record, in a slice, a map
// or an array where Of is set.
type Type struct {
	Name string // "[]", "map", "[2]" when Of is set
	Key  string // of a map
	Of   *Type
}

// Words are the types that are no records.
var Words = []string{
	"Snowflake", "string", "bool", "int", "float", "Time", "UnixSeconds", "UnixMillis", "Seconds", "Bits",
	"Secret", "Value", "JSON", "Present", "ActivityButton", "ShardID", "Opcode",
}

// Enum is a list of named values. Those that it does not list are valid as well.
type Enum struct {
	Name   string
	Base   string // "int", "string", or "flags": bits of a number
	Doc    string
	Page   string
	Values []Value
}

// Value is one named value: a number, a string, or "1<<n".
type Value struct{ Name, Value, Doc string }

// Union is an object that is one of several, told apart by the number that Key holds.
type Union struct {
	Name, Key, Doc, Page string
	Cases                []Value // Value is the number, Name the object
}

// Load parses the files of this package.
func Load() (*Schema, error) {
	names, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	whole := new(Schema)
	for _, file := range names {
		text, err := files.ReadFile(file.Name())
		if err != nil {
			return nil, err
		}
		if err := whole.parse(file.Name(), string(text)); err != nil {
			return nil, err
		}
	}
	return whole, whole.check()
}

// Object returns the object of that name, or nil.
func (s *Schema) Object(name string) *Object {
	for _, o := range s.Objects {
		if o.Name == name {
			return o
		}
	}
	return nil
}

// Enum returns the enumeration of that name, or nil.
func (s *Schema) Enum(name string) *Enum {
	for _, e := range s.Enums {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// Union returns the union of that name, or nil.
func (s *Schema) Union(name string) *Union {
	for _, u := range s.Unions {
		if u.Name == name {
			return u
		}
	}
	return nil
}

// AllFields are the fields of o and of all that it embeds.
func (s *Schema) AllFields(o *Object) []Field {
	var all []Field
	for _, name := range o.Embeds {
		all = append(all, s.AllFields(s.Object(name))...)
	}
	return append(all, o.Fields...)
}

// Base is the innermost type: that of an element, or t itself.
func (t Type) Base() Type {
	for t.Of != nil {
		t = *t.Of
	}
	return t
}

// String is the type as the schema writes it.
func (t Type) String() string {
	switch {
	case t.Of == nil:
		return t.Name
	case t.Name == "map":
		return "map[" + t.Key + "]" + t.Of.String()
	}
	return t.Name + t.Of.String()
}
