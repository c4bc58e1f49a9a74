package actors

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestMessagesPage holds docs/messages.md to the comments of messages.go and words.go.
func TestMessagesPage(t *testing.T) {
	t.Parallel()
	var decls []ast.Decl
	for _, name := range []string{"messages.go", "words.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		decls = append(decls, file.Decls...)
	}
	page := messagesPage(t, decls)
	const path = "../docs/messages.md"
	now, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(now) == page {
		return
	}
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s is not current: run make gen", path)
}

var (
	roads = regexp.MustCompile(`(?s)^(.*?)\s*Sent (by|on behalf of) ([^.]*)\. Handled by ([^.]*)\.(?: Answered with (.*))?$`)
	inner = regexp.MustCompile(`(?s)^(.*)\.\s+([A-Z][^.]*) → ([^.]*)\.$`)
)

func messagesPage(t *testing.T, decls []ast.Decl) string {
	t.Helper()
	var page, own strings.Builder
	page.WriteString(`# The actors' messages

This page is written by a test from the comments of ` + "`actors/messages.go`" + ` and ` + "`words.go`" + `; ` + "`make gen`" + ` writes it anew.

What an actor or a program may send to the supervisor, by value or by pointer, and what comes back, always by pointer. What the supervisor does not know, and what it
cannot do, is answered with a Refusal; what only the actor library may send is ignored and counted (` + "`Board.Ignored`" + `).

| message | what it says | sent by | handled by | answered with |
|---|---|---|---|---|
`)
	for _, decl := range decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok || general.Tok != token.TYPE {
			continue
		}
		for _, spec := range general.Specs {
			s := spec.(*ast.TypeSpec)
			doc := s.Doc.Text()
			if general.Lparen == token.NoPos {
				doc = general.Doc.Text()
			}
			doc = strings.TrimSpace(doc)
			if s.Name.IsExported() {
				if m := roads.FindStringSubmatch(doc); m != nil {
					fmt.Fprintf(&page, "| %s | %s | %s | %s | %s |\n", s.Name.Name, cell(s.Name.Name, m[1]), cell("", m[3]), cell("", m[4]), cell("", strings.TrimSuffix(m[5], ".")))
				}
				continue
			}
			if general.Lparen == token.NoPos {
				continue
			}
			m := inner.FindStringSubmatch(doc)
			if m == nil {
				t.Errorf("the comment of %s does not end in who sends it to whom", s.Name.Name)
				continue
			}
			fmt.Fprintf(&own, "| %s | %s | %s → %s |\n", s.Name.Name, cell(s.Name.Name, m[1]), cell("", m[2]), cell("", m[3]))
		}
	}
	page.WriteString("\nThe supervisor's actor is named `signalbox-…`, those of its shards `shard-GENERATION-TOTAL-INDEX`, below it.\n\n## Among the actors themselves\n\n| message | what it says | way |\n|---|---|---|\n")
	page.WriteString(own.String())
	return page.String()
}

// cell is text that fits into a table, without the name with which it begins.
func cell(name, text string) string {
	text = strings.Join(strings.Fields(text), " ")
	for _, lead := range []string{name + ": ", name + " "} {
		if name != "" {
			text = strings.TrimPrefix(text, lead)
		}
	}
	return strings.ReplaceAll(text, "|", "\\|")
}
