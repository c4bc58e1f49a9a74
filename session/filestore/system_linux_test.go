package filestore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/signalbox-go/signalbox/session/filestore"
)

// opened counts the files in a folder that this process has open.
func opened(t *testing.T, folder string) (count int) {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	for _, each := range all {
		if to, err := os.Readlink("/proc/self/fd/" + each.Name()); err == nil && strings.HasPrefix(to, folder+"/") {
			count++
		}
	}
	return count
}

// blocked makes a name one that nothing can be written to or renamed to, and returns what undoes that.
func blocked(t *testing.T, path string) (free func()) {
	t.Helper()
	must(t, os.Mkdir(path, 0o700), os.WriteFile(filepath.Join(path, "x"), nil, 0o600))
	return func() { must(t, os.RemoveAll(path)) }
}

// TestOpenThatFailsChangesNothing: it says why, leaves the file as it is, and has nothing open; and works when the cause is gone. It is alone: a process that another test
// begins has a copy of the lock for a moment.
func TestOpenThatFailsChangesNothing(t *testing.T) {
	sealed := []filestore.Option{filestore.WithKey(secret)}
	for name, c := range map[string]struct {
		harm func(path string) (undo func())
		opts []filestore.Option
		want string
		lost bool // when it works
	}{
		"it cannot be written anew": {func(path string) func() { return blocked(t, path+".new") }, nil, "cannot be written anew: its folder must allow that", false},
		"nobody may write to it":    {func(path string) func() { return running(t, path) }, nil, "cannot be opened for writing: open ", false},
		"a damaged one cannot be set aside": {func(path string) func() {
			must(t, os.WriteFile(path, []byte("damaged"), 0o600))
			return blocked(t, path+".corrupt")
		}, nil, "cannot be set aside either", true},
		"one of another key cannot be set aside": {func(path string) func() { return blocked(t, path+".otherkey") }, sealed, "cannot be set aside either", true},
		"boltstore's cannot be written anew": {func(path string) func() {
			must(t, os.Rename(oldFile(t, nil, spent, sample), path))
			return blocked(t, path+".new")
		}, nil, "cannot be written anew: its folder must allow that", false},
		"boltstore's cannot be set aside": {func(path string) func() {
			must(t, os.Rename(oldFile(t, nil, spent, sample), path))
			return blocked(t, path+".corrupt")
		}, sealed, "cannot be set aside either", true},
		"there is no lock": {func(path string) func() {
			must(t, os.Remove(path+".lock"))
			return blocked(t, path+".lock")
		}, nil, "its folder must allow to write", false},
		"there is a version to come": {func(path string) func() {
			content, err := os.ReadFile(path)
			must(t, err, os.WriteFile(path, filestore.OfVersion(content, 2), 0o600))
			return func() { must(t, os.WriteFile(path, content, 0o600)) }
		}, nil, "of a later version", false},
	} {
		path := saved(t)
		undo := c.harm(path)
		before, err := os.ReadFile(path)
		must(t, err)
		for range 2 {
			if _, err := filestore.Open(path, c.opts...); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != string(before) {
			t.Errorf("%s: the file is changed, %v", name, err)
		}
		if count := opened(t, filepath.Dir(path)); count != 0 {
			t.Errorf("%s: %d files are open", name, count)
		}
		undo()
		s := open(t, path, c.opts...)
		if c.lost {
			lost(t, s)
		} else {
			holds(t, s)
		}
		if must(t, s.Close()); opened(t, filepath.Dir(path)) != 0 {
			t.Errorf("%s: %d files are open after Close", name, opened(t, filepath.Dir(path)))
		}
	}
}

// TestFileThatCannotBeReachedForAWhile: each call says why, and when the cause is gone all is there that was.
func TestFileThatCannotBeReachedForAWhile(t *testing.T) {
	t.Parallel()
	aside := func(path string) func() {
		must(t, os.Rename(path, path+".aside"))
		return func() { must(t, os.Remove(path), os.Rename(path+".aside", path)) }
	}
	for name, c := range map[string]struct {
		harm func(path string) (undo func())
		want string
	}{
		"a folder is in its place": {func(path string) func() {
			undo := aside(path)
			must(t, os.Mkdir(path, 0o700))
			return undo
		}, "is no regular file any more"},
		"a link to itself is in its place": {func(path string) func() {
			undo := aside(path)
			must(t, os.Symlink(path, path))
			return undo
		}, "too many levels of symbolic links"},
		"what cannot be read is in its place": {func(path string) func() {
			undo := aside(path)
			must(t, os.Symlink("/proc/self/mem", path))
			return undo
		}, "input/output error"},
		"what cannot be written is in its place": {func(path string) func() {
			undo := aside(path)
			must(t, os.Symlink("/proc/sys/kernel/osrelease", path))
			return undo
		}, "cannot be opened for writing"},
		"a later version's is in its place": {func(path string) func() {
			content, err := os.ReadFile(path)
			must(t, err)
			undo := aside(path)
			must(t, os.WriteFile(path, filestore.OfVersion(content, 2), 0o600))
			return undo
		}, "of a later version"},
		"another key's is in its place": {func(path string) func() {
			undo := aside(path)
			must(t, os.Rename(saved(t, filestore.WithKey(secret)), path))
			return undo
		}, "another key"},
		"the folder is gone": {func(path string) func() {
			folder := filepath.Dir(path)
			must(t, os.Rename(folder, folder+".gone"))
			return func() { must(t, os.Rename(folder+".gone", folder)) }
		}, "its folder must allow to write"},
		"it is gone, and cannot be written anew": {func(path string) func() {
			must(t, os.Remove(path))
			return blocked(t, path+".new")
		}, "cannot be written anew"},
		"it is gone, and what is written anew cannot be opened": {func(path string) func() {
			must(t, os.Remove(path), os.Symlink(path, path+".new")) // which becomes a link to itself
			return func() { must(t, os.Remove(path)) }
		}, "too many levels of symbolic links"},
		"it is damaged, and cannot be set aside": {func(path string) func() {
			overwrite(t, path, []byte("damaged"))
			return blocked(t, path+".corrupt")
		}, "cannot be set aside either"},
	} {
		path := filepath.Join(t.TempDir(), "folder", "bot.db")
		must(t, os.Mkdir(filepath.Dir(path), 0o700), os.Rename(saved(t), path))
		s := open(t, path)
		undo := c.harm(path)
		_, load := s.Load(t.Context(), id)
		_, ledger := s.LoadLedger(t.Context())
		_, totals := s.Totals(t.Context())
		for i, err := range []error{load, ledger, totals, s.Save(t.Context(), sample), s.SaveLedger(t.Context(), spent), s.Delete(t.Context(), id)} {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %d: %v, want %q", name, i, err, c.want)
			}
		}
		undo()
		for _, each := range []*filestore.Store{s, open(t, path)} {
			state, err := each.LoadLedger(t.Context())
			if got, errLoad := each.Load(t.Context(), id); errors.Join(err, errLoad) != nil || got != sample || state.Remaining != 12 {
				t.Errorf("%s: afterwards %v, %v, %+v, %v", name, got, errLoad, state, err)
			}
			must(t, each.Save(t.Context(), sample))
			if count := opened(t, filepath.Dir(path)); each != s && count != 4 {
				t.Errorf("%s: the two of them have %d files open", name, count)
			}
		}
		must(t, s.Close())
	}
}

// TestFileThatCannotBeWrittenAnewGrows: all is saved, and one warning says so each time that it has doubled.
func TestFileThatCannotBeWrittenAnewGrows(t *testing.T) {
	t.Parallel()
	path := file(t)
	s, logs := watched(t, path, filestore.WithoutSync())
	free := blocked(t, path+".new")
	large := sample
	large.Presence = strings.Repeat("p", 200_000)
	size := func() int64 {
		info, err := os.Stat(path)
		must(t, err)
		return info.Size()
	}
	save := func() {
		large.Seq++
		must(t, s.Save(t.Context(), large))
	}
	for range 60 { // 12 MB
		save()
	}
	if got := size(); got < 12_000_000 || logs.Len() != 4 || logs.FilterMessageSnippet("session file grows").Len() != 4 {
		t.Errorf("%d bytes, warnings: %v", got, logs.All())
	}
	if got, err := open(t, path).Load(t.Context(), id); err != nil || got != large {
		t.Errorf("sequence %d, %v", got.Seq, err)
	}
	free()
	for range 60 {
		save()
	}
	if got := size(); got > 6_000_000 || logs.Len() > 5 {
		t.Errorf("then %d bytes, warnings: %v", got, logs.All())
	}
	must(t, s.Close())
	if got, err := open(t, path).Load(t.Context(), id); err != nil || got != large {
		t.Errorf("sequence %d, %v", got.Seq, err)
	}
}

// TestFileOnAFullDiskIsShared from Open on: another process that opens it when there is room takes no permits away.
func TestFileOnAFullDiskIsShared(t *testing.T) {
	t.Parallel()
	path := file(t)
	began := time.Now()
	s := open(t, path)
	must(t, s.SaveLedger(t.Context(), permits()), s.Close(), os.Symlink("/dev/full", path+".new"))
	first := open(t, path)
	second := open(t, path)
	if !out(t, second, began) || !out(t, first, began) {
		t.Error("a permit is taken away")
	}
	if count := opened(t, filepath.Dir(path)); count != 4 {
		t.Errorf("the two of them have %d files open", count)
	}
}

// TestCallThatHangsHoldsNoOther of its process: here the first one hangs in the logger. Each ends with its context, or after some seconds.
func TestCallThatHangsHoldsNoOther(t *testing.T) {
	t.Parallel()
	path := saved(t)
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		log := zap.New(zapcore.NewNopCore()).WithOptions(zap.WrapCore(func(zapcore.Core) zapcore.Core {
			return zapcore.RegisterHooks(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(discard{}), zapcore.WarnLevel),
				func(zapcore.Entry) error { <-free; return nil })
		}))
		s, err := filestore.Open(path, filestore.WithLogger(log))
		must(t, err, os.Remove(path))
		var done error
		go func() { done = s.Save(t.Context(), sample) }()
		synctest.Wait()
		within := func(what string, least time.Duration, want error, call func() error) {
			t.Helper()
			began := time.Now()
			if err, took := call(), time.Since(began); !errors.Is(err, want) || took < least || took > least+100*time.Millisecond {
				t.Errorf("%s: %v after %v, want %v after %v", what, err, took, want, least)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		within("Load", time.Second, context.DeadlineExceeded, func() error { _, err := s.Load(ctx, id); return err })
		within("Save", 10*time.Second, filestore.ErrBusy, func() error { return s.Save(t.Context(), sample) })
		within("Close", 11*time.Second, filestore.ErrBusy, s.Close)
		within("Open", 10*time.Second, filestore.ErrBusy, func() error { _, err := filestore.Open(path); return err })
		close(free)
		synctest.Wait()
		must(t, done)
		if got, err := s.Load(t.Context(), id); err != nil || got != sample {
			t.Errorf("%v, %v", got, err)
		}
		must(t, s.Close())
	})
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
