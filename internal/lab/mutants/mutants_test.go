package main

import (
	"go/ast"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// small is a module with a place for each operator, in its package gate.
func small(t *testing.T, names ...string) *source {
	t.Helper()
	root, err := filepath.Abs("testdata/small")
	if err != nil {
		t.Fatal(err)
	}
	s, err := load(root, append(names, "gate"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func find(t *testing.T, s *source, where, operator, change string) *mutant {
	t.Helper()
	for _, m := range s.mutants(s.packages[0]) {
		if m.where == where && m.operator == operator && m.change() == change {
			return m
		}
	}
	t.Fatalf("no mutant %s of %s: %s", operator, where, change)
	return nil
}

// TestEachOperatorFindsItsPlaces: one place for each operator, and the text that it puts there.
func TestEachOperatorFindsItsPlaces(t *testing.T) {
	t.Parallel()
	s := small(t)
	for _, want := range [][3]string{
		{"Gate.Enter", "boundary", ">= → >"},
		{"Odd", "boundary", "< → <="},
		{"Odd", "negation", "== → !="},
		{"Odd", "arithmetic", "% → *"},
		{"Unused", "logic", "&& → ||"},
		{"Gate.Enter", "condition-true", "g.In >= Limit → (g.In >= Limit) || true"},
		{"Gate.Enter", "condition-false", "g.In >= Limit → (g.In >= Limit) && false"},
		{"First", "not-removed", "!(n >= 0) → (n >= 0)"},
		{"Gate.Enter", "deleted", "g.In++ → nothing"},
		{"Odd", "deleted", "sum += n → nothing"},
		{"Gate.Enter", "return-nil", "ErrFull → nil"},
		{"Unused", "return-negated", "ready && Wait > 0 → !(ready && Wait > 0)"},
		{"Odd", "return-0", "sum → 0"},
		{"Odd", "branch-swapped", "continue → break"},
		{"Odd", "case-removed", "case n%2 == 0: continue → nothing"},
		{"Limit", "number+1", "3 → 4"},
		{"Limit", "number-0", "3 → 0"},
		{"Wait", "duration-doubled", "5 → (2*5)"},
	} {
		if m := find(t, s, want[0], want[1], want[2]); !s.compiles(m) {
			t.Errorf("%s does not compile", m.id())
		}
	}
}

// TestWhatUsersDoNotGetIsNotMutated: log entries, capacities, and generated files.
func TestWhatUsersDoNotGetIsNotMutated(t *testing.T) {
	t.Parallel()
	s := small(t, "spare")
	for _, p := range s.packages {
		for _, m := range s.mutants(p) {
			if m.where == "Gate.Note" || m.where == "Made" || strings.HasPrefix(m.operator, "number") && m.where == "Room" {
				t.Errorf("%s: %s", m.id(), m.change())
			}
		}
	}
}

// TestMutantsThatDoNotCompileAreReplaced by the next ones of the sample.
func TestMutantsThatDoNotCompileAreReplaced(t *testing.T) {
	t.Parallel()
	s := small(t)
	if m := find(t, s, "First", "deleted", "return -1 → nothing"); s.compiles(m) {
		t.Error("a function without its return compiles")
	}
	total, broken := 0, 0
	for seed := range uint64(20) {
		chosen, failed := s.sample(seed, 10, "")
		total, broken = total+len(chosen), broken+failed["gate"]
	}
	if total != 200 || broken == 0 {
		t.Errorf("%d mutants, %d did not compile", total, broken)
	}
}

// TestSampleIsTheSeeds: the same seed chooses the same mutants, another one others, and no line twice.
func TestSampleIsTheSeeds(t *testing.T) {
	t.Parallel()
	ids := func(seed uint64) (all []string) {
		s := small(t)
		chosen, _ := s.sample(seed, 8, "")
		lines := make(map[int]bool)
		for _, m := range chosen {
			all = append(all, m.id())
			if lines[m.line] {
				t.Errorf("line %d is chosen twice", m.line)
			}
			lines[m.line] = true
		}
		return all
	}
	if one, again, two := ids(1), ids(1), ids(2); !slices.Equal(one, again) || slices.Equal(one, two) {
		t.Errorf("seed 1: %q and %q; seed 2: %q", one, again, two)
	}
}

// TestSharesFollowSize: the sum is what was asked for.
func TestSharesFollowSize(t *testing.T) {
	t.Parallel()
	s := &source{packages: []*pkg{{name: "a", statements: 500}, {name: "b", statements: 301}, {name: "c", statements: 199}}}
	if share := s.shares(10); share["a"] != 5 || share["b"] != 3 || share["c"] != 2 {
		t.Errorf("got %v", share)
	}
}

// TestCopiesKeepTheirMeaning: labels of a copy are its own, and a function whose copy would assign to another variable is built alone.
func TestCopiesKeepTheirMeaning(t *testing.T) {
	t.Parallel()
	s := small(t)
	m := find(t, s, "First", "return-0", "n → 0")
	if !s.compiles(m) || m.alone || strings.Count(m.copied, "next"+copyMark) != 2 {
		t.Errorf("alone %t, copy %q", m.alone, m.copied)
	}
	if m := find(t, s, "Odd", "return-0", "sum → 0"); !m.alone {
		t.Error("Odd assigns to its result with :=, and is copied")
	}
}

// TestConstantIsJudgedByWhatUsesIt: its own line is in no test's coverage.
func TestConstantIsJudgedByWhatUsesIt(t *testing.T) {
	t.Parallel()
	s := small(t)
	for name, want := range map[string][]string{"Limit": {"Enter", "Note"}, "Wait": {"Unused"}, "ErrFull": {"Enter"}} {
		m := &mutant{pkg: s.packages[0], where: name}
		var users []string
		for _, use := range s.uses(m) {
			for _, decl := range m.pkg.files[0].tree.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && f.Pos() == use.from {
					users = append(users, f.Name.Name)
				}
			}
		}
		if !slices.Equal(users, want) {
			t.Errorf("%s is used by %q, want %q", name, users, want)
		}
	}
}

// TestRun is the whole way: what tests of any package notice is killed, the rest is printed.
func TestRun(t *testing.T) {
	t.Parallel()
	s := small(t)
	c := config{root: s.root, packages: "gate", timeout: 10 * time.Second, parallel: 2, cache: t.TempDir()}
	for _, want := range []struct {
		only     *mutant
		survives int
		says     string
	}{
		{find(t, s, "Gate.Enter", "boundary", ">= → >"), 0, "killed ID user TestEnter"},
		{find(t, s, "Limit", "number+1", "3 → 4"), 0, "killed ID user TestEnter"},
		{find(t, s, "First", "condition-false", "!(n >= 0) → (!(n >= 0)) && false"), 0, "killed ID gate TestFirst"},
		{find(t, s, "First", "return-0", "n → 0"), 0, "killed ID gate TestFirst"},
		{find(t, s, "Odd", "deleted", "left-- → nothing"), 1, "survives ID"},
		{find(t, s, "Unused", "logic", "&& → ||"), 1, "not run ID"},
	} {
		var out strings.Builder
		c.only = want.only.id()
		survives, err := c.run(&out)
		if err != nil || survives != want.survives {
			t.Errorf("%s: %d survive, %v\n%s", c.only, survives, err, out.String())
		}
		if says := strings.Replace(want.says, "ID", c.only, 1); !slices.Contains(progress(out.String()), says) {
			t.Errorf("want %q in\n%s", says, out.String())
		}
	}
}

// TestUnfitTestsJudgeNothing: a test that fails because of the copies would kill every mutant.
func TestUnfitTestsJudgeNothing(t *testing.T) {
	t.Parallel()
	s := small(t)
	c := config{root: s.root, packages: "gate", timeout: 10 * time.Second, parallel: 2, cache: t.TempDir(), only: find(t, s, "Line", "number+1", "0 → 1").id()}
	var out strings.Builder
	survives, err := c.run(&out)
	if err != nil || survives != 1 || !strings.Contains(out.String(), "user TestLine fails without a mutant once the code holds copies, and is left out") {
		t.Errorf("%d survive, %v\n%s", survives, err, out.String())
	}
}

// progress are the lines that tell what became of a mutant, without times.
func progress(out string) (lines []string) {
	for line := range strings.Lines(out) {
		var words []string
		for _, word := range strings.Fields(line) {
			if !strings.HasPrefix(word, "[") && !strings.HasSuffix(word, "s]") && !strings.HasSuffix(word, "s)") {
				words = append(words, word)
			}
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return lines
}

// TestAcceptedMutantsAreNotRun, and do not fail the run, but for one that is asked for by its name.
func TestAcceptedMutantsAreNotRun(t *testing.T) {
	t.Parallel()
	dir, s := t.TempDir(), small(t, "spare")
	m := find(t, s, "Room", "return-nil", "make([]int, n, 16) → nil")
	list := filepath.Join(dir, "accepted.txt")
	if err := os.WriteFile(list, []byte("# why\n"+m.key()+"\tspeed only: room for what comes\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := config{root: s.root, packages: "spare", timeout: 10 * time.Second, parallel: 2, cache: dir, accepted: list}
	for only, want := range map[string]int{"": 0, m.id(): 1} {
		var out strings.Builder
		c.only = only
		if survives, err := c.run(&out); err != nil || survives != want {
			t.Errorf("only %q: %d survive, %v\n%s", only, survives, err, out.String())
		}
	}
}

// TestAcceptedMutantsExist: each line of the list is about code that is there.
func TestAcceptedMutantsExist(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	list, err := readAccepted("accepted.txt")
	if err != nil {
		t.Fatal(err)
	}
	s, err := load(root, strings.Split(product, ","))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range list.stale(s) {
		t.Errorf("no such mutant any more: %s", key)
	}
}

// TestStaleEntryIsFound, and so is one without a reason.
func TestStaleEntryIsFound(t *testing.T) {
	t.Parallel()
	s := small(t)
	good := find(t, s, "Odd", "deleted", "left-- → nothing").key()
	gone := strings.Replace(good, "left--", "left++", 1)
	if stale := (accepted{good: "equivalent: x", gone: "equivalent: x"}).stale(s); !slices.Equal(stale, []string{gone}) {
		t.Errorf("stale: %q", stale)
	}
	for _, bad := range []string{good, good + "\t", good + "\tit is fine", good + "\tequivalent: "} {
		path := filepath.Join(t.TempDir(), "accepted.txt")
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readAccepted(path); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}
