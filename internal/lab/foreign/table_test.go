package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(table([]outcome{
		{library: "a", shards: 1, absent: "no a|b\nhere"},
		{library: "b", version: "1", shards: 4, compression: "none", ready: 4, messages: 4, members: 4800, back: make([]comeback, len(orders)), wrong: []string{"violation: x (2)", "note: y (1)"}},
	})), "\n")
	if len(lines) != 4 || !strings.Contains(lines[2], `not run: no a\|b here`) || !strings.HasSuffix(lines[3], "| violation: x (2); note: y (1) |") {
		t.Errorf("%q", lines)
	}
	for _, l := range lines {
		if strings.Count(strings.ReplaceAll(l, `\|`, ""), "|") != strings.Count(lines[0], "|") {
			t.Errorf("another number of cells: %s", l)
		}
	}
}

const written = "../../../docs/foreign-clients.md"

// TestPage: the page is page.md with a table of all libraries in it, and each of them is told of.
func TestPage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(written)
	if err != nil {
		t.Fatal(err)
	}
	before, after, ok := strings.Cut(page, place)
	if !ok {
		t.Fatal("page.md has no place for the table")
	}
	rows, found := strings.CutPrefix(string(text), before)
	rows, whole := strings.CutSuffix(rows, after)
	if !found || !whole {
		t.Errorf("%s is not what page.md says: write it anew with go run ./internal/lab/foreign -o docs/foreign-clients.md", written)
	}
	head, _, _ := strings.Cut(table(nil), "\n")
	if !strings.HasPrefix(rows, head) {
		t.Errorf("%s has another table: write it anew with go run ./internal/lab/foreign -o docs/foreign-clients.md", written)
	}
	for _, l := range libraries {
		if !strings.Contains(rows, "\n| "+l.name+" | ") || !strings.Contains(page, "**"+l.name+"**") {
			t.Errorf("the page says nothing of %s", l.name)
		}
	}
}

// TestVersionsArePinned, so that the table says what was tried.
func TestVersionsArePinned(t *testing.T) {
	t.Parallel()
	text, err := clients.ReadFile("clients/package.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Dependencies, OptionalDependencies map[string]string
	}
	if err := json.Unmarshal(text, &all); err != nil || len(all.Dependencies) < 4 || len(all.OptionalDependencies) == 0 {
		t.Fatalf("%v in %s", err, text)
	}
	for _, list := range []map[string]string{all.Dependencies, all.OptionalDependencies} {
		for name, version := range list {
			if !regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(version) {
				t.Errorf("%s has the version %q: pin one", name, version)
			}
		}
	}
}
