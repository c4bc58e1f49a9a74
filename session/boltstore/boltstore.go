// Package boltstore is the former name of package filestore. Open reads a file that boltstore wrote, and writes it anew as filestore does.
//
// Deprecated: use filestore.
package boltstore

import (
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/session/filestore"
)

// Store is a [filestore.Store].
type Store = filestore.Store

// Option is a [filestore.Option].
type Option = filestore.Option

// ErrLocked is filestore.ErrBusy. Another process that has the file open is no reason for it any more.
var ErrLocked = filestore.ErrBusy

// WithKey is filestore.WithKey.
func WithKey(key []byte) Option { return filestore.WithKey(key) }

// WithLogger is filestore.WithLogger.
func WithLogger(log *zap.Logger) Option { return filestore.WithLogger(log) }

// Open is filestore.Open.
//
// Deprecated: use filestore.Open, with the same path and options.
func Open(path string, opts ...Option) (*Store, error) { return filestore.Open(path, opts...) }
