package filestore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/session/filestore"
)

// TestFullDiskAtOpen: what is in the file is used all the same, with a warning, and several processes may have it; where there is no file, Open says what to do.
func TestFullDiskAtOpen(t *testing.T) {
	t.Parallel()
	path := saved(t)
	must(t, os.Symlink("/dev/full", path+".new"))
	s, logs := watched(t, path)
	if got, err := s.Load(t.Context(), id); err != nil || got != sample {
		t.Errorf("%v, %v", got, err)
	}
	if logs.FilterMessageSnippet("the disk is full").Len() != 1 {
		t.Errorf("%v", logs.All())
	}
	later := sample
	later.Seq++
	must(t, s.Save(t.Context(), later)) // there is room again
	other, err := filestore.Open(path)
	must(t, err)
	if got, err := other.Load(t.Context(), id); err != nil || got != later {
		t.Errorf("%v, %v", got, err)
	}
	must(t, other.Close(), s.Close())

	path = filepath.Join(t.TempDir(), "bot.db")
	must(t, os.Symlink("/dev/full", path+".new"))
	if _, err := filestore.Open(path); err == nil || !strings.Contains(err.Error(), "make room on the disk") || strings.Contains(err.Error(), "\n") {
		t.Errorf("Open: %v", err)
	}
}
