package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// memory bounds what a test may take, in KiB: a mutant may allocate for ever.
const memory = 6 << 20

// hangs is what execute says of tests that do not end in time.
const hangs = "hangs"

// watch reads what a test prints, and stops it when the first test has failed.
type watch struct {
	stop   func()
	line   []byte // its beginning
	failed string // the first test that failed
	panics string
}

func (w *watch) Write(text []byte) (int, error) {
	for _, b := range text {
		if b != '\n' {
			if len(w.line) < 200 {
				w.line = append(w.line, b)
			}
			continue
		}
		line := string(bytes.TrimSpace(w.line))
		w.line = w.line[:0]
		name, found := strings.CutPrefix(line, "--- FAIL: ")
		switch {
		case found && w.failed == "":
			w.failed, _, _ = strings.Cut(name, " ")
			w.stop()
		case w.panics == "" && (strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") || strings.Contains(line, "found unexpected goroutines")):
			w.panics = line
		}
	}
	return len(text), nil
}

// execute runs tests of one package with a mutant switched on, and says what failed; empty if all passed.
func execute(root, temp, binary string, number int, tests []test, timeout time.Duration, flags ...string) string {
	names := make([]string, len(tests))
	for i, t := range tests {
		names[i] = t.Name
	}
	args := slices.Concat([]string{"-c", fmt.Sprintf(`ulimit -v %d 2>/dev/null; exec "$0" "$@"`, memory), binary,
		"-test.run=^(" + strings.Join(names, "|") + ")$", "-test.failfast", "-test.parallel=4"}, flags, tests[0].Args)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	command := exec.CommandContext(ctx, "sh", args...)
	out := &watch{stop: cancel}
	command.Dir, command.Stdout, command.Stderr = filepath.Join(root, tests[0].Package), out, out
	command.WaitDelay = time.Second
	command.Env = append(os.Environ(), fmt.Sprint(numberEnv, "=", number), "GOMAXPROCS=1", "TMPDIR="+temp)
	err := command.Run()
	switch {
	case err == nil:
		return ""
	case out.failed == "" && context.Cause(ctx) == context.DeadlineExceeded:
		return hangs
	}
	return cmp.Or(out.failed, out.panics, err.Error())
}

// lab runs mutants. Its binaries with many mutants are built when the first mutant needs them.
type lab struct {
	source   *source
	coverage *coverage
	dir      string
	overlay  string
	timeout  time.Duration // beyond three times what the tests take
	say      func(string, ...any)

	mu       sync.Mutex
	binaries map[string]func() error
	needed   map[string][]int // tests by package
	unfit    map[string]bool  // tests that fail with the copies in the code though no mutant is on
}

// result is what became of a mutant.
type result struct {
	mutant   *mutant
	accepted string // the reason, if it may survive
	killer   string // the package and the test; empty: it survives
	covered  bool
	err      error
	took     time.Duration
}

func (l *lab) prepare(all []*mutant) error {
	var inBodies []*mutant
	l.binaries, l.needed, l.unfit = make(map[string]func() error), make(map[string][]int), make(map[string]bool)
	for _, m := range all {
		for _, i := range l.coverage.of(l.source, m) {
			name := l.coverage.Tests[i].Package
			l.needed[name] = append(l.needed[name], i)
		}
		if !m.alone {
			inBodies = append(inBodies, m)
		}
	}
	for name, tests := range l.needed {
		slices.Sort(tests)
		l.needed[name] = slices.Compact(tests)
		l.binaries[name] = sync.OnceValue(func() error { return l.buildTogether(name) })
	}
	dir, err := os.MkdirTemp(l.dir, "together")
	if err != nil {
		return err
	}
	l.overlay, err = l.source.together(inBodies, dir)
	return err
}

func (l *lab) binary(name string) string {
	return filepath.Join(l.dir, strings.ReplaceAll(name, "/", "-")+".test")
}

// buildTogether builds the tests of a package, and sees that they pass while no mutant is on.
func (l *lab) buildTogether(name string) error {
	began := time.Now()
	if err := build(l.source.root, name, l.binary(name), "-overlay="+l.overlay); err != nil {
		return err
	}
	tests := l.tests(l.needed[name])
	for len(tests) > 0 {
		failed := execute(l.source.root, l.dir, l.binary(name), 0, tests, l.limit(tests))
		if failed == "" {
			break
		}
		top, _, _ := strings.Cut(failed, "/")
		fits := func(t test) bool { return t.Name != top }
		if !slices.ContainsFunc(tests, func(t test) bool { return !fits(t) }) {
			return fmt.Errorf("the tests of %s fail without a mutant: %s", name, failed)
		}
		l.say("%s %s fails without a mutant once the code holds copies, and is left out", name, top)
		l.mu.Lock()
		l.unfit[name+" "+top] = true
		l.mu.Unlock()
		tests = slices.DeleteFunc(tests, func(t test) bool { return !fits(t) })
	}
	l.say("tests of %s built and seen to pass without a mutant (%.0fs)", cmp.Or(name, l.source.module), time.Since(began).Seconds())
	return nil
}

func (l *lab) tests(indexes []int) (tests []test) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, i := range indexes {
		if t := l.coverage.Tests[i]; !l.unfit[t.Package+" "+t.Name] {
			tests = append(tests, t)
		}
	}
	return tests
}

func seconds(tests []test) (sum float64) {
	for _, t := range tests {
		sum += t.Seconds
	}
	return sum
}

func (l *lab) limit(tests []test) time.Duration {
	return l.timeout + time.Duration(3*seconds(tests)*float64(time.Second))
}

// run lets the tests that run a mutant's place judge it: those of its own package first, then by what they take.
func (l *lab) run(m *mutant) (r result) {
	began := time.Now()
	defer func() { r.took = time.Since(began) }()
	r.mutant = m
	tests := l.coverage.of(l.source, m)
	r.covered = len(tests) > 0
	byPackage := make(map[string][]int)
	for _, i := range tests {
		name := l.coverage.Tests[i].Package
		byPackage[name] = append(byPackage[name], i)
	}
	var names []string
	for name := range byPackage {
		names = append(names, name)
	}
	rank := func(name string) float64 {
		switch {
		case name == m.pkg.name:
			return -1
		case partly[name].run != "":
			return 1e9
		}
		return seconds(l.tests(byPackage[name]))
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	for _, name := range names {
		if r.killer, r.err = l.judge(m, name, byPackage[name]); r.killer != "" || r.err != nil {
			return r
		}
	}
	return r
}

func (l *lab) judge(m *mutant, name string, indexes []int) (killer string, err error) {
	binary := l.binary(name)
	if m.alone {
		dir, err := os.MkdirTemp(l.dir, "alone")
		if err != nil {
			return "", err
		}
		defer os.RemoveAll(dir)
		overlay, err := l.source.alone(m, dir)
		if err != nil {
			return "", err
		}
		binary = filepath.Join(dir, "alone.test")
		if err := build(l.source.root, name, binary, "-overlay="+overlay); err != nil {
			return "", err
		}
	} else if err := l.binaries[name](); err != nil {
		return "", err
	}
	for _, batch := range batches(l.tests(indexes)) {
		failed := execute(l.source.root, l.dir, binary, m.number, batch, l.limit(batch))
		if failed == hangs { // or the machine was busy
			failed = execute(l.source.root, l.dir, binary, m.number, batch, 2*l.limit(batch))
		}
		if failed != "" {
			return cmp.Or(name, l.source.module) + " " + failed, nil
		}
	}
	return "", nil
}

// batches divides tests into the quick ones, the slower ones, and so on, so that most mutants are killed by quick ones.
func batches(tests []test) (all [][]test) {
	tests = slices.Clone(tests)
	slices.SortStableFunc(tests, func(a, b test) int { return cmp.Compare(a.Seconds, b.Seconds) })
	for size := 1.0; len(tests) > 0; size *= 6 {
		n, sum := 0, 0.0
		for n < len(tests) && (n == 0 || sum+tests[n].Seconds <= size) {
			sum += tests[n].Seconds
			n++
		}
		all, tests = append(all, tests[:n]), tests[n:]
	}
	return all
}
