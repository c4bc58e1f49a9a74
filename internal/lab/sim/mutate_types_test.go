package sim_test

import (
	"bufio"
	"bytes"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// checker finds mutants that do not compile, without building them.
type checker struct {
	set      *token.FileSet
	importer types.Importer
	packages map[string]*parsed // by directory
}

// parsed is a package of the product as it is.
type parsed struct {
	path  string
	names []string
	files map[string]*ast.File // by path
}

func newChecker(t *testing.T, root string, p *product) *checker {
	t.Helper()
	c := &checker{set: token.NewFileSet(), packages: make(map[string]*parsed)}
	args := []string{"list", "-export", "-deps", "-f", `{{.ImportPath}}|{{.Dir}}|{{.Export}}|{{join .GoFiles " "}}`}
	for _, s := range p.seams {
		dir := filepath.Dir(s.in.path)
		if c.packages[dir] == nil {
			c.packages[dir] = &parsed{files: make(map[string]*ast.File)}
			args = append(args, dir)
		}
	}
	list := exec.CommandContext(t.Context(), "go", args...)
	var said bytes.Buffer
	list.Dir, list.Stderr = root, &said
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, said.Bytes())
	}
	exports := make(map[string]string)
	for scan := bufio.NewScanner(bytes.NewReader(out)); scan.Scan(); {
		of := strings.Split(scan.Text(), "|")
		exports[of[0]] = of[2]
		if own := c.packages[of[1]]; own != nil {
			own.path, own.names = of[0], strings.Fields(of[3])
		}
	}
	c.importer = importer.ForCompiler(c.set, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("the product does not import %s", path)
		}
		return os.Open(exports[path])
	})
	return c
}

// check compiles the packages of the files that were changed, as far as to find what does not fit.
func (c *checker) check(changed map[string]string) error {
	for name := range changed {
		dir := filepath.Dir(name)
		p := c.packages[dir]
		var files []*ast.File
		for _, base := range p.names {
			file, err := c.file(p, filepath.Join(dir, base), changed)
			if err != nil {
				return err
			}
			files = append(files, file)
		}
		cfg := types.Config{Importer: c.importer}
		if _, err := cfg.Check(p.path, c.set, files, nil); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) file(p *parsed, name string, changed map[string]string) (file *ast.File, err error) {
	if text, ok := changed[name]; ok {
		return parser.ParseFile(c.set, name, text, parser.SkipObjectResolution)
	}
	if p.files[name] == nil {
		p.files[name], err = parser.ParseFile(c.set, name, nil, parser.SkipObjectResolution)
	}
	return p.files[name], err
}
