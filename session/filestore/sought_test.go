package filestore_test

import (
	"os"
	"testing"

	"github.com/signalbox-go/signalbox/session/filestore"
)

// TestDamageIsSoughtEachMinute: what is damaged in a part of the file that nobody reads is noticed within a minute, and at Close.
func TestDamageIsSoughtEachMinute(t *testing.T) {
	t.Parallel()
	path := file(t)
	s, logs := watched(t, path)
	must(t, s.Save(t.Context(), snapshots(1)...))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt([]byte("XXXXXXXX"), 3000)
	must(t, err, f.Close())
	must(t, s.Save(t.Context(), sample))
	if logs.Len() != 0 {
		t.Fatalf("it is looked at each time: %v", logs.All())
	}
	filestore.PassAMinute(s)
	must(t, s.Save(t.Context(), sample))
	if logs.Len() != 1 {
		t.Fatalf("warnings: %v", logs.All())
	}
	if got, err := s.Load(t.Context(), id); err != nil || got != sample {
		t.Errorf("%v, %v", got, err)
	}
}
