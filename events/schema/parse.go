package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Parse reads records from a text; name stands in errors. What it returns is whole: every
// type that a field names is there.
func Parse(name, text string) (*Schema, error) {
	s := new(Schema)
	if err := s.parse(name, text); err != nil {
		return nil, err
	}
	return s, s.check()
}

// parser is the place between two lines: the comment so far, and the record that lines of
// fields belong to.
type parser struct {
	schema *Schema
	doc    []string
	field  func(line, doc string) error // nil: no record is open
}

func (s *Schema) parse(name, text string) error {
	p := parser{schema: s}
	for i, line := range strings.Split(text, "\n") {
		if err := p.line(strings.TrimRight(line, " \r")); err != nil {
			return fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
	}
	return nil
}

func (p *parser) line(line string) error {
	switch {
	case line == "":
		p.doc, p.field = nil, nil
		return nil
	case strings.HasPrefix(line, "#"):
		p.doc = append(p.doc, strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
		return nil
	case strings.HasPrefix(line, "\t"):
		if p.field == nil {
			return fmt.Errorf("%.40q stands in no record", line)
		}
		body, doc, _ := strings.Cut(line, " #")
		return p.field(strings.TrimSpace(body), strings.TrimSpace(doc))
	}
	doc := strings.Join(p.doc, "\n")
	p.doc = nil
	return p.record(strings.Fields(line), doc)
}

var (
	eventName = regexp.MustCompile(`^[A-Z][A-Z_]*[A-Z]$`)
	goName    = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
	fieldName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	flag      = regexp.MustCompile(`^1<<\d{1,2}$`)
)

func (p *parser) record(words []string, doc string) error {
	if doc == "" {
		return fmt.Errorf("%s has no comment before it", strings.Join(words, " "))
	}
	for len(words) < 4 {
		words = append(words, "")
	}
	kind, name := words[0], words[1]
	if kind == "event" && !eventName.MatchString(name) || kind != "event" && !goName.MatchString(name) {
		return fmt.Errorf("%.40q is no name for a record of kind %.20q", name, kind)
	}
	switch kind {
	case "event", "object":
		o := &Object{Name: name, Doc: doc, Page: words[2]}
		if kind == "event" {
			o.Intents = slices.DeleteFunc(words[3:], func(w string) bool { return w == "" })
			p.schema.Events = append(p.schema.Events, o)
		} else {
			p.schema.Objects = append(p.schema.Objects, o)
		}
		p.field = o.field
	case "enum":
		if words[2] != "int" && words[2] != "string" {
			return fmt.Errorf("enum %s: %.20q is neither int nor string", name, words[2])
		}
		e := &Enum{Name: name, Base: words[2], Doc: doc, Page: words[3]}
		p.schema.Enums = append(p.schema.Enums, e)
		p.field = e.value
	case "flags":
		e := &Enum{Name: name, Base: "flags", Doc: doc, Page: words[2]}
		p.schema.Enums = append(p.schema.Enums, e)
		p.field = e.value
	case "union":
		u := &Union{Name: name, Key: words[2], Doc: doc, Page: words[3]}
		p.schema.Unions = append(p.schema.Unions, u)
		p.field = func(line, doc string) error {
			number, object, _ := strings.Cut(line, " ")
			if _, err := strconv.Atoi(number); err != nil {
				return fmt.Errorf("union %s: %.20q is no number", u.Name, number)
			}
			u.Cases = append(u.Cases, Value{strings.TrimSpace(object), number, doc})
			return nil
		}
	default:
		return fmt.Errorf("%.20q is no kind of record: event, object, enum, flags or union", kind)
	}
	return nil
}

func (e *Enum) value(line, doc string) error {
	words := strings.Fields(line)
	if len(words) != 2 || !goName.MatchString(words[0]) {
		return fmt.Errorf("%s: %.40q is not a name and a value", e.Name, line)
	}
	switch _, err := strconv.Atoi(words[1]); {
	case e.Base == "int" && err != nil:
		return fmt.Errorf("%s.%s: %.20q is no number", e.Name, words[0], words[1])
	case e.Base == "flags" && !flag.MatchString(words[1]):
		return fmt.Errorf("%s.%s: %.20q is no bit, such as 1<<3", e.Name, words[0], words[1])
	}
	e.Values = append(e.Values, Value{words[0], words[1], doc})
	return nil
}

func (o *Object) field(line, doc string) error {
	words := strings.Fields(line)
	if len(words) == 2 && words[0] == "+" {
		if o.Embeds != nil {
			return fmt.Errorf("%s: a second +: one is all that is needed so far", o.Name)
		}
		o.Embeds = []string{words[1]}
		return nil
	}
	f := Field{Doc: doc}
	if len(words) == 4 && words[2] == "as" && goName.MatchString(words[3]) {
		f.GoName, words = words[3], words[:2]
	}
	if len(words) != 2 {
		return fmt.Errorf("%s: %.40q is not a name and a type", o.Name, line)
	}
	f.Name, f.Optional = strings.CutSuffix(words[0], "?")
	if !fieldName.MatchString(f.Name) {
		return fmt.Errorf("%s: %.40q is no name of a field", o.Name, words[0])
	}
	rest, keep := strings.CutPrefix(words[1], "*")
	rest, null := strings.CutPrefix(rest, "?")
	if keep && (null || !f.Optional) {
		return fmt.Errorf(`%s.%s: "*" is for what may be absent and not null`, o.Name, f.Name)
	}
	f.Keep, f.Nullable = keep, null
	var err error
	if f.Type, err = parseType(rest); err != nil {
		return fmt.Errorf("%s.%s: %w", o.Name, f.Name, err)
	}
	o.Fields = append(o.Fields, f)
	return nil
}

const maxDepth = 4 // of slices and maps in one type

func parseType(text string) (Type, error) {
	var wrap []Type
	for {
		if len(wrap) > maxDepth {
			return Type{}, fmt.Errorf("%.40q is nested too deep", text)
		}
		if rest, ok := strings.CutPrefix(text, "[]"); ok {
			wrap, text = append(wrap, Type{Name: "[]"}), rest
		} else if rest, ok := strings.CutPrefix(text, "[2]"); ok {
			wrap, text = append(wrap, Type{Name: "[2]"}), rest
		} else if rest, ok := strings.CutPrefix(text, "map["); ok {
			key, rest, ok := strings.Cut(rest, "]")
			if !ok || key != "string" && key != "Snowflake" {
				return Type{}, fmt.Errorf("the key of a map is string or Snowflake, not %.20q", key)
			}
			wrap, text = append(wrap, Type{Name: "map", Key: key}), rest
		} else {
			break
		}
	}
	t := Type{Name: text}
	for _, outer := range slices.Backward(wrap) {
		inner := t
		outer.Of = &inner
		t = outer
	}
	return t, nil
}

// check looks for names that nothing has, and for what is there twice.
func (s *Schema) check() error {
	names := map[string]bool{}
	for _, word := range Words {
		names[word] = true
	}
	claim := func(name string) error {
		if names[name] {
			return fmt.Errorf("schema: %s is there twice", name)
		}
		names[name] = true
		return nil
	}
	for _, e := range s.Enums {
		if err := claim(e.Name); err != nil {
			return err
		}
	}
	for _, u := range s.Unions {
		if err := claim(u.Name); err != nil {
			return err
		}
	}
	for _, o := range slices.Concat(s.Objects, s.Events) {
		if err := claim(o.Name); err != nil {
			return err
		}
	}
	for _, u := range s.Unions {
		for _, c := range u.Cases {
			if s.Object(c.Name) == nil {
				return fmt.Errorf("schema: union %s: there is no object %q", u.Name, c.Name)
			}
		}
	}
	for _, o := range slices.Concat(s.Objects, s.Events) {
		if err := s.checkObject(o, names); err != nil {
			return err
		}
	}
	return nil
}

func (s *Schema) checkObject(o *Object, names map[string]bool) error {
	for _, name := range o.Embeds {
		if other := s.Object(name); other == nil || len(other.Embeds) > 0 {
			return fmt.Errorf("schema: %s: %q is no object that can stand after +", o.Name, name)
		}
	}
	seen := map[string]bool{}
	for _, f := range s.AllFields(o) {
		if seen[f.Name] {
			return fmt.Errorf("schema: %s.%s is there twice", o.Name, f.Name)
		}
		seen[f.Name] = true
		if base := f.Type.Base().Name; !names[base] || eventName.MatchString(base) && s.Object(base) == nil && s.Enum(base) == nil && !slices.Contains(Words, base) {
			return fmt.Errorf("schema: %s.%s: there is no type %q", o.Name, f.Name, base)
		}
	}
	return nil
}
