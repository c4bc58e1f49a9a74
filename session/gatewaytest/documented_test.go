package gatewaytest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events/schema"
)

// judge holds values against the schema.
type judge struct {
	s     *schema.Schema
	wrong []string
}

func (j *judge) fail(path, format string, args ...any) {
	j.wrong = append(j.wrong, path+" "+fmt.Sprintf(format, args...))
}

func (j *judge) object(path string, o *schema.Object, v any) {
	d, is := v.(map[string]any)
	if !is {
		j.fail(path, "is no object")
		return
	}
	known := make(map[string]bool)
	for _, f := range j.s.AllFields(o) {
		known[f.Name] = true
		value, there := d[f.Name]
		switch {
		case !there && !f.Optional:
			j.fail(path+"."+f.Name, "is missing")
		case there && value == nil && !f.Nullable && f.Type.Name != "Present" && f.Type.Name != "JSON":
			j.fail(path+"."+f.Name, "is null")
		case there && value != nil:
			j.value(path+"."+f.Name, f.Type, value)
		}
	}
	for name := range d {
		if !known[name] {
			j.fail(path+"."+name, "is not documented")
		}
	}
}

func (j *judge) value(path string, t schema.Type, v any) {
	if t.Of != nil {
		switch v := v.(type) {
		case []any:
			if t.Name == "map" || t.Name == "[2]" && len(v) != 2 {
				j.fail(path, "is a list of %d", len(v))
			}
			for i, each := range v {
				j.value(fmt.Sprintf("%s[%d]", path, i), *t.Of, each)
			}
		case map[string]any:
			if t.Name != "map" {
				j.fail(path, "is an object")
			}
			for key, each := range v {
				if t.Key == "Snowflake" {
					j.word(path+" key", t.Key, key)
				}
				j.value(path+"."+key, *t.Of, each)
			}
		default:
			j.fail(path, "is %v", v)
		}
		return
	}
	if o := j.s.Object(t.Name); o != nil {
		j.object(path, o, v)
	} else if e := j.s.Enum(t.Name); e != nil {
		j.enum(path, e, v)
	} else if u := j.s.Union(t.Name); u != nil {
		j.union(path, u, v)
	} else {
		j.word(path, t.Name, v)
	}
}

func (j *judge) union(path string, u *schema.Union, v any) {
	d, _ := v.(map[string]any)
	at := slices.IndexFunc(u.Cases, func(c schema.Value) bool { return c.Value == fmt.Sprint(d[u.Key]) })
	if at < 0 {
		j.fail(path, "is of kind %v", d[u.Key])
		return
	}
	j.object(path, j.s.Object(u.Cases[at].Name), v)
}

func (j *judge) enum(path string, e *schema.Enum, v any) {
	listed := slices.ContainsFunc(e.Values, func(known schema.Value) bool { return known.Value == fmt.Sprint(v) })
	_, number := v.(json.Number)
	switch {
	case e.Name == "Permissions":
		j.word(path, "Bits", v)
	case number == (e.Base == "string") || e.Base != "flags" && !listed:
		j.fail(path, "is %v, which is no %s", v, e.Name)
	}
}

// word holds a value against one of the words that are no records.
func (j *judge) word(path, word string, v any) {
	text, isText := v.(string)
	number, isNumber := v.(json.Number)
	_, isBool := v.(bool)
	digits := func() bool { _, err := strconv.ParseUint(text, 10, 64); return isText && err == nil }
	whole := func() bool { _, err := number.Int64(); return isNumber && err == nil }
	var ok bool
	switch word {
	case "Snowflake", "Bits":
		ok = digits()
	case "string", "Secret":
		ok = isText
	case "bool":
		ok = isBool
	case "int", "UnixSeconds", "UnixMillis", "Opcode":
		ok = whole()
	case "float", "Seconds":
		ok = isNumber
	case "Time":
		_, err := time.Parse("2006-01-02T15:04:05.000000-07:00", text)
		ok = err == nil
	case "Value":
		ok = isText || isNumber || isBool
	case "ShardID":
		list, _ := v.([]any)
		ok = len(list) == 2
	case "JSON", "Present":
		ok = true
	}
	if !ok {
		j.fail(path, "is %v, which is no %s", v, word)
	}
}

// TestJudgeNotices what is wrong, so that TestPayloadsAreWhole can fail.
func TestJudgeNotices(t *testing.T) {
	t.Parallel()
	s, err := schema.Parse("x", "# K.\nenum Kind int p\n\tOne 1\n\n# F.\nflags Permissions p\n\tA 1<<3\n\n# T.\nobject Thing p\n\tid Snowflake\n\tat? ?Time\n\tkind? Kind\n\tmay? Permissions\n\tall? []Thing\n\tof? map[Snowflake]Thing\n")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`{"id":"1","at":null,"kind":1,"may":"8","all":[{"id":"2"}],"of":{"3":{"id":"3"}}}`: "",
		`{}`: ".id is missing", `{"id":null}`: ".id is null", `{"id":1}`: ".id is 1", `{"id":"1","x":1}`: ".x is not documented",
		`{"id":"1","at":"2026-01-01"}`: ".at is 2026-01-01", `{"id":"1","kind":2}`: ".kind is 2", `{"id":"1","may":8}`: ".may is 8",
		`{"id":"1","all":[{}]}`: ".all[0].id is missing", `{"id":"1","all":{}}`: ".all is an object", `{"id":"1","of":{"x":{"id":"1"}}}`: ".of key is x",
		`[]`: " is no object",
	} {
		j := judge{s: s}
		j.object("", s.Object("Thing"), decode(t, []byte(text)))
		if got := strings.Join(j.wrong, "; "); !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
