//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package filestore

import (
	"context"
	"os"
	"time"
)

// lock is none: this system has no lock that ends with its process. Nothing notices a second process that has the file.
type lock struct{ path string }

func (l *lock) take(context.Context, time.Time) error { return nil }
func (l *lock) release()                              {}
func (l *lock) close() error                          { return nil }

func alone(*os.File) (bool, error) { return true, nil }
func share(*os.File) error         { return nil }
func letGo(file *os.File) error    { return file.Close() }
func syncFolder(string) error      { return nil }
func noRoom(error) bool            { return false }
