package control

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// condition is something that a scenario waits for, or expects.
type condition struct {
	text string
	met  func(*running) (met bool, now string)
}

// comparison is what a number is held against.
type comparison struct {
	op string
	n  int
}

const comparisonAllowed = `a number, or a comparison such as ">=2", "<5" or ">0"`

func readComparison(v any) (any, bool) {
	if n, ok := whole(v); ok {
		return comparison{"=", n}, true
	}
	text, _ := v.(string)
	digits := strings.TrimLeft(text, "<>=")
	op := text[:len(text)-len(digits)]
	n, err := strconv.Atoi(strings.TrimSpace(digits))
	return comparison{op, n}, err == nil && slices.Contains([]string{"=", "<", "<=", ">", ">="}, op)
}

func (c comparison) holds(n int) bool {
	switch c.op {
	case "<":
		return n < c.n
	case "<=":
		return n <= c.n
	case ">":
		return n > c.n
	case ">=":
		return n >= c.n
	}
	return n == c.n
}

func (c comparison) String() string { return c.op + strconv.Itoa(c.n) }

var comparisonKind = kind{"text", comparisonAllowed, readComparison}

// conditionFields are what can be waited for and expected: every number of GET /stats, and calls.
func conditionFields() (all []field) {
	for _, s := range stats {
		f := field{name: s.name, kind: comparisonKind, help: s.help}
		if s.name == "ready" {
			f.kind = kind{"text", `"all", ` + comparisonAllowed, func(v any) (any, bool) {
				if v == "all" {
					return nil, true
				}
				return readComparison(v)
			}}
		}
		all = append(all, f)
	}
	return append(all, field{name: "calls", kind: fieldsKind, help: "REST calls since the latest order"})
}

var callFields = []field{
	{"route", kind{"text", `a route or a path with its method, such as "POST /channels/{channel_id}/messages"`, routeKind.parse}, true, "as GET /calls has it"},
	{"status", numberKind(0, 599, "a status"), false, "of the answer"},
	{"body", fieldsKind, false, "which fields it has at least"},
	{"count", comparisonKind, false, "how many; the default is >=1"},
}

// readConditions reads those of a wait or an expect. "ready" alone is that every shard is.
func readConditions(name string, v any) ([]condition, []*OrderError) {
	if v == "ready" {
		v = map[string]any{"ready": "all"}
	}
	given, is := v.(map[string]any)
	if !is || len(given) == 0 {
		return nil, []*OrderError{wrong(name, "%s will not do: give ready, or conditions such as {ready: all, violations: 0}", shown(v))}
	}
	found, problems := values(conditionFields(), given)
	var all []condition
	for _, field := range slices.Sorted(maps.Keys(found)) {
		if field != "calls" {
			all = append(all, statCondition(field, found[field]))
			continue
		}
		fields, more := values(callFields, given["calls"].(map[string]any))
		for _, problem := range more {
			problem.Field = "calls: " + problem.Field
		}
		problems = append(problems, more...)
		all = append(all, callCondition(fields))
	}
	for _, problem := range problems {
		problem.Field = name + ": " + problem.Field
	}
	return all, problems
}

// statCondition is about a number. Without a comparison it is that all shards are ready.
func statCondition(name string, want any) condition {
	if want == nil {
		return condition{"ready=all", func(r *running) (bool, string) {
			ready, total := readiness(r.control.server)
			if total == 0 {
				return false, "no shard has had a session"
			}
			return ready == total, fmt.Sprintf("%d of %d shards are ready", ready, total)
		}}
	}
	c := want.(comparison)
	at := slices.IndexFunc(stats, func(s stat) bool { return s.name == name })
	return condition{name + c.String(), func(r *running) (bool, string) {
		n := stats[at].of(r.control.server, r.control.server.Stats())
		return c.holds(n), fmt.Sprintf("%s is %d", name, n)
	}}
}

// callCondition is about calls since the latest order.
func callCondition(fields args) condition {
	count, given := fields["count"].(comparison)
	if !given {
		count = comparison{">=", 1}
	}
	route := fields.text("route")
	text := fmt.Sprintf("calls of %q", route)
	if fields.has("body") {
		text += " with " + shown(fields["body"])
	}
	return condition{text + " " + count.String(), func(r *running) (bool, string) {
		n, others := 0, ""
		for _, call := range r.calls() {
			if call.Route != route && call.Method+" "+call.Path != route {
				continue
			}
			var body any
			if call.Body != nil && json.Unmarshal(call.Body, &body) != nil {
				continue
			}
			if fields.has("status") && call.Status != fields.number("status", 0) || fields.has("body") && !contains(body, map[string]any(fields["body"].(gatewaytest.Fields))) {
				others = fmt.Sprintf("; the latest other one was answered with %d and had %s", call.Status, shown(body))
				continue
			}
			n++
		}
		return count.holds(n), fmt.Sprintf("there were %d since the latest order%s", n, others)
	}}
}

// contains reports whether JSON has at least the fields that are wanted, each with its value.
func contains(have, want any) bool {
	if fields, is := want.(map[string]any); is {
		object, is := have.(map[string]any)
		for name, value := range fields {
			if got, has := object[name]; !has || !contains(got, value) {
				return false
			}
		}
		return is
	}
	if list, is := want.([]any); is {
		got, is := have.([]any)
		return is && slices.EqualFunc(got, list, contains)
	}
	if number, is := want.(json.Number); is {
		wanted, err := number.Float64()
		return err == nil && have == wanted
	}
	return have == want
}

// mark is a moment after which calls count. Several may be made at one time.
type mark struct {
	at   time.Time
	seen int // calls at that very time, before it
}
