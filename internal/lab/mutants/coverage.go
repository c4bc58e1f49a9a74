package main

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// test is one test of a package, as it runs without mutants.
type test struct {
	Package, Name string
	Seconds       float64
	Args          []string // that its binary gets
}

// block is a piece of code without branches, and the tests that ran it, by index.
type block struct {
	From, To [2]int // line and column
	Tests    []int
}

// coverage says which tests run which code.
type coverage struct {
	Tests  []test
	Blocks map[string][]block // by file
}

// partly are packages of which only some tests run, with arguments.
var partly = map[string]struct {
	run  string
	args []string
}{
	"internal/lab/sim": {"TestSeeds", []string{"-sim.seeds=12", "-sim.shrink=0"}},
}

// leftOut are packages whose tests take real time or judge something else than behaviour.
var leftOut = []string{"internal/lab/soak", "internal/lab/reliability", "internal/lab/mutants", "internal/arch"}

// judges are the packages whose tests reach the code of s, with the arguments of their binaries.
func (s *source) judges() (names []string, args map[string][]string, err error) {
	all, err := golist(s.root, "-json=ImportPath,Deps,TestGoFiles,XTestGoFiles,TestImports,XTestImports", "./...")
	if err != nil {
		return nil, nil, err
	}
	args = make(map[string][]string)
	deps := make(map[string][]string)
	for _, l := range all {
		deps[l.ImportPath] = append(l.Deps, l.ImportPath)
	}
	mutated := func(path string) bool {
		return slices.ContainsFunc(s.packages, func(p *pkg) bool { return path == p.types.Path() })
	}
	for _, l := range all {
		name := strings.TrimPrefix(strings.TrimPrefix(l.ImportPath, s.module), "/")
		if len(l.TestGoFiles)+len(l.XTestGoFiles) == 0 || slices.Contains(leftOut, name) {
			continue
		}
		imports := slices.Concat([]string{l.ImportPath}, l.TestImports, l.XTestImports)
		if slices.ContainsFunc(imports, func(path string) bool { return slices.ContainsFunc(deps[path], mutated) }) {
			names = append(names, name)
			args[name] = partly[name].args
		}
		if slices.Contains(imports, "pgregory.net/rapid") { // the same cases for each mutant, and no file in the tree for those that fail
			args[name] = append(slices.Clip(args[name]), "-rapid.seed=1", "-rapid.nofailfile")
		}
	}
	return names, args, nil
}

// cover returns the coverage, from the cache if no file of the module has changed since.
func (s *source) cover(cache string, parallel int, say func(string, ...any)) (*coverage, error) {
	key, err := s.fingerprint()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(cache, key+".json")
	c := &coverage{}
	if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, c) == nil {
		return c, nil
	}
	if c, err = s.measure(parallel, say); err != nil {
		return nil, err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return nil, err
	}
	return c, os.WriteFile(path, text, 0o600)
}

// fingerprint changes with any file of the module that a test may read, and with the packages chosen.
func (s *source) fingerprint() (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, runtime.Version(), partly, leftOut)
	for _, p := range s.packages {
		fmt.Fprintln(hash, p.name)
	}
	err := filepath.WalkDir(s.root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || strings.HasSuffix(path, filepath.FromSlash("internal/lab/mutants")) && path != s.root):
			return filepath.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(hash, "%s %x\n", strings.TrimPrefix(path, s.root), sha256.Sum256(text))
		return err
	})
	return fmt.Sprintf("%x", hash.Sum(nil)[:12]), err
}

// measure runs each test by itself.
func (s *source) measure(parallel int, say func(string, ...any)) (*coverage, error) {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	names, args, err := s.judges()
	if err != nil {
		return nil, err
	}
	paths := make([]string, len(s.packages))
	for i, p := range s.packages {
		paths[i] = p.types.Path()
	}
	c := &coverage{}
	for i, name := range names {
		say("coverage of the tests of %s", cmp.Or(name, s.module))
		if err := build(s.root, name, binaryOf(dir, i), "-covermode=set", "-coverpkg="+strings.Join(paths, ",")); err != nil {
			return nil, err
		}
		list, err := output(filepath.Join(s.root, name), binaryOf(dir, i), "-test.list=.")
		if err != nil {
			return nil, err
		}
		for _, line := range strings.Fields(list) {
			if !strings.HasPrefix(line, "Benchmark") && (partly[name].run == "" || partly[name].run == line) {
				c.Tests = append(c.Tests, test{Package: name, Name: line, Args: args[name]})
			}
		}
	}
	ran := make([]map[string][]block, len(c.Tests))
	inParallel(parallel, len(c.Tests), func(i int) {
		t := &c.Tests[i]
		profile := filepath.Join(dir, fmt.Sprint(i, ".cover"))
		began := time.Now()
		binary := binaryOf(dir, slices.Index(names, t.Package))
		verdict := execute(s.root, dir, binary, 0, []test{*t}, time.Hour, "-test.coverprofile="+profile)
		t.Seconds = time.Since(began).Seconds()
		if verdict != "" {
			say("%s %s fails without a mutant, and is left out: %s", t.Package, t.Name, verdict)
			return
		}
		var err error
		if ran[i], err = readProfile(profile, s.module); err != nil {
			say("%s %s: %v", t.Package, t.Name, err)
		}
		os.Remove(profile)
	})
	c.Blocks = merged(ran)
	return c, nil
}

func binaryOf(dir string, i int) string { return filepath.Join(dir, fmt.Sprint(i, ".test")) }

// inParallel calls do with 0 to n-1, some at once.
func inParallel(parallel, n int, do func(i int)) {
	var group sync.WaitGroup
	free := make(chan struct{}, parallel)
	for i := range n {
		free <- struct{}{}
		group.Go(func() {
			defer func() { <-free }()
			do(i)
		})
	}
	group.Wait()
}

// readProfile returns all blocks of a coverage profile: those that ran have one (empty) list of tests.
func readProfile(path, module string) (map[string][]block, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := make(map[string][]block)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, rest, ok := strings.Cut(strings.TrimPrefix(lines.Text(), module+"/"), ".go:")
		if !ok {
			continue
		}
		var b block
		var count int
		if _, err := fmt.Sscanf(rest, "%d.%d,%d.%d %d %d", &b.From[0], &b.From[1], &b.To[0], &b.To[1], new(int), &count); err != nil {
			return nil, err
		}
		if count > 0 {
			b.Tests = []int{}
		}
		all[name+".go"] = append(all[name+".go"], b)
	}
	return all, nil
}

func merged(ran []map[string][]block) map[string][]block {
	type place struct {
		file     string
		from, to [2]int
	}
	index := make(map[place]int)
	all := make(map[string][]block)
	for i, files := range ran {
		for file, blocks := range files {
			for _, b := range blocks {
				at, known := index[place{file, b.From, b.To}]
				if !known {
					at = len(all[file])
					index[place{file, b.From, b.To}] = at
					all[file] = append(all[file], block{From: b.From, To: b.To})
				}
				if into := &all[file][at]; b.Tests != nil && !slices.Contains(into.Tests, i) {
					into.Tests = append(into.Tests, i)
				}
			}
		}
	}
	return all
}
