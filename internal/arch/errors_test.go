package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// exportedErrors are the sentinels and types of errors that a package exports, such as "session.ErrZombie".
func exportedErrors(t *testing.T, p pkg) (names []string) {
	t.Helper()
	for _, file := range p.GoFiles {
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		note := func(name *ast.Ident, is bool) {
			if is && name.IsExported() {
				names = append(names, parsed.Name.Name+"."+name.Name)
			}
		}
		for _, decl := range parsed.Decls {
			general, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range general.Specs {
				switch s := spec.(type) {
				case *ast.ValueSpec:
					for _, name := range s.Names {
						note(name, general.Tok == token.VAR && strings.HasPrefix(name.Name, "Err"))
					}
				case *ast.TypeSpec:
					_, hook := s.Type.(*ast.InterfaceType)
					note(s.Name, strings.HasSuffix(s.Name.Name, "Error") && !hook)
				}
			}
		}
	}
	return names
}

// TestEveryErrorIsInTheTable: docs/errors.md has all that is exported, and nothing that is not.
func TestEveryErrorIsInTheTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, line := range strings.Split(string(text), "\n") {
		if cells := strings.Split(line, "|"); len(cells) > 3 {
			for _, name := range regexp.MustCompile("`([a-z]+\\.\\w+)`").FindAllStringSubmatch(cells[1], -1) {
				told = append(told, name[1])
			}
			if strings.TrimSpace(cells[2]) == "" || strings.TrimSpace(cells[3]) == "" {
				t.Errorf("docs/errors.md does not say what it means and what to do: %s", line)
			}
		}
	}
	var all []string
	for _, p := range packages(t) {
		if path := p.ImportPath + "/"; !strings.Contains(path, "/internal/") && !strings.Contains(path, "/examples/") {
			all = append(all, exportedErrors(t, p)...)
		}
	}
	if len(all) < 40 {
		t.Fatalf("only %d errors were found", len(all))
	}
	for _, name := range all {
		if !slices.Contains(told, name) {
			t.Errorf("docs/errors.md lacks %s: add what it means and what to do", name)
		}
	}
	for _, name := range told {
		if !slices.Contains(all, name) {
			t.Errorf("docs/errors.md has %s, which no package exports", name)
		}
	}
}
