package sim_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var (
	mutate = flag.String("sim.mutants", "", "break the product in known ways and require that the laws notice: all, or a part of a mutant's name")
	tries  = flag.Int("sim.tries", 500, "how many seeds a mutant may survive")
)

// mutant is a way to break the product that a peer, or an earlier version of this one, has shown.
type mutant struct {
	name   string
	law    string // that is broken: the beginning of its name, or several with |; ?: any
	breaks []breach
	notYet bool // the simulation need not notice it yet
}

// breach breaks the product at one seam.
type breach struct {
	seam string
	by   operator
}

// TestMutants builds the simulation with a broken product, and requires that the laws notice. It
// is skipped unless -sim.mutants asks for it, since each mutant is a build.
func TestMutants(t *testing.T) {
	if *mutate == "" {
		t.Skip("use -sim.mutants all")
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	p, killed, chosen := readProduct(t, root), 0, 0
	for _, m := range mutants {
		if *mutate != "all" && !strings.Contains(m.name, *mutate) {
			continue
		}
		chosen++
		t.Run(strings.ReplaceAll(m.name, " ", "-"), func(t *testing.T) {
			if found := m.kill(t, root, p); found != "" {
				killed++
				t.Logf("killed by %s", found)
			}
		})
	}
	if chosen == 0 {
		t.Fatalf("no mutant has %q in its name", *mutate)
	}
	t.Logf("%d mutants killed, of %d chosen", killed, chosen)
}

// TestMutantsFit: each mutant finds its seams, wherever they stand, and what it makes of them compiles;
// and there is no seam without a mutant.
func TestMutantsFit(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	p := readProduct(t, root)
	c := newChecker(t, root, p)
	names, used := make(map[string]bool), make(map[string]bool)
	for _, m := range mutants {
		if names[m.name] {
			t.Errorf("two mutants are named %q", m.name)
		}
		names[m.name] = true
		for _, b := range m.breaks {
			used[b.seam] = true
		}
		files, err := m.broken(p)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := c.check(files); err != nil {
			t.Errorf("%s: it does not compile: %v", m.name, err)
		}
	}
	for name, s := range p.seams {
		if !used[name] {
			t.Errorf("%s: no mutant uses the seam %s", s.in.path, name)
		}
	}
}

// violation is how the simulation prints one.
var violation = regexp.MustCompile(`sim_test\.go:\d+: ([A-Z]-\d+ [^@]*?|gateway's rules) at [^ ]+: (.*)`)

// kill returns what the laws have found.
func (m mutant) kill(t *testing.T, root string, p *product) string {
	dir := t.TempDir()
	files, err := m.broken(p)
	if err != nil {
		t.Fatal(err)
	}
	overlay := map[string]map[string]string{"Replace": {}}
	for path, text := range files {
		to := filepath.Join(dir, fmt.Sprintf("%d.go", len(overlay["Replace"])))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay["Replace"][path] = to
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	list, binary := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "sim.test")
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-c", "-overlay", list, "-o", binary, "./internal/lab/sim")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the mutant does not build: %v\n%s", err, out)
	}
	for first := 1; first <= *tries; first += 25 {
		out, err := m.run(t, binary, first)
		if err == nil {
			continue
		}
		for _, line := range strings.Split(out, "\n") {
			found := violation.FindStringSubmatch(line)
			if found == nil {
				continue
			}
			for law := range strings.SplitSeq(m.law, "|") {
				if law == "?" || strings.HasPrefix(found[1], law) {
					return fmt.Sprintf("%s (seeds from %d): %s", found[1], first, found[2])
				}
			}
		}
		if strings.Contains(m.law, "panic") && (strings.Contains(out, "panic:") || strings.Contains(out, "deadlock")) {
			return fmt.Sprintf("a panic (seeds from %d)", first)
		}
	}
	if m.notYet {
		t.Skipf("survived %d seeds, as it may for now", *tries)
	}
	t.Errorf("survived %d seeds", *tries)
	return ""
}

func (m mutant) run(t *testing.T, binary string, first int) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, binary, "-test.run", "TestSeeds", "-sim.seed", fmt.Sprint(first), "-sim.seeds", "25", "-sim.shrink", "0", "-test.timeout", "220s")
	out, err := command.CombinedOutput()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return string(out) + "\npanic: it never ends", err
	}
	return string(out), err
}
