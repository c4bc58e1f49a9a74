package session_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/signalbox-go/signalbox/session"
)

var update = flag.Bool("update", false, "write transcripts and generated pages anew; read the difference before you commit it")

// Failures: F16, F17, F18, F20, F43, F45, F46, F59, F61, F97, F98, F101, F102.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	var moves sync.Map
	t.Run("files", func(t *testing.T) {
		for _, name := range files {
			t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
				t.Parallel()
				want, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				got := replay(t, string(want), &moves)
				if *update {
					if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				} else if got != string(want) {
					t.Errorf("%s differs (see -update):\n%s", name, difference(string(want), got))
				}
			})
		}
	})
	for _, from := range session.States() {
		for _, to := range from.Next() {
			if _, ok := moves.Load([2]session.State{from, to}); !ok {
				t.Errorf("no transcript shows the move %v → %v", from, to)
			}
		}
	}
}

// replay runs the inputs of a transcript. "---" begins with a new machine.
func replay(t *testing.T, text string, moves *sync.Map) string {
	var out strings.Builder
	c := newChat(t, moves)
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "  "):
			continue
		case line == "---":
			c = newChat(t, moves)
		case line != "" && !strings.HasPrefix(line, "#"):
			c.do(line)
		}
		out.WriteString(line + "\n" + c.out.String())
		c.out.Reset()
	}
	return out.String()
}

func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d:\nwant %s\ngot  %s", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("want %d lines, got %d", len(a), len(b))
}
