// Package filestore keeps sessions, and the Identifies that were spent, in one file, so that a bot which starts again resumes
// its sessions. It is a session.Store, a session.Notebook and a ratelimit.Ledger, made for shardmanager.WithSessionStore:
//
//	store, err := filestore.Open("bot.db")
//	…
//	defer store.Close()
//	m, err := shardmanager.New(token, shardmanager.WithSessionStore(store))
//
// Several processes of one machine may open the file at the same time. With one token they share the limits of Identifies: no two
// of them identify under one key within 5 s. Each shard has one owner: see session.Store on fences. Beside the file stand
// file.lock, and for moments file.new: give the store a folder that it can write to, on a local disk. On systems without flock
// (Windows, for one) a second Open gives ErrBusy.
//
// A process that is killed at any instant loses nothing that was saved. When the power fails, at most the last saves are lost,
// see WithoutSync.
//
// A file that is damaged, before Open or while it is open, is moved to file.corrupt and another one is begun. At Open that loses all sessions, the note, and
// the ledger: then every key counts as just used, and of the budget Discord's word alone is known. While the file is open nothing is lost, since
// the process knows what was in it. Either way a warning says so, see WithLogger. A file of boltstore is read, and replaced.
//
// With the token, what is in the file is enough to take over the bot's sessions. Only its owner can read it, and WithKey encrypts it.
package filestore

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Errors of Open, and of all methods.
var (
	// ErrBusy says that another process, or an earlier call of this one, has held the file for some seconds: it hangs, or the disk does. At Open it
	// may also be a process of a version that shares no file.
	ErrBusy = errors.New("filestore: the file is held and not let go: look for another process that hangs or is of an earlier version, or for a disk that hangs")
	// ErrKey says that WithKey was given a key that cannot be used.
	ErrKey = errors.New("filestore: WithKey needs a key of 16 bytes or more that nobody can guess, such as 32 random ones; leave WithKey out to encrypt nothing")
	// ErrOtherKey says that another process has begun the file anew with another key, or without one: give all the same key.
	ErrOtherKey = errors.New("filestore: the file is encrypted with another key than WithKey's, or not at all: give each process that shares it the same key")
	// ErrVersion says that a later version of this package wrote the file. It is left as it is.
	ErrVersion = errors.New("filestore: the file is of a later version: use that version, or another file")
	// ErrClosed says that Close was called.
	ErrClosed = errors.New("filestore: the store is closed")
)

const (
	fileMode   = 0o600
	patience   = 10 * time.Second // with whoever has the file
	checkEvery = time.Minute      // all of the file is read again
)

// Store is an open file. It is safe for concurrent use.
type Store struct {
	path string
	key  key
	log  *zap.Logger
	sync bool

	mu      sync.Mutex // taken by enter
	closed  bool
	lock    lock
	file    *os.File
	info    os.FileInfo // of file
	head    header
	tail          // of what was read and written
	roomy   int64 // how large the file may become before it is written anew
	checked time.Time
	known   contents // all that is in the file, up to end
}

// Option changes one setting of Open.
type Option func(*settings) error

type settings struct {
	key  key
	log  *zap.Logger
	sync bool
}

// WithKey encrypts what is stored, with a key of 16 bytes or more that nobody can guess: 32 random bytes do. A shorter key, or nil, gives
// ErrKey. A file that was written with another key, or without one, is moved to file.otherkey, with a warning, and
// another one is begun. The default is not to encrypt.
func WithKey(secret []byte) Option {
	return func(s *settings) (err error) {
		s.key, err = deriveKey(secret)
		return err
	}
}

// WithLogger sets where warnings go. No secret is logged. The default, and nil, is nowhere.
func WithLogger(log *zap.Logger) Option {
	return func(s *settings) error {
		if log != nil {
			s.log = log
		}
		return nil
	}
}

// WithoutSync leaves it to the operating system when data reaches the disk. By default each save waits for it, some milliseconds, and a
// power failure loses at most the saves of the last moments. Without it, a power failure may damage the file, and so lose all sessions: each
// shard then identifies once. The death of the process loses nothing either way.
func WithoutSync() Option { return func(s *settings) error { s.sync = false; return nil } }

// Open opens the file, or creates it, readable for its owner alone. It creates no folder. It gives ErrKey, ErrVersion, ErrBusy, or an error of
// the file system. A file that is damaged is no error: see the package.
func Open(path string, opts ...Option) (*Store, error) {
	set := settings{log: zap.NewNop(), sync: true}
	for i, opt := range opts {
		if opt == nil {
			return nil, fmt.Errorf("filestore: option %d is nil", i+1)
		}
		if err := opt(&set); err != nil {
			return nil, err
		}
	}
	path, err := target(path)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, key: set.key, log: set.log, sync: set.sync, lock: lock{path: path + ".lock"}}
	if err := s.lock.take(context.Background(), time.Now().Add(patience)); err != nil {
		return nil, err
	}
	defer s.lock.release()
	if err := s.begin(); err != nil {
		return nil, errors.Join(err, s.drop())
	}
	return s, nil
}

// target is where the file is, or will be: a symbolic link stays one.
func target(path string) (string, error) {
	if path == "" {
		return "", errors.New("filestore: Open needs the path of a file, such as bot.db")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("filestore: %w", err)
	}
	if path, err = followed(path); err != nil {
		return "", fmt.Errorf("filestore: %w", err)
	}
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return "", fmt.Errorf("filestore: %s is a folder: name a file in it", path)
	case err == nil && !info.Mode().IsRegular():
		return "", fmt.Errorf("filestore: %s is no regular file", path)
	}
	switch info, err := os.Stat(filepath.Dir(path)); {
	case err != nil:
		return "", fmt.Errorf("filestore: the file's folder: create it first: %w", err)
	case !info.IsDir():
		return "", fmt.Errorf("filestore: %s is no folder", filepath.Dir(path))
	}
	return path, nil
}

// followed is the path without symbolic links. The last of them may point to where no file is yet: that is where it will be.
func followed(path string) (string, error) {
	for range 40 { // as many as Linux follows
		real, err := filepath.EvalSymlinks(path)
		if !errors.Is(err, fs.ErrNotExist) {
			return real, err
		}
		to, err := os.Readlink(path)
		if err != nil { // it is no link: there is no file, or no folder
			return path, nil
		}
		if !filepath.IsAbs(to) {
			folder, err := filepath.EvalSymlinks(filepath.Dir(path))
			if err != nil {
				return "", err
			}
			to = filepath.Join(folder, to)
		}
		path = to
	}
	return "", errors.New("too many symbolic links")
}

// Close closes the file. Everything that was saved is in it. A second Close does nothing.
func (s *Store) Close() error {
	leave, err := s.enter(context.Background())
	switch {
	case errors.Is(err, ErrClosed):
		return nil
	case err == nil:
		err = s.check() // so that what the next process finds is whole
		leave()
	}
	if !s.claim(context.Background(), time.Now().Add(patience/10)) {
		return errors.Join(err, ErrBusy)
	}
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return errors.Join(err, s.drop())
}

// drop closes what is open.
func (s *Store) drop() error {
	err := s.lock.close()
	if s.file != nil {
		err = errors.Join(err, letGo(s.file))
	}
	return err
}

// Format prints no secret, whatever the verb.
func (s *Store) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "{filestore %s}", s.path) }

// enter waits for its turn, in this process and among all, and takes in what others have written since. leave ends it.
func (s *Store) enter(ctx context.Context) (leave func(), err error) {
	until := time.Now().Add(patience)
	if !s.claim(ctx, until) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return nil, ErrBusy
	}
	defer func() {
		if err != nil {
			s.mu.Unlock()
		}
	}()
	if s.closed {
		return nil, ErrClosed
	}
	if err := s.lock.take(ctx, until); err != nil {
		return nil, err
	}
	if err := s.follow(); err != nil {
		s.lock.release()
		return nil, err
	}
	return func() { s.lock.release(); s.mu.Unlock() }, nil
}

// claim locks the mutex. One that holds it may hang in a system call, on a disk that does.
func (s *Store) claim(ctx context.Context, until time.Time) bool {
	return wait(ctx, until, s.mu.TryLock)
}

// wait asks again and again until it is true, and reports whether it came to be.
func wait(ctx context.Context, until time.Time, ready func() bool) bool {
	for pause := 50 * time.Microsecond; ctx.Err() == nil; pause = min(2*pause, 10*time.Millisecond) {
		if ready() {
			return true
		}
		if !time.Now().Before(until) {
			return false
		}
		time.Sleep(pause)
	}
	return false
}

type key struct {
	seal cipher.AEAD // nil: nothing is encrypted
	old  cipher.AEAD // the same, as boltstore had it
	name [16]byte    // tells keys apart, and says nothing of them
}
