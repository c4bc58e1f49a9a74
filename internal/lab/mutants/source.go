package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// source is the code that is mutated, with its types.
type source struct {
	root     string // of the module
	module   string // its path
	fset     *token.FileSet
	imports  types.Importer
	packages []*pkg
}

type pkg struct {
	name       string // below the module, such as internal/bus
	files      []*file
	statements int
	info       *types.Info
	types      *types.Package
}

type file struct {
	path string // below the module
	text string
	tree *ast.File
}

// listed is what go list says of a package.
type listed struct {
	ImportPath, Dir, Export            string
	GoFiles, TestGoFiles, XTestGoFiles []string
	Deps, TestImports, XTestImports    []string
}

func golist(root string, args ...string) (all []listed, err error) {
	out, err := output(root, "go", append([]string{"list"}, args...)...)
	if err != nil {
		return nil, err
	}
	for decoder := json.NewDecoder(strings.NewReader(out)); ; {
		var l listed
		switch err := decoder.Decode(&l); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		all = append(all, l)
	}
}

// output runs a command and returns what it prints; an error holds what it complained of.
func output(dir, name string, args ...string) (string, error) {
	var complaint strings.Builder
	command := exec.Command(name, args...)
	command.Dir, command.Stderr = dir, &complaint
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out, complaint.String())
	}
	return string(out), nil
}

// load reads the hand-written files of the packages that names lists.
func load(root string, names []string) (*source, error) {
	module, err := output(root, "go", "list", "-m")
	if err != nil {
		return nil, err
	}
	s := &source{root: root, module: strings.TrimSpace(module), fset: token.NewFileSet()}
	patterns := make([]string, len(names))
	for i, name := range names {
		patterns[i] = "./" + name
	}
	all, err := golist(root, append([]string{"-json=ImportPath,Dir,Export,GoFiles", "-export", "-deps"}, patterns...)...)
	if err != nil {
		return nil, err
	}
	exports := make(map[string]string, len(all))
	for _, l := range all {
		exports[l.ImportPath] = l.Export
	}
	s.imports = importer.ForCompiler(s.fset, "gc", func(name string) (io.ReadCloser, error) { return os.Open(exports[name]) })
	for _, name := range names {
		at := slices.IndexFunc(all, func(l listed) bool { return l.ImportPath == path.Join(s.module, name) })
		if at < 0 {
			return nil, fmt.Errorf("no package %s", name)
		}
		p, err := s.parse(name, all[at])
		if err != nil {
			return nil, err
		}
		s.packages = append(s.packages, p)
	}
	return s, nil
}

func (s *source) parse(name string, l listed) (*pkg, error) {
	p := &pkg{name: name, info: &types.Info{
		Types: make(map[ast.Expr]types.TypeAndValue), Defs: make(map[*ast.Ident]types.Object), Uses: make(map[*ast.Ident]types.Object),
	}}
	for _, base := range l.GoFiles {
		text, err := os.ReadFile(filepath.Join(l.Dir, base))
		if err != nil {
			return nil, err
		}
		f := &file{path: path.Join(name, base), text: string(text)}
		if f.tree, err = parser.ParseFile(s.fset, f.path, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			return nil, err
		}
		p.files = append(p.files, f)
		if !ast.IsGenerated(f.tree) {
			p.statements += statements(f.tree)
		}
	}
	var err error
	p.types, err = s.check(p, nil, nil, p.info)
	return p, err
}

func statements(tree ast.Node) (n int) {
	ast.Inspect(tree, func(node ast.Node) bool {
		if _, ok := node.(*ast.BlockStmt); ok {
			return true
		}
		if _, ok := node.(ast.Stmt); ok {
			n++
		}
		return true
	})
	return n
}

// check finds the types of a package, with one of its files replaced unless old is nil.
func (s *source) check(p *pkg, old *file, replaced *ast.File, info *types.Info) (*types.Package, error) {
	trees := make([]*ast.File, len(p.files))
	for i, f := range p.files {
		trees[i] = f.tree
		if f == old {
			trees[i] = replaced
		}
	}
	conf := types.Config{Importer: s.imports}
	return conf.Check(path.Join(s.module, p.name), s.fset, trees, info)
}

// compiles says whether a mutant does. If so it makes the copy of its function for the binary that holds many mutants.
func (s *source) compiles(m *mutant) bool {
	text := m.file.text[:m.start] + m.after + m.file.text[m.end:]
	tree, err := parser.ParseFile(s.fset, m.file.path, text, parser.SkipObjectResolution)
	if err != nil {
		return false
	}
	if _, err := s.check(m.pkg, m.file, tree, nil); err != nil {
		return false
	}
	if m.body == nil || m.alone {
		return true
	}
	opens := s.offset(m.body.Lbrace)
	ast.Inspect(tree, func(node ast.Node) bool {
		f, ok := node.(*ast.FuncDecl)
		if ok && f.Body != nil && s.offset(f.Body.Lbrace) == opens {
			m.copied = s.relabelled(text, f.Body)
		}
		return !ok
	})
	return true
}

// relabelled is the text of a body whose labels do not clash with those of the body that it is copied from.
func (s *source) relabelled(text string, body *ast.BlockStmt) string {
	var ends []int // of labels
	ast.Inspect(body, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.LabeledStmt:
			ends = append(ends, s.offset(n.Label.End()))
		case *ast.BranchStmt:
			if n.Label != nil {
				ends = append(ends, s.offset(n.Label.End()))
			}
		}
		return true
	})
	slices.Sort(ends)
	var out strings.Builder
	from := s.offset(body.Lbrace) + 1
	for _, end := range ends {
		out.WriteString(text[from:end] + copyMark)
		from = end
	}
	return out.String() + text[from:s.offset(body.Rbrace)]
}

// copyMark stands for the mutant's number in a copy of a body.
const copyMark = "\x00"

func (s *source) offset(at token.Pos) int { return s.fset.PositionFor(at, false).Offset }

// sample chooses n mutants that compile, spread over the packages by their size, and counts those that
// did not compile, by package. The same seed chooses the same mutants while the code stays as it is. No line is
// chosen twice, since two mutants of one line say little more than one. With n 0: all that compile and whose id begins with only.
func (s *source) sample(seed uint64, n int, only string) (chosen []*mutant, broken map[string]int) {
	broken = make(map[string]int)
	share := s.shares(n)
	for _, p := range s.packages {
		all := s.mutants(p)
		name := fnv.New64a()
		name.Write([]byte(p.name))
		random := rand.New(rand.NewPCG(seed, name.Sum64()))
		if n > 0 {
			random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
		taken := make(map[string]bool)
		for _, m := range all {
			line := fmt.Sprint(m.file.path, ":", m.line)
			switch {
			case n > 0 && (share[p.name] == 0 || taken[line]), !strings.HasPrefix(m.id(), only):
				continue
			case !s.compiles(m):
				broken[p.name]++
				continue
			}
			taken[line] = true
			share[p.name]--
			chosen = append(chosen, m)
		}
	}
	return chosen, broken
}

// shares divides n by the packages' statements; what is left after division goes to the largest remainders.
func (s *source) shares(n int) map[string]int {
	total, left := 0, n
	for _, p := range s.packages {
		total += p.statements
	}
	byRest := slices.Clone(s.packages)
	slices.SortStableFunc(byRest, func(a, b *pkg) int { return b.statements*n%total - a.statements*n%total })
	share := make(map[string]int)
	for _, p := range s.packages {
		share[p.name] = p.statements * n / total
		left -= share[p.name]
	}
	for _, p := range byRest[:left] {
		share[p.name]++
	}
	return share
}
