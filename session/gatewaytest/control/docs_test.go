package control_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/session/gatewaytest/control"
)

var update = flag.Bool("update", false, "write the table of orders in docs/testing.md anew")

const docs = "../../../docs/testing.md"

// table is the table of orders, of what the port tells. What several orders take is explained once, above it.
func table(t *testing.T) string {
	t.Helper()
	type field struct {
		Name, Allowed, Help string
		Required            bool
	}
	var orders []struct {
		Do, Help string
		Fields   []field
	}
	b := &bundle{Server: &gatewaytest.Server{}, t: t}
	b.handler = control.New(b.Server).Handler()
	if _, text := b.ask(http.MethodGet, "/orders", ""); json.Unmarshal([]byte(text), &orders) != nil {
		t.Fatalf("GET /orders: %s", text)
	}
	const often = 4
	uses := make(map[string]int)
	for _, order := range orders {
		for _, f := range order.Fields {
			uses[f.Name+f.Help]++
		}
	}
	cell := func(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
	var common, rows strings.Builder
	for _, order := range orders {
		var takes []string
		for _, f := range order.Fields {
			name := "`" + f.Name + "`"
			if f.Required {
				name = "**" + name + "**"
			}
			switch n := uses[f.Name+f.Help]; {
			case n == -1:
			case n >= often:
				fmt.Fprintf(&common, "| `%s` | %s | %s |\n", f.Name, cell(f.Allowed), cell(f.Help))
				uses[f.Name+f.Help] = -1
			default:
				name += ": " + cell(f.Help)
			}
			takes = append(takes, name)
		}
		fmt.Fprintf(&rows, "| `%s` | %s | %s |\n", order.Do, cell(order.Help), strings.Join(takes, "; "))
	}
	return "| what many orders take | is | |\n|---|---|---|\n" + common.String() + "\n| order | what it does | takes (**needed**) |\n|---|---|---|\n" + rows.String()
}

// TestDocs: the page has the table of orders and the scenario as they are.
func TestDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- orders: go test ./session/gatewaytest/control -run TestDocs -update -->\n", "<!-- end of orders -->\n"
	before, rest, found := strings.Cut(string(text), begin)
	old, after, ends := strings.Cut(rest, end)
	if !found || !ends {
		t.Fatal("docs/testing.md has no place for the table")
	}
	if want := table(t); old != want {
		if !*update {
			t.Error("docs/testing.md does not have the orders that there are: run the command that stands above its table")
		} else if err := os.WriteFile(docs, []byte(before+begin+want+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	scenario, err := os.ReadFile(evening)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "```yaml\n"+string(scenario)+"```\n") {
		t.Error("docs/testing.md does not show examples/gatewaysim/scenario.yaml as it is")
	}
}
