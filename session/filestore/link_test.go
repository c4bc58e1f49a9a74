package filestore_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/signalbox-go/signalbox/session/filestore"
)

// TestLinkToWhereNoFileIsYetStaysALink: the first file is begun where the link points to, such as on a volume, and not in its place.
func TestLinkToWhereNoFileIsYetStaysALink(t *testing.T) {
	t.Parallel()
	volume, folder := t.TempDir(), t.TempDir()
	must(t, os.Symlink(volume, filepath.Join(folder, "volume")), os.Symlink(filepath.Join("volume", "bot.db"), filepath.Join(folder, "relative.db")),
		os.Symlink("relative.db", filepath.Join(folder, "twice.db")), os.Symlink(filepath.Join(volume, "bot.db"), filepath.Join(folder, "absolute.db")))
	for _, name := range []string{"relative.db", "twice.db", "absolute.db"} {
		s := open(t, filepath.Join(folder, name))
		must(t, s.Save(t.Context(), sample), s.SaveLedger(t.Context(), spent), s.Close())
		if info, err := os.Lstat(filepath.Join(folder, name)); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		holds(t, open(t, filepath.Join(volume, "bot.db")))
		must(t, os.Remove(filepath.Join(volume, "bot.db")))
	}
	must(t, os.Symlink("round.db", filepath.Join(folder, "round.db")), os.Symlink(filepath.Join("no", "bot.db"), filepath.Join(folder, "nowhere.db")))
	for _, name := range []string{"round.db", "nowhere.db"} {
		if _, err := filestore.Open(filepath.Join(folder, name)); err == nil {
			t.Errorf("%s was opened", name)
		}
	}
}
