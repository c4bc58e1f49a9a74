//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package filestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lock is held for moments, by one Store at a time of all processes. It is a file of its own, since the store's file is replaced.
type lock struct {
	path string
	file *os.File
}

// take waits until nobody else has the lock. What a process held that died is free.
func (l *lock) take(ctx context.Context, until time.Time) (err error) {
	taken := wait(ctx, until, func() bool {
		if l.file == nil {
			if l.file, err = os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, fileMode); err != nil {
				err = fmt.Errorf("filestore: the lock beside the file: its folder must allow to write: %w", err)
				return true
			}
		}
		var got bool
		if got, err = try(l.file, syscall.LOCK_EX); err != nil || !got {
			return err != nil
		}
		mine, errMine := l.file.Stat()
		theirs, errTheirs := os.Stat(l.path)
		if errMine == nil && errTheirs == nil && os.SameFile(mine, theirs) {
			return true
		}
		_ = l.file.Close() // it was deleted, or replaced: others would lock another one
		l.file = nil
		return false
	})
	switch {
	case taken:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return ErrBusy
}

func (l *lock) release() { _, _ = try(l.file, syscall.LOCK_UN) } // who cannot unlock loses it with the process

func (l *lock) close() error {
	if l.file == nil {
		return nil
	}
	return letGo(l.file)
}

// alone reports whether no other Store has the file open: each holds a shared lock on it. boltstore held an exclusive one.
func alone(file *os.File) (bool, error) { return try(file, syscall.LOCK_EX) }

// share says that the file is open. It does not wait: alone is asked under the lock, as this is.
func share(file *os.File) error {
	if got, err := try(file, syscall.LOCK_SH); err != nil || got {
		return err
	}
	return ErrBusy
}

// letGo closes a file, and unlocks it first: a process that is being started right now has it open as well, and would hold the lock a moment longer.
func letGo(file *os.File) error {
	_, _ = try(file, syscall.LOCK_UN) // what cannot be unlocked was not locked either
	return file.Close()
}

func try(file *os.File, how int) (bool, error) {
	for {
		err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("filestore: the file system cannot lock files: use a local disk: %w", err)
		default:
			return true, nil
		}
	}
}

// noRoom reports whether something could not be written since the disk, or what may be taken of it, is full.
func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err == nil {
		err = errors.Join(folder.Sync(), folder.Close())
	}
	if err != nil {
		return fmt.Errorf("filestore: the file's folder: %w", err)
	}
	return nil
}
