package control

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// OrderError says what is wrong with an order, or with a step of a scenario, and what is allowed.
type OrderError struct {
	Order   int    `json:"order"`          // its place in the list that was given, from 0; in a scenario, that of the step
	Line    int    `json:"line,omitempty"` // of the scenario's file; 0: there is none
	Do      string `json:"do,omitempty"`   // the order's name, as it was given
	Field   string `json:"field,omitempty"`
	Problem string `json:"problem"`
}

// Error implements error.
func (e *OrderError) Error() string {
	text := "control: "
	if e.Line > 0 {
		text += fmt.Sprintf("line %d: ", e.Line)
	}
	for _, part := range []string{e.Do, e.Field} {
		if part != "" {
			text += part + ": "
		}
	}
	return text + e.Problem
}

func wrong(field, format string, args ...any) *OrderError {
	return &OrderError{Field: field, Problem: fmt.Sprintf(format, args...)}
}

// verb is what can be ordered.
type verb struct {
	name   string
	help   string // what it does, in a line
	fields []field
	quick  bool                   // the page has a button for it
	check  func(args) *OrderError // of fields together; nil: there is nothing to check
	do     func(*Control, *work) error
}

// field is what an order may say. Its value has one kind.
type field struct {
	name string
	kind kind
	need bool
	help string
}

// args are the checked values of an order's fields. What was not given is not there.
type args map[string]any

// order is one that was checked.
type order struct {
	verb *verb
	args args
	text string // as a line
}

// read checks an order, as it was decoded from JSON or YAML. Of what is wrong all is told.
func read(given map[string]any) (*order, []*OrderError) {
	name, isText := given["do"].(string)
	at := slices.IndexFunc(verbs, func(v verb) bool { return v.name == name })
	if at < 0 {
		problem := wrong("do", "%s is no order: %s", shown(given["do"]), names())
		if _, has := given["do"]; !has {
			problem = wrong("do", "say what is to be done: %s", names())
		}
		if isText {
			problem.Do = name
		}
		return nil, []*OrderError{problem}
	}
	v := &verbs[at]
	found, problems := values(v.fields, given, "do")
	if len(problems) == 0 && v.check != nil {
		if problem := v.check(found); problem != nil {
			problems = append(problems, problem)
		}
	}
	for _, problem := range problems {
		problem.Do = name
	}
	return &order{v, found, lineOf(v, given)}, problems
}

// values checks what was given by the fields that there are. What else may be there is said by others.
func values(fields []field, given map[string]any, others ...string) (args, []*OrderError) {
	found := make(args, len(given))
	var problems []*OrderError
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if slices.Contains(others, name) {
			continue
		}
		at := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		if at < 0 {
			problems = append(problems, wrong(name, "there is no such field: %s", fieldNames(fields)))
			continue
		}
		value, ok := fields[at].kind.parse(given[name])
		if !ok {
			problems = append(problems, wrong(name, "%s will not do: give %s", shown(given[name]), fields[at].kind.allowed))
			continue
		}
		found[name] = value
	}
	for _, f := range fields {
		if _, has := given[f.name]; f.need && !has {
			problems = append(problems, wrong(f.name, "it is missing: give %s, %s", f.kind.allowed, f.help))
		}
	}
	return found, problems
}

func names() string {
	var all []string
	for _, v := range verbs {
		all = append(all, v.name)
	}
	return "use one of " + strings.Join(all, ", ")
}

func fieldNames(fields []field) string {
	if len(fields) == 0 {
		return "this takes none"
	}
	var all []string
	for _, f := range fields {
		all = append(all, f.name)
	}
	return "use " + strings.Join(all, ", ")
}

// shown is a value in an error: short, since it may be anything.
func shown(v any) string {
	const most = 40
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("a %T", v)
	}
	if text := []rune(string(data)); len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(data)
}

// lineOf is an order as a line, in the order of the table.
func lineOf(v *verb, given map[string]any) string {
	line := v.name
	for _, f := range v.fields {
		if value, has := given[f.name]; has {
			if text, isText := value.(string); isText && text != "" && !strings.ContainsAny(text, " \n\t\"") {
				line += " " + f.name + "=" + text
			} else {
				line += " " + f.name + "=" + shown(value)
			}
		}
	}
	return line
}

func (a args) has(name string) bool {
	_, has := a[name]
	return has
}

func (a args) text(name string) string {
	text, _ := a[name].(string)
	return text
}

func (a args) id(name string) events.Snowflake {
	id, _ := a[name].(events.Snowflake)
	return id
}

func (a args) number(name string, without int) int {
	if n, has := a[name].(int); has {
		return n
	}
	return without
}

func (a args) duration(name string) time.Duration {
	d, _ := a[name].(time.Duration)
	return d
}

// on reports whether a thing that lasts is to begin: it is unless the order says no.
func (a args) on() bool {
	on, given := a["on"].(bool)
	return on || !given
}
