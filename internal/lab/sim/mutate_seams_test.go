package sim_test

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// product is the code that mutants break, as far as it has seams.
type product struct {
	set     *token.FileSet
	seams   map[string]seam
	imports map[string]string // the name of a package that the product imports → its path
}

// seam is a line of the product that has a name: by a comment, //seam:the-name, behind it, or directly
// before it.
type seam struct {
	in    *source
	nodes []ast.Node // that begin on the line, the outer ones first
}

// source is a file of the product.
type source struct {
	path string
	text string
	file *ast.File
}

const directive = "//seam:"

var seamName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// readProduct reads all code but tests and internal/lab.
func readProduct(t *testing.T, root string) *product {
	t.Helper()
	p := &product{set: token.NewFileSet(), seams: make(map[string]seam), imports: make(map[string]string)}
	lab := filepath.Join(root, "internal", "lab")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == lab || strings.HasPrefix(d.Name(), ".") && name != root):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil || !bytes.Contains(text, []byte(directive)) {
			return err
		}
		return p.read(name, string(text))
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *product) read(name, text string) error {
	file, err := parser.ParseFile(p.set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	in := &source{name, text, file}
	for _, spec := range file.Imports {
		name, path := imported(spec)
		p.imports[name] = path
	}
	for _, group := range file.Comments {
		for _, comment := range group.List {
			name, ok := strings.CutPrefix(comment.Text, directive)
			if !ok {
				continue
			}
			at := p.set.Position(comment.Pos())
			if !seamName.MatchString(name) {
				return fmt.Errorf("%v: %q is no name of a seam", at, name)
			}
			if _, twice := p.seams[name]; twice {
				return fmt.Errorf("%v: the seam %s is there twice", at, name)
			}
			line := at.Line
			if strings.TrimSpace(text[at.Offset-at.Column+1:at.Offset]) == "" {
				line = p.set.Position(group.End()).Line + 1
			}
			nodes := p.begin(file, line)
			if len(nodes) == 0 {
				return fmt.Errorf("%v: nothing that could be broken begins at the seam %s", at, name)
			}
			p.seams[name] = seam{in, nodes}
		}
	}
	return nil
}

// begin are the places that begin on a line.
func (p *product) begin(file *ast.File, line int) (nodes []ast.Node) {
	ast.Inspect(file, func(n ast.Node) bool {
		if n != nil && place(n) && p.set.Position(n.Pos()).Line == line {
			nodes = append(nodes, n)
		}
		return true
	})
	return nodes
}

// imported is the name that a package has in a file, and its path.
func imported(spec *ast.ImportSpec) (name, of string) {
	of, _ = strconv.Unquote(spec.Path.Value)
	if spec.Name != nil {
		return spec.Name.Name, of
	}
	if name = path.Base(of); len(name) > 1 && name[0] == 'v' && name[1] <= '9' {
		name = path.Base(path.Dir(of))
	}
	return name, of
}

// edits are what an operator makes of the first node of a seam that it can be applied to.
func (s seam) edits(by operator) []edit {
	start := s.in.file.FileStart
	text := func(n ast.Node) string { return s.in.text[n.Pos()-start : n.End()-start] }
	for _, n := range s.nodes {
		if edits := by(n, text); edits != nil {
			return edits
		}
	}
	return nil
}

// qualified is a name of another package, as far as a text alone shows.
var qualified = regexp.MustCompile(`\b([a-z][a-z0-9]*)\.[A-Z]`)

// broken are the files that the mutant changes, by path.
func (m mutant) broken(p *product) (map[string]string, error) {
	edits := make(map[*source][]edit)
	for _, b := range m.breaks {
		s, ok := p.seams[b.seam]
		if !ok {
			return nil, fmt.Errorf("%s: the product has no seam %s", m.name, b.seam)
		}
		made := s.edits(b.by)
		if made == nil {
			return nil, fmt.Errorf("%s: what stands at the seam %s cannot be broken that way", m.name, b.seam)
		}
		edits[s.in] = append(edits[s.in], made...)
	}
	files := make(map[string]string)
	for in, made := range edits {
		slices.SortStableFunc(made, func(a, b edit) int { return cmp.Compare(a.from, b.from) })
		for i, e := range made[1:] {
			if e.from < made[i].to {
				return nil, fmt.Errorf("%s: it breaks the same place of %s twice", m.name, in.path)
			}
		}
		text := apply(in.text, in.file.FileStart, append(p.needed(in.file, made), made...))
		var err error
		if files[in.path], err = unneeded(text); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", m.name, in.path, err)
		}
	}
	return files, nil
}

// needed imports what the text of edits names and the file lacks, wherever the seam was moved to.
func (p *product) needed(file *ast.File, made []edit) (imports []edit) {
	has := make(map[string]bool)
	for _, spec := range file.Imports {
		name, _ := imported(spec)
		has[name] = true
	}
	for _, e := range made {
		for _, found := range qualified.FindAllStringSubmatch(e.text, -1) {
			if name := found[1]; p.imports[name] != "" && !has[name] {
				has[name] = true
				imports = append(imports, edit{file.Name.End(), file.Name.End(), "; import " + strconv.Quote(p.imports[name])})
			}
		}
	}
	return imports
}

// unneeded blanks the imports whose last use the edits took out.
func unneeded(text string) (string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "", text, parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	used := make(map[string]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if of, ok := s.X.(*ast.Ident); ok {
				used[of.Name] = true
			}
		}
		return true
	})
	var blank []edit
	for _, spec := range file.Imports {
		if name, _ := imported(spec); !used[name] && spec.Name == nil {
			blank = append(blank, edit{spec.Pos(), spec.Pos(), "_ "})
		}
	}
	return apply(text, file.FileStart, blank), nil
}
