package reliability_test

import (
	"bufio"
	_ "embed"
	"flag"
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

//go:embed entries.txt
var entries string

//go:embed page.md
var page string

var update = flag.Bool("update", false, "write docs/reliability.md anew")

const root = "../../.."

// entry is one way to fail.
type entry struct {
	section  string
	number   int
	severity string
	title    string
	tests    []string
}

// elsewhere are the entries that one process cannot show, or that no test can, and why.
var elsewhere = map[int]string{
	62:  "measured, not tested: the soak below",
	145: "measured, not tested: [testing.md](testing.md) says how",
	157: "with the cluster",
}

var line = regexp.MustCompile(`^(\d+) (S[0-3]) (.+)$`)

func parse(t *testing.T) (all []*entry) {
	section := ""
	for scan := bufio.NewScanner(strings.NewReader(entries)); scan.Scan(); {
		text := scan.Text()
		found := line.FindStringSubmatch(text)
		switch {
		case text == "" || strings.HasPrefix(text, "#"):
		case found == nil:
			section = text
		default:
			number, _ := strconv.Atoi(found[1])
			if number != len(all)+1 {
				t.Errorf("entries.txt: %d follows %d", number, len(all))
			}
			all = append(all, &entry{section: section, number: number, severity: found[2], title: found[3]})
		}
	}
	return all
}

var (
	says   = regexp.MustCompile(`(?m)^Failures: (.*)\.$`)
	number = regexp.MustCompile(`^F(\d+)$`)
)

// collect finds what the tests of the repository say that they cover.
func collect(t *testing.T, all []*entry) {
	files := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			found := says.FindStringSubmatch(f.Doc.Text())
			if found == nil {
				continue
			}
			folder, _ := filepath.Rel(root, filepath.Dir(name))
			test := path.Base(filepath.ToSlash(folder)) + "." + f.Name.Name
			if !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz") {
				t.Errorf("%s is no test, and says that it covers failures", test)
			}
			for each := range strings.SplitSeq(found[1], ", ") {
				n := number.FindStringSubmatch(each)
				if n == nil {
					t.Errorf("%s covers %q: write it as F1, F2", test, each)
					continue
				}
				i, _ := strconv.Atoi(n[1])
				if i < 1 || i > len(all) {
					t.Errorf("%s covers %s, which is not in entries.txt", test, each)
					continue
				}
				all[i-1].tests = append(all[i-1].tests, test)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// status is in a word how an entry stands, and whether that will do.
func (e *entry) status() (text string, ok bool) {
	switch {
	case len(e.tests) > 0:
		return "holds", true
	case strings.HasPrefix(e.section, "K "):
		return "with the cluster", true
	case elsewhere[e.number] != "":
		return elsewhere[e.number], true
	}
	return "not shown", e.severity > "S1"
}

// TestPage keeps docs/reliability.md the same as what the tests say, and requires that every severe failure of one process is
// covered. That the tests hold, their own runs show.
func TestPage(t *testing.T) {
	t.Parallel()
	all := parse(t)
	collect(t, all)
	var table strings.Builder
	section := ""
	counts := map[string]int{}
	for _, e := range all {
		status, ok := e.status()
		if !ok {
			t.Errorf("F%d (%s, %s) is covered by no test", e.number, e.severity, e.title)
		}
		counts[status]++
		if e.section != section {
			section = e.section
			fmt.Fprintf(&table, "\n### %s\n\n| | | what goes wrong | shown by | |\n|---|---|---|---|---|\n", section[2:])
		}
		slices.Sort(e.tests)
		fmt.Fprintf(&table, "| F%d | %s | %s | %s | %s |\n", e.number, e.severity, e.title, strings.Join(slices.Compact(e.tests), "<br>"), status)
	}
	want := strings.NewReplacer(
		"{{entries}}", strings.TrimSpace(table.String()), "{{all}}", fmt.Sprint(len(all)), "{{holds}}", fmt.Sprint(counts["holds"]),
		"{{cluster}}", fmt.Sprint(counts["with the cluster"]), "{{open}}", fmt.Sprint(counts["not shown"]),
	).Replace(page)
	const name = root + "/docs/reliability.md"
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil || string(got) != want {
		t.Errorf("docs/reliability.md is not current: run make gen (%v)", err)
	}
}
