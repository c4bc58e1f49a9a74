//go:build linux || darwin

package filestore_test

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/session/filestore"
)

// hold holds the lock beside a file, as a process does that hangs.
func hold(t *testing.T, path string) (free func()) {
	t.Helper()
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	must(t, err, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
	return func() { must(t, lock.Close()) }
}

// TestProcessThatHangsHoldsNobody: each call ends with its context, or after some seconds, and all goes on when the lock is free.
func TestProcessThatHangsHoldsNobody(t *testing.T) {
	t.Parallel()
	path := saved(t)
	synctest.Test(t, func(t *testing.T) {
		s, err := filestore.Open(path)
		must(t, err)
		free := hold(t, path)
		began := time.Now()
		if _, err := filestore.Open(path); !errors.Is(err, filestore.ErrBusy) {
			t.Errorf("Open: %v", err)
		}
		if err := s.Save(t.Context(), sample); !errors.Is(err, filestore.ErrBusy) {
			t.Errorf("Save: %v", err)
		}
		if took := time.Since(began); took < 20*time.Second || took > 21*time.Second {
			t.Errorf("both took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if _, err := s.Load(ctx, id); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 1100*time.Millisecond {
			t.Errorf("Load: %v after %v", err, time.Since(began))
		}
		free()
		if got, err := s.Load(t.Context(), id); err != nil || got != sample {
			t.Errorf("%v, %v", got, err)
		}
		free = hold(t, path)
		began = time.Now()
		if err := s.Close(); !errors.Is(err, filestore.ErrBusy) || time.Since(began) > 12*time.Second {
			t.Errorf("Close: %v after %v", err, time.Since(began))
		}
		free()
		if _, err := s.Load(t.Context(), id); !errors.Is(err, filestore.ErrClosed) {
			t.Errorf("Load after Close: %v", err)
		}
	})
	if got, err := open(t, path).Load(t.Context(), id); err != nil || got != sample {
		t.Errorf("%v, %v", got, err)
	}
}

// TestFileThatAnotherProgramHasLocked is left to it.
func TestFileThatAnotherProgramHasLocked(t *testing.T) {
	t.Parallel()
	path := saved(t)
	held, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err, syscall.Flock(int(held.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
	before, err := os.ReadFile(path)
	must(t, err)
	if _, err := filestore.Open(path); !errors.Is(err, filestore.ErrBusy) {
		t.Errorf("%v", err)
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != string(before) {
		t.Errorf("it was changed: %v", err)
	}
	must(t, held.Close())
	holds(t, open(t, path))
}

// TestTwoKeysDoNotFight: the later process has the file, and the earlier one learns that.
func TestTwoKeysDoNotFight(t *testing.T) {
	t.Parallel()
	path := saved(t, filestore.WithKey(secret))
	first := open(t, path, filestore.WithKey(secret))
	second := open(t, path, filestore.WithKey([]byte("another key of many bytes")))
	for range 3 {
		must(t, second.Save(t.Context(), sample))
		if err := first.Save(t.Context(), sample); !errors.Is(err, filestore.ErrOtherKey) {
			t.Errorf("Save: %v", err)
		}
	}
	if got, err := second.Load(t.Context(), id); err != nil || got != sample {
		t.Errorf("%v, %v", got, err)
	}
}
