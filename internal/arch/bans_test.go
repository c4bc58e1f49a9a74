package arch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoTrapsOfTheActorLibrary: a bounded mailbox that is full makes its sender spin, and what is
// stashed comes back in the reverse order.
//
// Failures: F141, F143.
func TestNoTrapsOfTheActorLibrary(t *testing.T) {
	t.Parallel()
	files := 0
	for _, p := range packages(t) {
		for _, name := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			files++
			for _, trap := range []string{"actor.Bounded", "mailbox.Bounded", ".Stash()"} {
				if strings.Contains(string(text), trap) {
					t.Errorf("%s/%s uses %s", p.ImportPath, name, trap)
				}
			}
		}
	}
	if files < 50 {
		t.Errorf("only %d files were looked at", files)
	}
}

// TestWebSocketLibraryIsPinned: 1.5.1 and 1.5.2 regressed, and before 1.4.1 a frame's length was not
// checked.
//
// Failures: F159.
func TestWebSocketLibraryIsPinned(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "github.com/gorilla/websocket v1.5.3\n") {
		t.Error("go.mod does not have github.com/gorilla/websocket v1.5.3: read what changed before it moves")
	}
}
