// Package boltstore keeps sessions, and the Identifies that were spent, in one file, so that a bot
// which starts again resumes its sessions. It is a session.Store and a ratelimit.Ledger, made for
// shardmanager.WithSessionStore:
//
//	store, err := boltstore.Open("bot.db")
//	…
//	defer store.Close()
//	m, err := shardmanager.New(token, shardmanager.WithSessionStore(store))
//
// With the token, what is in the file is enough to take over the bot's sessions: only its owner can
// read it, and WithKey encrypts it. Whatever cannot be trusted, because it is damaged, was altered
// or comes from another version, counts as not there, with a warning.
package boltstore

import (
	"context"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// ErrLocked is what Open returns while another process has the file.
var ErrLocked = errors.New("boltstore: another process uses this file: two bots with one token would take each other's sessions; stop the other, or give each its own file")

const (
	lockTimeout = time.Second
	fileMode    = 0o600
)

var (
	bucketSessions = []byte("sessions")
	bucketLedger   = []byte("ledger")
	keyLedger      = []byte("identifies")
)

// Store is an open file. It is safe for concurrent use.
type Store struct {
	db   *bbolt.DB
	seal cipher.AEAD // nil: records are not encrypted
	log  *zap.Logger
}

// Option changes one setting of Open.
type Option func(*settings)

type settings struct {
	key []byte
	log *zap.Logger
}

// WithKey encrypts what is stored, with a key of any length that nobody can guess: 32 random bytes
// do. What was stored with another key, or without one, counts as not there. The default is not to
// encrypt.
func WithKey(key []byte) Option { return func(s *settings) { s.key = key } }

// WithLogger sets where warnings go. The default is nowhere. No secret is logged.
func WithLogger(log *zap.Logger) Option { return func(s *settings) { s.log = log } }

// Open opens the file, or creates it, readable for its owner alone. A file that is damaged is moved
// aside, to path.corrupt, and a new one is begun. The error is ErrLocked after a second, if another
// process has the file.
func Open(path string, opts ...Option) (*Store, error) {
	set := settings{log: zap.NewNop()}
	for _, opt := range opts {
		opt(&set)
	}
	seal, err := sealer(set.key)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&^fileMode != 0 {
		set.log.Warn("session file could be read by others: its mode is changed", zap.String("mode", info.Mode().Perm().String()))
		if err := os.Chmod(path, fileMode); err != nil {
			return nil, fmt.Errorf("boltstore: others can read the file, and that cannot be changed: %w", err)
		}
	}
	db, err := open(path)
	var damage *damageError
	if errors.As(err, &damage) {
		aside := path + ".corrupt"
		set.log.Warn("session file is damaged: it is moved aside, and sessions begin anew", zap.String("to", aside), zap.Error(err))
		if err := os.Rename(path, aside); err != nil {
			return nil, fmt.Errorf("boltstore: a damaged file cannot be moved aside: %w", err)
		}
		db, err = open(path)
	}
	if err != nil {
		return nil, err
	}
	return &Store{db: db, seal: seal, log: set.log}, nil
}

// damageError says that a file is there and cannot be used.
type damageError struct{ err error }

func (e *damageError) Error() string { return "boltstore: damaged file: " + e.err.Error() }
func (e *damageError) Unwrap() error { return e.err }

// open opens the file and looks through all of it: a damaged page could end the process later.
func open(path string) (db *bbolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // pages are memory, which a short file does not back
	defer func() {
		if value := recover(); value != nil {
			if db != nil {
				_ = db.Close() // it is given up
			}
			db, err = nil, &damageError{fmt.Errorf("%v", value)}
		}
	}()
	db, err = bbolt.Open(path, fileMode, &bbolt.Options{Timeout: lockTimeout, FreelistType: bbolt.FreelistMapType})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, ErrLocked
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return nil, &damageError{err}
	case err != nil && damaged(path):
		return nil, &damageError{err}
	case err != nil:
		return nil, fmt.Errorf("boltstore: %w", err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		if err := walk(tx); err != nil {
			return err
		}
		for _, name := range [][]byte{bucketSessions, bucketLedger} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// walk reads every record. (The database's own check does more, but on a goroutine of its own,
// where a panic cannot be caught.)
func walk(tx *bbolt.Tx) error {
	return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
		return b.ForEach(func(key, record []byte) error {
			if len(key) == 0 || len(record) == 0 {
				return &damageError{errors.New("an empty record")}
			}
			return nil
		})
	})
}

// damaged tells a file that is too short to be a database from one that cannot be opened.
func damaged(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() > 0 && info.Size() < 4*int64(os.Getpagesize())
}

// Close closes the file. Everything that was saved is in it.
func (s *Store) Close() error { return s.db.Close() }

// Format prints no secret, whatever the verb.
func (s *Store) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "{boltstore %s}", s.db.Path()) }

// guard turns a panic of the database, which means that the file was damaged while it was open,
// into an error.
func guard(err *error) {
	if value := recover(); value != nil {
		*err = &damageError{fmt.Errorf("%v", value)}
	}
}

// LoadLedger implements ratelimit.Ledger.
func (s *Store) LoadLedger(ctx context.Context) (state ratelimit.LedgerState, err error) {
	found, err := s.get(ctx, bucketLedger, keyLedger, &state)
	if !found {
		return ratelimit.LedgerState{}, err // a part of it may have been read
	}
	return state, err
}

// SaveLedger implements ratelimit.Ledger.
func (s *Store) SaveLedger(ctx context.Context, state ratelimit.LedgerState) (err error) {
	defer guard(&err)
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.db.Update(func(tx *bbolt.Tx) error { return s.put(tx, bucketLedger, keyLedger, state) })
}

// get reads a record into v. One that cannot be trusted is not there.
func (s *Store) get(ctx context.Context, bucket, key []byte, v any) (found bool, err error) {
	defer guard(&err)
	if err := ctx.Err(); err != nil {
		return false, err
	}
	var record []byte
	err = s.db.View(func(tx *bbolt.Tx) error {
		record = append(record, tx.Bucket(bucket).Get(key)...) // the database's memory ends with tx
		return nil
	})
	if err != nil || len(record) == 0 {
		return false, err
	}
	body, err := s.unwrap(bucket, key, record)
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		s.log.Warn("a stored record is discarded", zap.String("record", string(bucket)+" "+string(key)), zap.Error(err))
		return false, nil
	}
	return true, nil
}

func (s *Store) put(tx *bbolt.Tx, bucket, key []byte, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Bucket(bucket).Put(key, s.wrap(bucket, key, body))
}
