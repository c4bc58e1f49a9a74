package arch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoTrapsOfTheActorLibrary: a bounded mailbox that is full makes its sender spin, and what is
// stashed comes back in the reverse order. The rest of the list: docs/adr/0008-protoactor-revision.md.
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
			for _, trap := range []string{
				"actor.Bounded", "mailbox.Bounded", ".Stash()", ".SetReceiveTimeout(", "ExponentialBackoffStrategy", "actor.WithMetricProviders",
			} {
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
	requirePinned(t, "github.com/gorilla/websocket v1.5.3", "read what changed")
}

// TestActorLibraryIsPinned: what the actors rely on is checked for this very revision by the tests of package actors.
// "latest" is one of 2024.
func TestActorLibraryIsPinned(t *testing.T) {
	t.Parallel()
	requirePinned(t, "github.com/asynkron/protoactor-go v0.0.0-20260118094027-288962e52f3f", "see docs/adr/0008-protoactor-revision.md")
}

// requirePinned fails unless go.mod requires a module in one version, and replaces it by nothing.
func requirePinned(t *testing.T, want, before string) {
	t.Helper()
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	module, _, _ := strings.Cut(want, " ")
	if !strings.Contains(string(text), want+"\n") || strings.Count(string(text), module+" ") != 1 {
		t.Errorf("go.mod does not have %s alone: %s before it moves", want, before)
	}
}
