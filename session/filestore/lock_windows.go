package filestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lock is held by one Store at a time, until it is closed: no file can be replaced here that another process has open.
type lock struct {
	path   string
	handle syscall.Handle
	held   bool
}

const (
	sharingViolation = syscall.Errno(32)
	diskFull         = syscall.Errno(112)
)

func noRoom(err error) bool { return errors.Is(err, diskFull) }

func (l *lock) take(ctx context.Context, until time.Time) (err error) {
	if l.held {
		return nil
	}
	name, err := syscall.UTF16PtrFromString(l.path)
	if err != nil {
		return fmt.Errorf("filestore: %w", err)
	}
	taken := wait(ctx, until, func() bool {
		l.handle, err = syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
		return !errors.Is(err, sharingViolation)
	})
	switch {
	case taken && err == nil:
		l.held = true
		return nil
	case taken:
		return fmt.Errorf("filestore: the lock beside the file: its folder must allow to write: %w", err)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return ErrBusy
}

func (l *lock) release() {}

func (l *lock) close() error {
	if !l.held {
		return nil
	}
	l.held = false
	return syscall.CloseHandle(l.handle)
}

func alone(*os.File) (bool, error) { return true, nil }
func share(*os.File) error         { return nil }
func letGo(file *os.File) error    { return file.Close() }
func syncFolder(string) error      { return nil } // a folder cannot be synced here
