package filestore_test

import (
	"os"
	"strings"
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

// TestDamageThatCannotBeMendedIsSaid by what finds it, and is mended when it can be.
func TestDamageThatCannotBeMendedIsSaid(t *testing.T) {
	t.Parallel()
	path := file(t)
	s := open(t, path)
	must(t, s.Save(t.Context(), snapshots(1)...))
	content, err := os.ReadFile(path)
	must(t, err)
	content[3000]++
	overwrite(t, path, content)
	must(t, os.MkdirAll(path+".corrupt/x", 0o700))
	filestore.PassAMinute(s)
	for range 2 {
		if err := s.Save(t.Context(), sample); err == nil || !strings.Contains(err.Error(), "cannot be set aside either") {
			t.Errorf("Save: %v", err)
		}
	}
	must(t, os.RemoveAll(path+".corrupt"), s.Save(t.Context(), sample), s.Close())
	s = open(t, path)
	for _, want := range append(snapshots(1), sample) {
		if got, err := s.Load(t.Context(), want.Shard); err != nil || got != want {
			t.Errorf("%v, %v", got, err)
		}
	}
}
