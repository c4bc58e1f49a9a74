package arch

import (
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.*?) *$`)
	block   = regexp.MustCompile("(?ms)^```.*?^```")
	quoted  = regexp.MustCompile("`[^`\n]*`")
)

// anchors are the fragments by which the headings of a page are found, as GitHub makes them.
func anchors(page string) (all []string) {
	for _, match := range heading.FindAllStringSubmatch(block.ReplaceAllString(page, ""), -1) {
		text := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(strings.ToLower(match[1]), "$1")
		text = regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(text, "")
		anchor := strings.ReplaceAll(text, " ", "-")
		for n := 1; slices.Contains(all, anchor); n++ {
			anchor = fmt.Sprintf("%s-%d", strings.ReplaceAll(text, " ", "-"), n)
		}
		all = append(all, anchor)
	}
	return all
}

// deadLinks are the relative links of a page that lead nowhere.
func deadLinks(path, page string) (dead []string) {
	page = quoted.ReplaceAllString(block.ReplaceAllString(page, ""), "`x`")
	for _, match := range link.FindAllStringSubmatch(page, -1) {
		if strings.Contains(match[1], "://") {
			continue
		}
		target, fragment, _ := strings.Cut(match[1], "#")
		file := filepath.Join(filepath.Dir(path), target)
		if target == "" {
			file = path
		}
		info, err := os.Stat(file)
		switch {
		case err != nil:
			dead = append(dead, match[1])
		case fragment != "" && !info.IsDir():
			text, err := os.ReadFile(file)
			if err != nil || !slices.Contains(anchors(string(text)), fragment) {
				dead = append(dead, match[1])
			}
		}
	}
	return dead
}

func pages(t *testing.T) []string {
	t.Helper()
	all := []string{"../../README.md", "../../CONTRIBUTING.md", "../../CHANGELOG.md"}
	for _, pattern := range []string{"../../docs/*.md", "../../docs/adr/*.md", "../../docs/operations/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatal("no pages: ", err)
		}
		all = append(all, found...)
	}
	return all
}

// TestLinks: what a page links to within the repository is there, and so is the heading.
func TestLinks(t *testing.T) {
	t.Parallel()
	for _, path := range pages(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, dead := range deadLinks(path, string(text)) {
			t.Errorf("%s links to %s, which is not there", path, dead)
		}
	}
}

func TestDeadLinkIsFound(t *testing.T) {
	t.Parallel()
	page := "# A page\n[here](#a-page) [gone](#another) [file](length_test.go) [lost](lost.md) [far](https://example.com/#x)\n```go\n[x](y)\n```\n"
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	if dead := deadLinks(path, page); !slices.Equal(dead, []string{"#another", "length_test.go", "lost.md"}) {
		t.Errorf("found %q", dead)
	}
}

// TestReadmeNamesAll: README leads to every page of docs and to every example.
func TestReadmeNamesAll(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"docs/*.md", "examples/*"} {
		found, err := filepath.Glob("../../" + pattern)
		if err != nil || len(found) == 0 {
			t.Fatal("nothing found: ", err)
		}
		for _, path := range found {
			if name := strings.TrimPrefix(filepath.ToSlash(path), "../../"); !strings.Contains(string(readme), "]("+name) {
				t.Errorf("README.md does not link to %s", name)
			}
		}
	}
}

// TestNamedTestsAreThere: a page that names a test as its witness names one that there is.
func TestNamedTestsAreThere(t *testing.T) {
	t.Parallel()
	there := make(map[string]bool) // "package.Test"
	for _, p := range packages(t) {
		for _, file := range parse(t, p.Dir, slices.Concat(p.TestGoFiles, p.XTestGoFiles)) {
			for _, decl := range file.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
					there[filepath.Base(p.ImportPath)+"."+f.Name.Name] = true
				}
			}
		}
	}
	named := 0
	for _, path := range pages(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile("`([a-z]+\\.Test[A-Z]\\w*)`").FindAllStringSubmatch(string(text), -1) {
			if named++; !there[match[1]] {
				t.Errorf("%s names the test %s, which is not there", path, match[1])
			}
		}
	}
	if named < 25 {
		t.Errorf("only %d tests are named", named)
	}
}
