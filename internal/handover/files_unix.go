//go:build unix

package handover

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gofrs/flock"
)

// files are a socket and, beside it, a lock, which ends with its process.
type files struct {
	path     string
	lock     *flock.Flock
	listener net.Listener
}

// mostPath is how long a path of a socket may be where it may be shortest, less what Listen adds to it.
const mostPath = 103 - len("/.0123456789/s")

// At is the place at a path.
func At(path string) (Place, error) {
	path, err := filepath.Abs(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("handover: %w", err)
	case len(path) > mostPath:
		return nil, fmt.Errorf("handover: the path of a socket may have %d bytes, and this has %d: choose a shorter one", mostPath, len(path))
	}
	return &files{path: path, lock: flock.New(path+".lock", flock.SetPermissions(0o600))}, nil
}

func (f *files) Claim() (bool, error) {
	mine, err := f.lock.TryLock()
	if err != nil {
		return false, fmt.Errorf("handover: the lock beside the socket: its folder must allow to write, on a local disk: %w", err)
	}
	return mine, nil
}

// Listen makes the socket where nobody else can reach it until its mode is right.
func (f *files) Listen() (net.Listener, error) {
	folder, err := os.MkdirTemp(filepath.Dir(f.path), ".*")
	if err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	defer os.RemoveAll(folder)
	hidden := filepath.Join(folder, "s")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: hidden, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	listener.SetUnlinkOnClose(false)
	if err = os.Chmod(hidden, 0o600); err == nil {
		err = os.Rename(hidden, f.path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("handover: %w", err), listener.Close())
	}
	f.listener = listener
	return listener, nil
}

func (f *files) Dial(ctx context.Context) (net.Conn, error) {
	info, err := os.Lstat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNobody
	case err != nil:
		return nil, fmt.Errorf("handover: %w", err)
	}
	if of, ok := info.Sys().(*syscall.Stat_t); info.Mode().Type() != fs.ModeSocket || info.Mode().Perm()&0o077 != 0 || !ok || int(of.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("handover: %s is not a socket of this user alone, but %v: remove it, or choose another path", f.path, info.Mode())
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", f.path)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNobody
	}
	return conn, err
}

// Close gives the place up, if it is this process's.
func (f *files) Close() error {
	var errs []error
	if f.listener != nil {
		if err := f.listener.Close(); !errors.Is(err, net.ErrClosed) { // or whoever accepts has closed it
			errs = append(errs, err)
		}
		errs = append(errs, os.Remove(f.path))
	}
	return errors.Join(append(errs, f.lock.Close())...)
}
