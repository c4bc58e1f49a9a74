package main

import (
	"errors"
	"fmt"
	"go/ast"
	"os"
	"slices"
	"strings"
)

// mutant is one small change of the code.
type mutant struct {
	pkg        *pkg
	file       *file
	where      string // the function, or the name declared at package level
	line, col  int
	operator   string
	nth        int // of those in its function with the same operator on a line of the same text, from 1
	start, end int // of the text that is replaced
	after      string

	body   *ast.BlockStmt // of the function; nil at package level
	void   bool           // the function returns nothing
	alone  bool           // its function cannot be copied into itself: a build of its own
	copied string         // the function's mutated body
	number int            // in the binary that holds many mutants
}

// id names a mutant for as long as its file is not edited.
func (m *mutant) id() string {
	return fmt.Sprintf("%s:%d:%d:%s", m.file.path, m.line, m.col, m.operator)
}

// source is the text of the mutant's first line.
func (m *mutant) source() string {
	return strings.TrimSpace(strings.Split(m.file.text, "\n")[m.line-1])
}

// change shows what was replaced, on one line.
func (m *mutant) change() string {
	short := func(text string) string {
		text = strings.Join(strings.Fields(text), " ")
		if len(text) > 90 {
			text = text[:60] + " … " + text[len(text)-20:]
		}
		return text
	}
	after := short(m.after)
	if after == "" || after == "{}" {
		after = "nothing"
	}
	return short(m.file.text[m.start:m.end]) + " → " + after
}

// key names a mutant in the list of those accepted: edits elsewhere in the file leave it as it is.
func (m *mutant) key() string {
	operator := m.operator
	if m.nth > 1 {
		operator += fmt.Sprint("#", m.nth)
	}
	return strings.Join([]string{m.file.path, m.where, operator, m.source()}, "\t")
}

// accepted is the list of mutants that may survive: the reason by key. Each line of it has five columns with a
// tab between: file, function, operator, the source's line, and the reason, which begins with one of the classes.
type accepted map[string]string

// classes of reasons to accept that a mutant survives.
var classes = []string{"equivalent", "speed only", "log only", "text only", "beyond tests"}

func readAccepted(path string) (accepted, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return accepted{}, nil
	}
	list := make(accepted)
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndex(line, "\t")
		if strings.Count(line, "\t") != 4 {
			return nil, fmt.Errorf("%s:%d: want five columns: file, function, operator, line, reason", path, i+1)
		}
		reason := line[at+1:]
		class, why, _ := strings.Cut(reason, ": ")
		if !slices.Contains(classes, class) || why == "" {
			return nil, fmt.Errorf("%s:%d: a reason is one of %q, a colon, and why", path, i+1, classes)
		}
		list[line[:at]] = reason
	}
	return list, err
}

// stale are the entries for which there is no mutant any more.
func (a accepted) stale(s *source) (keys []string) {
	exists := make(map[string]bool)
	for _, p := range s.packages {
		for _, m := range s.mutants(p) {
			exists[m.key()] = true
		}
	}
	for key := range a {
		if !exists[key] {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
