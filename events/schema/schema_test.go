package schema_test

import (
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/events/schema"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Events) != 85 || s.Object("Message") == nil || s.Enum("ChannelType") == nil || s.Union("Component") == nil {
		t.Errorf("%d events, %d objects, %d enums, %d unions", len(s.Events), len(s.Objects), len(s.Enums), len(s.Unions))
	}
	for _, o := range append(s.Events, s.Objects...) {
		if o.Page == "" {
			t.Errorf("%s names no page of the documentation", o.Name)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	s, err := schema.Parse("x", "# A thing.\nobject Thing a/b#c\n\tid Snowflake # its id\n\tnick? ?string as Name\n\tdeaf? *bool\n\tall map[Snowflake][]Thing\n")
	if err != nil {
		t.Fatal(err)
	}
	fields := s.Object("Thing").Fields
	if f := fields[0]; f.Name != "id" || f.Optional || f.Doc != "its id" {
		t.Errorf("%+v", f)
	}
	if f := fields[1]; !f.Optional || !f.Nullable || f.GoName != "Name" || f.Type.String() != "string" {
		t.Errorf("%+v", f)
	}
	if f := fields[2]; !f.Keep || fields[3].Type.String() != "map[Snowflake][]Thing" || fields[3].Type.Base().Name != "Thing" {
		t.Errorf("%+v", fields)
	}
}

func TestBadSchema(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"object Thing p\n":                           "no comment",
		"# A.\nobject thing p\n":                     "no name for a record",
		"# A.\nevent Thing p\n":                      "no name for a record",
		"# A.\ntable Thing p\n":                      "no kind of record",
		"\tid int\n":                                 "stands in no record",
		"# A.\nobject Thing p\n\tid\n":               "not a name and a type",
		"# A.\nobject Thing p\n\tID int\n":           "no name of a field",
		"# A.\nobject Thing p\n\tid Unheard\n":       `no type "Unheard"`,
		"# A.\nobject Thing p\n\tid int\n\tid int\n": "twice",
		"# A.\nobject Thing p\n\tid *int\n":          "may be absent and not null",
		"# A.\nobject Thing p\n\tid map[int]int\n":   "key of a map",
		"# A.\nobject Thing p\n\t+ Other\n":          `"Other"`,
		"# A.\nenum Kind float p\n":                  "neither int nor string",
		"# A.\nenum Kind int p\n\tOne x\n":           "no number",
		"# A.\nflags Kind p\n\tOne 1\n":              "no bit",
		"# A.\nunion Any type p\n\tx Thing\n":        "no number",
		"# A.\nunion Any type p\n\t1 Thing\n":        `no object "Thing"`,
		"# A.\nobject Thing p\n\tid [][][][][][]int": "too deep",
	} {
		if _, err := schema.Parse("file", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// FuzzParse: no text panics; what is accepted has only fields whose types are there.
func FuzzParse(f *testing.F) {
	f.Add("# A.\nobject Thing p\n\tid? ?[]Thing # x\n\n# B.\nevent X_Y p A B\n\t+ Thing\n")
	f.Add("# A.\nenum Kind int p\n\tOne 1\n\n# B.\nflags Bits2 p\n\tA 1<<3\n")
	f.Add("# A.\nobject T p\n\tid int\n\n# B.\nunion Any type p\n\t1 T\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := schema.Parse("fuzz", text)
		if err != nil {
			return
		}
		for _, o := range append(s.Events, s.Objects...) {
			for _, field := range s.AllFields(o) {
				if field.Type.Base().Name == "" {
					t.Fatalf("%s.%s has no type", o.Name, field.Name)
				}
			}
		}
	})
}
