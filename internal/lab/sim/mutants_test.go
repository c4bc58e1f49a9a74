package sim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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
	name    string
	law     string // that is broken: the beginning of its name, or several with |
	patches []patch
}

type patch struct{ file, old, new string }

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
	killed := 0
	for _, m := range mutants {
		if *mutate != "all" && !strings.Contains(m.name, *mutate) {
			continue
		}
		t.Run(strings.ReplaceAll(m.name, " ", "-"), func(t *testing.T) {
			if found := m.kill(t, root); found != "" {
				killed++
				t.Logf("killed by %s", found)
			}
		})
	}
	t.Logf("%d mutants killed, of %d", killed, len(mutants))
}

// TestMutantsFit: each is a change of the code as it is.
func TestMutantsFit(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		m.broken(t, root)
	}
}

type source struct {
	path string
	text []byte
}

// broken are the files that the mutant changes.
func (m mutant) broken(t *testing.T, root string) (files []source) {
	t.Helper()
	for _, p := range m.patches {
		path := filepath.Join(root, p.file)
		at := slices.IndexFunc(files, func(f source) bool { return f.path == path })
		if at < 0 {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			at, files = len(files), append(files, source{path, text})
		}
		text := files[at].text
		if n := bytes.Count(text, []byte(p.old)); n != 1 {
			t.Errorf("%s: %s has %d times %q: the mutant does not fit the code any more", m.name, p.file, n, p.old)
		}
		files[at].text = bytes.Replace(text, []byte(p.old), []byte(p.new), 1)
	}
	return files
}

// violation is how the simulation prints one.
var violation = regexp.MustCompile(`sim_test\.go:\d+: ([A-Z]-\d+ [^@]*?|gateway's rules) at [^ ]+: (.*)`)

// kill returns what the laws have found.
func (m mutant) kill(t *testing.T, root string) string {
	dir := t.TempDir()
	overlay := map[string]map[string]string{"Replace": {}}
	for i, source := range m.broken(t, root) {
		to := filepath.Join(dir, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(to, source.text, 0o600); err != nil {
			t.Fatal(err)
		}
		overlay["Replace"][source.path] = to
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
				if strings.HasPrefix(found[1], law) {
					return fmt.Sprintf("%s (seeds from %d): %s", found[1], first, found[2])
				}
			}
		}
		if strings.Contains(m.law, "panic") && (strings.Contains(out, "panic:") || strings.Contains(out, "deadlock")) {
			return fmt.Sprintf("a panic (seeds from %d)", first)
		}
	}
	t.Errorf("survived %d seeds", *tries)
	return ""
}

func (m mutant) run(t *testing.T, binary string, first int) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, binary, "-test.run", "TestSeeds", "-sim.seed", fmt.Sprint(first), "-sim.seeds", "25", "-sim.shrink", "0", "-test.timeout", "50s")
	out, err := command.CombinedOutput()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return string(out) + "\npanic: it never ends", err
	}
	return string(out), err
}
