//go:build unix

package handover_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/internal/handover"
)

func at(t *testing.T, path string) handover.Place {
	t.Helper()
	place, err := handover.At(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = place.Close() })
	return place
}

// TestPlaceIsOneProcesss: who has claimed it keeps it, and is found once it listens, through a socket that nobody else can open; after it another has it,
// whatever it has left there.
func TestPlaceIsOneProcesss(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	first, second := at(t, path), at(t, path)
	if mine, err := first.Claim(); !mine || err != nil {
		t.Fatal(mine, err)
	}
	if mine, err := second.Claim(); mine || err != nil {
		t.Fatal(mine, err)
	}
	if _, err := second.Dial(t.Context()); !errors.Is(err, handover.ErrNobody) {
		t.Errorf("nobody listens: %v", err)
	}
	listener, err := first.Listen()
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	conn, err := handover.Meet(t.Context(), second)
	if err != nil || conn == nil {
		t.Fatal(conn, err)
	}
	_ = conn.Close()
	_ = listener.Close() // as at its death: the socket is left
	if _, err := second.Dial(t.Context()); !errors.Is(err, handover.ErrNobody) {
		t.Errorf("nobody listens any more: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Errorf("a place of which the listener is closed: %v", err)
	}
	if conn, err := handover.Meet(t.Context(), second); conn != nil || err != nil {
		t.Fatal(conn, err)
	}
	if _, err := second.Listen(); err != nil {
		t.Error(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 || left[0].Name() != "s.lock" {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

// TestPlaceThatIsNotSafe is refused: others may listen there, or read.
func TestPlaceThatIsNotSafe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	first, second := at(t, path), at(t, path)
	_, _ = first.Claim()
	if _, err := first.Listen(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Dial(t.Context()); err == nil || !strings.Contains(err.Error(), "this user alone") {
		t.Errorf("others may open it: %v", err)
	}
	if err := errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Dial(t.Context()); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("it is a file: %v", err)
	}
	if _, err := handover.At(strings.Repeat("x", 200)); err == nil || !strings.Contains(err.Error(), "shorter") {
		t.Errorf("a path that no socket may have: %v", err)
	}
	nowhere := at(t, filepath.Join(t.TempDir(), "none", "s"))
	if _, err := nowhere.Claim(); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("its folder is not there: %v", err)
	}
}
