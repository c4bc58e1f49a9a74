package filestore_test

import (
	"fmt"
	"os"
	"os/exec"
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

// TestLargeBatchThatEndsHalfway counts not at all, for whoever has the file open and for another. Here the file may not become large enough.
func TestLargeBatchThatEndsHalfway(t *testing.T) {
	t.Parallel()
	path := file(t)
	s, logs := watched(t, path, filestore.WithoutSync())
	must(t, s.Save(t.Context(), largeBatch(1)...))
	info, err := os.Stat(path)
	must(t, err)
	for _, more := range []int64{100, 1_500_000, 3_500_000} {
		cmd := exec.Command("sh", "-c", fmt.Sprintf("ulimit -f %d; exec %s", (info.Size()+more)/512, os.Args[0]))
		cmd.Env = append(os.Environ(), envRole+"=batch", envPath+"="+path, envArg+"=unsynced")
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Fatalf("it is saved: %s", out)
		}
		if now, err := os.Stat(path); err != nil || now.Size() < info.Size()+more-512 {
			t.Fatalf("%d bytes, after %d, %v", now.Size(), info.Size(), err)
		}
		other, more := watched(t, path)
		for who, each := range map[string]*filestore.Store{"whoever has it open": s, "another": other} {
			for _, want := range largeBatch(1) {
				if got, err := each.Load(t.Context(), want.Shard); err != nil || got != want {
					t.Fatalf("%s finds %v at %d, %v", who, got.Shard, got.Seq, err)
				}
			}
		}
		if must(t, other.Close()); logs.Len()+more.Len() != 0 {
			t.Errorf("warnings: %v, %v", logs.All(), more.All())
		}
	}
}

// TestNoteThatEndsHalfway is not there: the one before it is, and all else. Here the file may not become large enough.
func TestNoteThatEndsHalfway(t *testing.T) {
	t.Parallel()
	path := noted(t, "a note")
	s, logs := watched(t, path)
	info, err := os.Stat(path)
	must(t, err)
	for _, more := range []int64{1024, 1 << 20} {
		cmd := exec.Command("sh", "-c", fmt.Sprintf("ulimit -f %d; exec %s", (info.Size()+more)/512, os.Args[0]))
		cmd.Env = append(os.Environ(), envRole+"=note", envPath+"="+path, envArg+"=unsynced")
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Fatalf("it is saved: %s", out)
		}
		if now, err := os.Stat(path); err != nil || now.Size() < info.Size()+more-512 {
			t.Fatalf("%d bytes, after %d, %v", now.Size(), info.Size(), err)
		}
		other, more := watched(t, path)
		for who, each := range map[string]*filestore.Store{"whoever has it open": s, "another": other} {
			has(t, who, each, "a note")
			holds(t, each)
		}
		if must(t, other.Close()); logs.Len()+more.Len() != 0 {
			t.Errorf("warnings: %v, %v", logs.All(), more.All())
		}
	}
	note(t, s, "another")
	has(t, "when there is room", s, "another")
}

// running puts a program that runs in a file's place, which nobody may write to, not even root. It returns what undoes that.
func running(t *testing.T, path string) (undo func()) {
	t.Helper()
	sleep, err := exec.LookPath("sleep")
	must(t, err)
	program, err := os.ReadFile(sleep)
	must(t, err, os.Rename(path, path+".aside"), os.WriteFile(path, program, 0o700))
	runs := exec.CommandContext(t.Context(), path, "60")
	runs.Args[0] = "sleep"
	must(t, runs.Start())
	return func() {
		must(t, runs.Process.Kill())
		_ = runs.Wait() // it was killed
		must(t, os.Rename(path+".aside", path))
	}
}
