package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// onVariable is what each mutated package gets: the number of the mutant that runs.
const onVariable = `package %s

import (
	"os"
	"strconv"
)

var mutantOn, _ = strconv.Atoi(os.Getenv(%q))
`

// numberEnv is the environment variable that says which mutant of a binary runs.
const numberEnv = "MUTANT"

// overlay writes the files that a build puts in place of the tree's, and the list of them for go's -overlay.
type overlay struct {
	root, dir string
	replace   map[string]string
}

func newOverlay(root, dir string) *overlay {
	return &overlay{root: root, dir: dir, replace: make(map[string]string)}
}

func (o *overlay) add(path, text string) error {
	to := filepath.Join(o.dir, strconv.Itoa(len(o.replace))+".go")
	o.replace[filepath.Join(o.root, path)] = to
	return os.WriteFile(to, []byte(text), 0o600)
}

func (o *overlay) write() (path string, err error) {
	text, err := json.Marshal(map[string]any{"Replace": o.replace})
	if err != nil {
		return "", err
	}
	path = filepath.Join(o.dir, "overlay.json")
	return path, os.WriteFile(path, text, 0o600)
}

// together numbers the mutants of function bodies and writes an overlay with all of them: each function begins with a copy
// of itself for each of its mutants, which runs if the number says so. So the tests are built once, and not once for each mutant.
func (s *source) together(all []*mutant, dir string) (path string, err error) {
	o := newOverlay(s.root, dir)
	byFile := make(map[*file][]*mutant)
	for i, m := range all {
		m.number = i + 1
		byFile[m.file] = append(byFile[m.file], m)
	}
	for _, p := range s.packages {
		used := false
		for _, f := range p.files {
			if len(byFile[f]) > 0 {
				used = true
				if err := o.add(f.path, s.withCopies(f, byFile[f])); err != nil {
					return "", err
				}
			}
		}
		if used {
			text := fmt.Sprintf(onVariable, p.types.Name(), numberEnv)
			if err := o.add(filepath.Join(p.name, "zz_mutant_on.go"), text); err != nil {
				return "", err
			}
		}
	}
	return o.write()
}

func (s *source) withCopies(f *file, mutants []*mutant) string {
	slices.SortStableFunc(mutants, func(a, b *mutant) int { return cmp.Compare(a.body.Lbrace, b.body.Lbrace) })
	var out strings.Builder
	from := 0
	for _, m := range mutants {
		opens := s.offset(m.body.Lbrace) + 1
		out.WriteString(f.text[from:opens])
		from = opens
		number := strconv.Itoa(m.number)
		fmt.Fprintf(&out, "\nif mutantOn == %s {\n%s\n", number, strings.ReplaceAll(m.copied, copyMark, "_mutant"+number))
		if m.void {
			out.WriteString("return\n")
		}
		out.WriteString("}\n")
	}
	return out.String() + f.text[from:]
}

// alone writes an overlay with one mutant.
func (s *source) alone(m *mutant, dir string) (path string, err error) {
	o := newOverlay(s.root, dir)
	if err := o.add(m.file.path, m.file.text[:m.start]+m.after+m.file.text[m.end:]); err != nil {
		return "", err
	}
	return o.write()
}

// build makes a package's test binary.
func build(root, name, binary string, flags ...string) error {
	args := append([]string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-o", binary}, flags...)
	_, err := output(root, "go", append(args, "./"+name)...)
	return err
}
