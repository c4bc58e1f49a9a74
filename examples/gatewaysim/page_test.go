package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the flags into docs/gatewaysim.md anew")

const (
	pagePath   = "../../docs/gatewaysim.md"
	firstLine  = "<!-- flags -->\n"
	behindLast = "<!-- /flags -->\n"
)

// flagTable is all flags as a table of the page.
func flagTable() string {
	var table strings.Builder
	table.WriteString("| flag | default | what it does |\n|---|---|---|\n")
	new(options).flags().VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		if value != "" {
			value = " " + value
		}
		def := ""
		if hasDefault(f) {
			def = "`" + f.DefValue + "`"
		}
		fmt.Fprintf(&table, "| `-%s%s` | %s | %s |\n", f.Name, value, def, strings.ReplaceAll(usage, "|", `\|`))
	})
	return table.String()
}

// TestPage keeps the flags of docs/gatewaysim.md as they are.
func TestPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(pagePath)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), firstLine)
	_, after, ends := strings.Cut(rest, behindLast)
	if !found || !ends {
		t.Fatalf("%s does not have the lines between which the flags stand", pagePath)
	}
	want := before + firstLine + "\n" + flagTable() + "\n" + behindLast + after
	if want == string(page) {
		return
	}
	if !*update {
		t.Fatalf("the flags are others: run go test ./examples/gatewaysim -update")
	}
	if err := os.WriteFile(pagePath, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
