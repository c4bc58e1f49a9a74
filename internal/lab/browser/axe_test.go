package browser

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// axe.min.js is of npm's package axe-core: npm ci. The lock file has its hash.
var axePath = flag.String("axe", "node_modules/axe-core/axe.min.js", "path of axe-core")

var axe = sync.OnceValues(func() (string, error) {
	data, err := os.ReadFile(*axePath)
	return string(data), err
})

// finding is a rule that the page breaks.
type finding struct {
	ID, Impact, Help string
	Nodes            []struct {
		Target         []any
		FailureSummary string
	}
}

// judge has axe look at the page, and fails the test for what is serious or critical. What is less is said.
func (b *tab) judge(t *testing.T, what string) {
	t.Helper()
	script, err := axe()
	if err != nil {
		if *must {
			t.Fatal("there is no axe-core: npm ci: ", err)
		}
		return
	}
	b.run(t, script)
	is := value[struct {
		Passes     int
		Violations []finding
	}](t, b, `axe.run(document, {resultTypes: ['violations']}).then(({violations, passes}) => ({violations, passes: passes.length}))`)
	if is.Passes < 20 {
		t.Errorf("%s: axe has looked at next to nothing: %d rules", what, is.Passes)
	}
	for _, found := range is.Violations {
		var where strings.Builder
		for _, node := range found.Nodes {
			fmt.Fprintf(&where, "\n%v: %s", node.Target, node.FailureSummary)
		}
		tell := t.Logf
		if found.Impact == "serious" || found.Impact == "critical" {
			tell = t.Errorf
		}
		tell("%s: axe: %s (%s): %s%s", what, found.ID, found.Impact, found.Help, where.String())
	}
}
