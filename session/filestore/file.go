package filestore

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"go.uber.org/zap"
)

// view is a file as it was read.
type view struct {
	file *os.File
	info os.FileInfo
	head header
	tail
	known contents
}

// read reads all of the file at the path. What it returns is open, also with an error, unless file is nil.
func (s *Store) read() (v view, err error) {
	if v.file, err = os.OpenFile(s.path, os.O_RDWR, 0); err != nil {
		return v, fmt.Errorf("filestore: the file cannot be opened for writing: %w", err)
	}
	if v.info, err = v.file.Stat(); err != nil {
		return v, fmt.Errorf("filestore: %w", err)
	}
	v.known = newContents()
	first, err := first(v.file)
	if err != nil {
		return v, err
	}
	if v.head, err = decodeHeader(first); err != nil {
		return v, err
	}
	v.head.from = v.head.decodeFrom(first)
	if v.head.key != s.key.name {
		return v, ErrOtherKey
	}
	v.tail, err = s.readFrames(v.file, v.head, first, tail{end: framesAt}, v.info.Size(), &v.known)
	return v, err
}

// first is the part of a file before its frames, or less of it.
func first(file *os.File) ([]byte, error) {
	b := make([]byte, framesAt)
	n, err := file.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("filestore: %w", err)
	}
	return b[:n], nil
}

// readFrames reads on from a place into known, and returns where the frames end. What is behind the mark belongs to a save that
// did not return: it counts as far as it is whole, for all, and the next save marks it with its own.
func (s *Store) readFrames(file *os.File, head header, first []byte, from tail, size int64, known *contents) (last tail, err error) {
	mark, err := head.decodeMark(first[min(markAt, len(first)):])
	if err != nil {
		return from, err
	}
	if mark > size {
		return from, damage("it is cut off")
	}
	if from.end == size {
		return from, nil
	}
	r := frames{from: bufio.NewReaderSize(io.NewSectionReader(file, from.end, size-from.end), 1<<16), head: head, tail: from, left: size - from.end}
	for r.end < size {
		last = r.tail
		payload, err := r.next()
		if err == nil {
			payload, err = head.open(last.end, payload, s.key)
		}
		if err == nil {
			err = known.apply(payload)
		}
		var bad damage
		if last.end >= mark && errors.As(err, &bad) {
			return last, nil
		}
		if err != nil {
			return last, err
		}
	}
	return r.tail, nil
}

// begin opens the file, and begins it if there is none, or none that can be used.
func (s *Store) begin() error {
	if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
		s.known = newContents()
		return s.fresh()
	}
	if err := s.keepPrivate(); err != nil {
		return err
	}
	v, err := s.read()
	if v.file == nil {
		return err
	}
	alone, lockErr := alone(v.file)
	if lockErr != nil {
		return errors.Join(lockErr, v.file.Close())
	}
	if err == nil {
		s.adopt(v)
		if !alone {
			return share(v.file)
		}
		if err := s.known.buryPermits(time.Now()); err != nil {
			return err
		}
		if err := s.rewrite(); !noRoom(err) { // that this can be done shows now, and it keeps the file short
			return err
		}
		return s.full()
	}
	var bad damage
	if errors.As(err, &bad) {
		if old, isBolt := readBolt(v.file, s.key); isBolt {
			if !alone {
				return errors.Join(ErrBusy, v.file.Close()) // a process with the version before
			}
			return errors.Join(letGo(v.file), s.migrate(old))
		}
	}
	if closeErr := letGo(v.file); closeErr != nil {
		return errors.Join(err, closeErr)
	}
	switch {
	case errors.As(err, &bad):
		return s.lose("session file is damaged: it is set aside, and another one is begun", ".corrupt", err, len(v.known.sessions))
	case errors.Is(err, ErrOtherKey):
		return s.lose("session file has another key, or another encryption: it is set aside, and another one is begun", ".otherkey", err, 0)
	}
	return err
}

// full goes on with the file as it stands, on a disk that is full: what is in it is read all the same, and saved to when there is room.
func (s *Store) full() error {
	s.log.Warn("session file cannot be written anew, since the disk is full: what is in it is used, and nothing may be saved until there is room",
		zap.String("file", s.path))
	if err := s.shut(); err != nil {
		return err
	}
	v, err := s.read() // for what was to be written is not there
	if v.file == nil {
		return err
	}
	if err != nil {
		return errors.Join(err, v.file.Close())
	}
	return s.move(v)
}

// keepPrivate sees to it that nobody else can read the file.
func (s *Store) keepPrivate() error {
	info, err := os.Stat(s.path)
	if err != nil || info.Mode().Perm()&^fileMode == 0 {
		return err
	}
	s.log.Warn("session file could be read by others: its mode is changed", zap.String("file", s.path), zap.Stringer("mode", info.Mode().Perm()))
	if err := os.Chmod(s.path, fileMode); err != nil {
		return fmt.Errorf("filestore: others can read the file, and that cannot be changed: %w", err)
	}
	return nil
}

// lose begins anew in place of a file that cannot be used.
func (s *Store) lose(message, suffix string, cause error, readable int) error {
	s.log.Warn(message, zap.String("file", s.path), zap.String("set_aside", s.path+suffix), zap.Error(cause),
		zap.String("lost", "all sessions, so each shard identifies anew; the note; and which Identifies were spent, so every key counts as just used, and of the day's budget Discord's word alone is known"),
		zap.Int("sessions_readable", readable))
	if err := s.setAside(suffix); err != nil {
		return err
	}
	s.known = newContents()
	if err := s.known.forgetLedger(time.Now()); err != nil {
		return err
	}
	return s.fresh()
}

func (s *Store) adopt(v view) {
	s.file, s.info, s.head, s.tail, s.known = v.file, v.info, v.head, v.tail, v.known
	s.checked, s.roomy = time.Now(), 1<<20+6*s.known.size
}
