// Command mutants changes the product at random, by seed, and lists the changes that no test notices.
//
// It chooses small changes of the chosen packages (operators.go), spread over them by their size, builds the tests of
// the whole module with all of the changes in place but switched off (build.go), and runs for each change the tests that
// run its line (coverage.go, run.go). The working tree is never changed. Changes that may survive are in accepted.txt, each with the reason.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// product are the packages that are mutated unless -packages says otherwise.
const product = "session,ratelimit,actors,internal/bus,internal/transport,session/filestore,shardmanager,events"

type config struct {
	root     string
	packages string
	seed     uint64
	n        int
	only     string
	list     bool
	timeout  time.Duration
	parallel int
	cache    string
	accepted string
}

func main() {
	cache, _ := os.UserCacheDir()
	var c config
	flag.StringVar(&c.packages, "packages", product, "the packages to mutate")
	flag.Uint64Var(&c.seed, "seed", 1, "chooses the mutants")
	flag.IntVar(&c.n, "n", 100, "how many mutants; 0: all of them")
	flag.StringVar(&c.only, "only", "", "run the mutants whose id (file:line:column:operator) begins with this")
	flag.BoolVar(&c.list, "list", false, "list the mutants, and run none")
	flag.DurationVar(&c.timeout, "timeout", 10*time.Second, "how long tests may take beyond three times their usual time")
	flag.IntVar(&c.parallel, "parallel", runtime.NumCPU(), "how many mutants run at once")
	flag.StringVar(&c.cache, "cache", filepath.Join(cmp.Or(cache, os.TempDir()), "signalbox-mutants"), "where it is kept which test runs which line")
	flag.Parse()
	root, err := output(".", "go", "list", "-m", "-f={{.Dir}}")
	if err == nil {
		c.root = strings.TrimSpace(root)
		c.accepted = filepath.Join(c.root, "internal/lab/mutants/accepted.txt")
		var survivors int
		if survivors, err = c.run(os.Stdout); err == nil && survivors > 0 {
			os.Exit(1)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	}
}

// run returns how many mutants survived that are not accepted.
func (c config) run(out io.Writer) (survivors int, err error) {
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, format+"\n", args...)
	}
	may, err := readAccepted(c.accepted)
	if err != nil {
		return 0, err
	}
	s, err := load(c.root, strings.Split(c.packages, ","))
	if err != nil {
		return 0, err
	}
	if c.only != "" {
		c.n = 0
	}
	chosen, broken := s.sample(c.seed, c.n, c.only)
	if len(chosen) == 0 {
		return 0, fmt.Errorf("no mutant of %s compiles", cmp.Or(c.only, c.packages))
	}
	if c.list {
		for _, m := range chosen {
			say("%s: %s", m.id(), m.change())
		}
		return 0, nil
	}
	coverage, err := s.cover(c.cache, c.parallel, say)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	l := &lab{source: s, coverage: coverage, dir: dir, timeout: c.timeout, say: say}
	var run []*mutant
	var results []result
	for _, m := range chosen {
		if reason := may[m.key()]; reason != "" && c.only == "" {
			results = append(results, result{mutant: m, accepted: reason})
		} else {
			run = append(run, m)
		}
	}
	if err := l.prepare(run); err != nil {
		return 0, err
	}
	began, done := time.Now(), 0
	inParallel(c.parallel, len(run), func(i int) {
		r := l.run(run[i])
		mu.Lock()
		defer mu.Unlock()
		done++
		results = append(results, r)
		fmt.Fprintf(out, "[%d/%d %4.0fs] %-8s %s (%.1fs) %s\n", done, len(run), time.Since(began).Seconds(), r.word(), r.mutant.id(), r.took.Seconds(), r.killer)
	})
	for _, r := range results {
		if r.err != nil {
			return 0, fmt.Errorf("%s: %w", r.mutant.id(), r.err)
		}
	}
	return report(out, s, results, broken), nil
}

func (r result) word() string {
	switch {
	case r.err != nil:
		return "error"
	case r.accepted != "":
		return "accepted"
	case r.killer != "":
		return "killed"
	case !r.covered:
		return "not run"
	}
	return "survives"
}

// report prints the table and the survivors, and returns how many of those there are.
func report(out io.Writer, s *source, results []result, broken map[string]int) (survivors int) {
	type row struct{ mutants, killed, survive, accepted, broken int }
	rows := make(map[string]*row)
	all := &row{}
	for _, p := range s.packages {
		rows[p.name] = &row{broken: broken[p.name]}
		all.broken += broken[p.name]
	}
	slices.SortFunc(results, func(a, b result) int {
		return cmp.Or(strings.Compare(a.mutant.file.path, b.mutant.file.path), a.mutant.start-b.mutant.start)
	})
	for _, r := range results {
		for _, row := range []*row{rows[r.mutant.pkg.name], all} {
			row.mutants++
			switch r.word() {
			case "killed":
				row.killed++
			case "accepted":
				row.accepted++
			default:
				row.survive++
			}
		}
	}
	line := func(name string, r *row) {
		rate := "-"
		if n := r.mutants - r.accepted; n > 0 {
			rate = fmt.Sprintf("%.1f %%", 100*float64(r.killed)/float64(n))
		}
		fmt.Fprintf(out, "%-20s %8d %8d %8d %8d %8s   %d\n", name, r.mutants, r.killed, r.survive, r.accepted, rate, r.broken)
	}
	fmt.Fprintf(out, "\n%-20s %8s %8s %8s %8s %8s   %s\n", "package", "mutants", "killed", "survive", "accepted", "rate", "did not compile")
	for _, p := range s.packages {
		line(p.name, rows[p.name])
	}
	line("all", all)
	for _, r := range results {
		if word := r.word(); word == "survives" || word == "not run" {
			survivors++
			m := r.mutant
			fmt.Fprintf(out, "\n%s: %s%s\n\t%s\n%s\t\n", m.id(), m.change(), map[bool]string{false: " (no test runs this line)"}[r.covered], m.source(), m.key())
		}
	}
	return survivors
}
