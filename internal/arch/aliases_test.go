package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// hidden is an exported name for a type that godoc does not show where the name stands.
type hidden struct {
	name, doc string
	path      string // of the package that has the type
	of        string // the type
}

// aliases are the exported names that a file gives to types of other packages of ours.
func aliases(file *ast.File) (all []hidden) {
	imports := make(map[string]string)
	for _, spec := range file.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err == nil && strings.HasPrefix(path, module) {
			imports[path[strings.LastIndex(path, "/")+1:]] = path
		}
	}
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range general.Specs {
			alias, ok := spec.(*ast.TypeSpec)
			if !ok || !alias.Assign.IsValid() || !alias.Name.IsExported() {
				continue
			}
			if of, ok := alias.Type.(*ast.SelectorExpr); ok {
				from, _ := of.X.(*ast.Ident)
				if path := imports[from.Name]; path != "" {
					all = append(all, hidden{alias.Name.Name, general.Doc.Text() + alias.Doc.Text(), path, of.Sel.Name})
				}
			}
		}
	}
	return all
}

// exportedOf are the exported fields and methods of a type.
func exportedOf(files []*ast.File, name string) (fields, methods []string) {
	note := func(all *[]string, names ...*ast.Ident) {
		for _, n := range names {
			if n.IsExported() {
				*all = append(*all, n.Name)
			}
		}
	}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				if s, ok := n.Type.(*ast.StructType); ok && n.Name.Name == name {
					for _, field := range s.Fields.List {
						note(&fields, field.Names...)
					}
				}
			case *ast.FuncDecl:
				if n.Recv != nil && len(n.Recv.List) == 1 {
					of := n.Recv.List[0].Type
					if pointer, ok := of.(*ast.StarExpr); ok {
						of = pointer.X
					}
					if of, ok := of.(*ast.Ident); ok && of.Name == name {
						note(&methods, n.Name)
					}
				}
			}
			return true
		})
	}
	return fields, methods
}

func parse(t *testing.T, dir string, names []string) (files []*ast.File) {
	t.Helper()
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// TestAliasesShowWhatTheyName: godoc shows neither fields nor methods of an alias. So its comment shows the fields, and links to the
// type or, if that is internal, shows its methods as well, unless it says that nobody needs them ("opaque").
func TestAliasesShowWhatTheyName(t *testing.T) {
	t.Parallel()
	all := packages(t)
	sources := make(map[string][]*ast.File)
	for _, p := range all {
		sources[p.ImportPath] = parse(t, p.Dir, p.GoFiles)
	}
	found := 0
	for _, p := range all {
		if path := p.ImportPath + "/"; strings.Contains(path, "/internal/") || strings.Contains(path, "/examples/") {
			continue
		}
		for _, file := range sources[p.ImportPath] {
			for _, a := range aliases(file) {
				found++
				for _, missing := range unshown(a, sources[a.path]) {
					t.Errorf("%s.%s: its comment lacks %s", p.ImportPath, a.name, missing)
				}
			}
		}
	}
	if found < 15 {
		t.Fatalf("only %d aliases were found", found)
	}
}

// unshown is what a reader of the comment does not learn.
func unshown(a hidden, source []*ast.File) (missing []string) {
	fields, methods := exportedOf(source, a.of)
	if strings.Contains(a.path, "/internal/") {
		fields = append(fields, methods...)
	} else if link := "[" + a.path[strings.LastIndex(a.path, "/")+1:] + "." + a.of + "]"; !strings.Contains(a.doc, link) {
		missing = append(missing, link)
	}
	if strings.Contains(a.doc, "opaque") {
		return missing
	}
	for _, name := range fields {
		if !regexp.MustCompile(`(?m)^\t.*\b` + name + `\b`).MatchString(a.doc) {
			missing = append(missing, name)
		}
	}
	return missing
}

func TestHiddenAliasIsFound(t *testing.T) {
	t.Parallel()
	public, err := parser.ParseFile(token.NewFileSet(), "p.go", "package p\nimport \""+module+"internal/q\"\n"+
		"// A is:\n//\n//\ttype A struct { Field int }\ntype A = q.B\n", parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	private, err := parser.ParseFile(token.NewFileSet(), "q.go", "package q\ntype B struct { Field, Other, own int }\nfunc (*B) Error() string { return \"\" }\n", 0)
	if err != nil {
		t.Fatal(err)
	}
	all := aliases(public)
	if len(all) != 1 {
		t.Fatalf("found %v", all)
	}
	if missing := unshown(all[0], []*ast.File{private}); strings.Join(missing, " ") != "Other Error" {
		t.Errorf("missing %q", missing)
	}
	all[0].path = module + "q"
	if missing := unshown(all[0], nil); strings.Join(missing, " ") != "[q.B]" {
		t.Errorf("missing %q", missing)
	}
}
