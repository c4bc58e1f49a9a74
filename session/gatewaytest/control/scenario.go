package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Scenario is a list of orders with times, and of what is expected in between. It can be run more than once.
type Scenario struct{ steps []*step }

// step is one of these: an order, or conditions that are waited for, or that hold at that moment.
type step struct {
	line       int
	at         time.Duration // since the end of the latest wait, or since the start
	order      *order
	conditions []condition
	waits      bool
	within     time.Duration // of a wait
	text       string
}

// defaultWithin is how long a wait waits. Identifies of one key are 5 s apart: it is enough for a dozen shards.
const defaultWithin = time.Minute

var stepFields = []field{
	{"at", atKind, false, "since the end of the latest wait, or since the start"},
	{"within", durationKind, false, "how long a wait may take; the default is 1m"},
	{"wait", anyKind, false, "ready, or conditions"},
	{"expect", anyKind, false, "conditions"},
}

// ParseScenario reads a scenario and checks all of it. It is YAML: a list of steps, which are carried out one after another. A
// step is an order, or what is waited for, or what is expected at that moment:
//
//   - wait: ready # until every shard of the bot is; the default of within is 1m
//     within: 30s
//   - at: 2s # since the end of the latest wait, or since the start
//     do: drop
//     shard: 1
//   - wait: {ready: all, resumes: 1}
//   - do: message
//     shard: 0
//     content: "!ping"
//   - wait: {calls: {route: "POST /channels/{channel_id}/messages", body: {content: pong}}}
//     within: 5s
//   - expect: {violations: 0, identifies: 4}
//
// A step without at follows the one above it at once. Conditions are the numbers of GET /stats, as a number or as a comparison such as
// ">=2"; ready may be all: that is every shard of the total which the bot uses. calls are REST calls since the latest order: of a route or a
// path, with a status, with at least the fields of body; count is how many, and without it at least one.
//
// The error is all mistakes, joined: each is an [*OrderError] with its line.
func ParseScenario(data []byte) (*Scenario, error) {
	var documents []yaml.Node
	if err := yaml.Load(data, &documents, yaml.WithAllDocuments()); err != nil {
		return nil, fmt.Errorf("control: the scenario is no YAML: %w", err)
	}
	if len(documents) != 1 {
		return nil, &OrderError{Problem: fmt.Sprintf("a scenario is one list of steps; this has %d documents", len(documents))}
	}
	root := &documents[0]
	if root.Kind == yaml.DocumentNode && len(root.Content) == 1 {
		root = root.Content[0]
	}
	if root.Kind != yaml.SequenceNode || len(root.Content) == 0 {
		return nil, &OrderError{Line: root.Line, Problem: `a scenario is a list of steps, such as "- wait: ready" and "- {at: 2s, do: drop, shard: 1}"`}
	}
	s := &Scenario{}
	var mistakes []error
	var before time.Duration
	for i, node := range root.Content {
		next, lines, problems := readStep(node, before)
		for _, problem := range problems {
			problem.Order = i
			if problem.Line == 0 {
				problem.Line = node.Line
			}
			if line, has := lines[problem.Field]; has {
				problem.Line = line
			}
			mistakes = append(mistakes, problem)
		}
		if before = next.at; next.waits {
			before = 0
		}
		s.steps = append(s.steps, next)
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	return s, nil
}

// readStep reads one, whose time is not before another's.
func readStep(node *yaml.Node, before time.Duration) (s *step, lines map[string]int, problems []*OrderError) {
	s = &step{line: node.Line, at: before}
	given, lines, problem := entries(node)
	if problem != nil {
		return s, nil, []*OrderError{problem}
	}
	own, rest := make(map[string]any), maps.Clone(given)
	for _, f := range stepFields {
		if value, has := given[f.name]; has {
			own[f.name] = value
			delete(rest, f.name)
		}
	}
	found, problems := values(stepFields, own)
	if found.has("at") {
		s.at = found.duration("at")
		if s.at < before {
			problems = append(problems, wrong("at", "%v is before the step above, which is at %v: put steps in the order of their times; after a wait they begin at 0s again", s.at, before))
		}
	}
	_, does := rest["do"]
	_, waits := own["wait"]
	_, expects := own["expect"]
	switch {
	case !does && !waits && !expects:
		return s, lines, append(problems, wrong("", "a step has one of do, wait and expect"))
	case does && waits, does && expects, waits && expects:
		return s, lines, append(problems, wrong("", "a step has only one of do, wait and expect: make two of it"))
	case found.has("within") && !waits:
		problems = append(problems, wrong("within", "only a wait takes time: leave it out, or wait"))
	}
	if does {
		var more []*OrderError
		s.order, more = read(rest)
		if s.order != nil {
			s.text = s.order.text
		}
		return s, lines, append(problems, more...)
	}
	for _, name := range slices.Sorted(maps.Keys(rest)) {
		problems = append(problems, wrong(name, "there is no such field: use at, within, wait or expect, or those of an order"))
	}
	name := "expect"
	if s.waits = waits; waits {
		name, s.within = "wait", defaultWithin
		if found.has("within") {
			s.within = found.duration("within")
		}
	}
	var more []*OrderError
	s.conditions, more = readConditions(name, own[name])
	s.text = name + " " + sentence(s.conditions)
	return s, lines, append(problems, more...)
}

func sentence(all []condition) string {
	var texts []string
	for _, c := range all {
		texts = append(texts, c.text)
	}
	return strings.Join(texts, ", ")
}

// entries are the fields of a step, and their lines.
func entries(node *yaml.Node) (all map[string]any, lines map[string]int, problem *OrderError) {
	if node.Kind != yaml.MappingNode {
		return nil, nil, &OrderError{Line: node.Line, Problem: `a step is an object, such as {at: 2s, do: drop, shard: 1}`}
	}
	value, problem := plain(node, 0)
	if problem != nil {
		return nil, nil, problem
	}
	lines = make(map[string]int)
	for i := 0; i+1 < len(node.Content); i += 2 {
		lines[node.Content[i].Value] = node.Content[i].Line
	}
	return value.(map[string]any), lines, nil
}

// plain is a value as JSON has it.
func plain(node *yaml.Node, depth int) (any, *OrderError) {
	const deepest = 100
	fault := func(format string, args ...any) *OrderError {
		return &OrderError{Line: node.Line, Problem: fmt.Sprintf(format, args...)}
	}
	if depth > deepest {
		return nil, fault("this is nested too deeply")
	}
	switch node.Kind {
	case yaml.MappingNode:
		all := make(map[string]any, len(node.Content)/2)
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			if _, twice := all[key.Value]; twice || key.Kind != yaml.ScalarNode {
				return nil, &OrderError{Line: key.Line, Field: key.Value, Problem: "it is there twice, or is no name: name each field once"}
			}
			value, problem := plain(node.Content[i+1], depth+1)
			if problem != nil {
				return nil, problem
			}
			all[key.Value] = value
		}
		return all, nil
	case yaml.SequenceNode:
		all := make([]any, 0, len(node.Content))
		for _, each := range node.Content {
			value, problem := plain(each, depth+1)
			if problem != nil {
				return nil, problem
			}
			all = append(all, value)
		}
		return all, nil
	case yaml.ScalarNode:
		return scalar(node, fault)
	}
	return nil, fault("anchors and aliases are not read here: write it out")
}

func scalar(node *yaml.Node, fault func(string, ...any) *OrderError) (any, *OrderError) {
	var value any
	switch tag := node.ShortTag(); tag {
	case "!!int", "!!float", "!!bool", "!!null":
		if err := node.Load(&value); err != nil {
			return nil, fault("%.40q cannot be read: %v", node.Value, err)
		}
	default: // a date is a text, too
		return node.Value, nil
	}
	switch n := value.(type) {
	case bool, nil:
		return n, nil
	case float64:
		if math.IsInf(n, 0) || math.IsNaN(n) {
			return nil, fault("%.40q is no number that JSON has", node.Value)
		}
		return json.Number(fmt.Sprintf("%g", n)), nil
	}
	return json.Number(fmt.Sprint(value)), nil
}
