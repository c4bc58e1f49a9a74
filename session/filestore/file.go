package filestore

import (
	"bufio"
	"bytes"
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
	file  *os.File
	info  os.FileInfo
	head  header
	end   int64
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
	if v.head.key != s.key.name {
		return v, ErrOtherKey
	}
	v.end, err = s.readFrames(v.file, v.head, first, framesAt, v.info.Size(), &v.known)
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
// did not return: it counts as far as it is whole.
func (s *Store) readFrames(file *os.File, head header, first []byte, from, size int64, known *contents) (end int64, err error) {
	mark, err := head.decodeMark(first[min(markAt, len(first)):])
	if err != nil {
		return from, err
	}
	if mark < from || mark > size {
		return from, damage("it is cut off")
	}
	if from == size {
		return from, nil
	}
	r := frames{from: bufio.NewReaderSize(io.NewSectionReader(file, from, size-from), 1<<16), head: head, place: from, left: size - from}
	for r.place < size {
		end = r.place
		payload, err := r.next()
		if err == nil {
			payload, err = head.open(end, payload, s.key)
		}
		if err == nil {
			err = known.apply(payload)
		}
		var bad damage
		if end >= mark && errors.As(err, &bad) {
			return end, nil
		}
		if err != nil {
			return end, err
		}
	}
	return r.place, nil
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
			return errors.Join(v.file.Close(), s.migrate(old))
		}
	}
	if closeErr := v.file.Close(); closeErr != nil {
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
		zap.String("lost", "all sessions, so each shard identifies anew; and which Identifies were spent, so every key counts as just used, and of the day's budget Discord's word alone is known"),
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
	s.file, s.info, s.head, s.end, s.known = v.file, v.info, v.head, v.end, v.known
	s.checked, s.roomy = time.Now(), 1<<20+6*s.known.size
}

// follow takes in what others have done to the file since.
func (s *Store) follow() error {
	info, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.mend(damage("it was deleted"))
	case err != nil:
		return fmt.Errorf("filestore: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("filestore: %s is no regular file any more", s.path)
	case s.file == nil || !os.SameFile(info, s.info):
		return s.change()
	}
	first, err := first(s.file)
	if err != nil {
		return err
	}
	if len(first) < headerSize || !bytes.Equal(first[:headerSize], s.head.encode()) {
		return s.change()
	}
	end, err := s.readFrames(s.file, s.head, first, s.end, info.Size(), &s.known)
	var bad damage
	if errors.As(err, &bad) {
		return s.mend(err)
	}
	s.end = end
	return err
}

// change goes over to a file that took the place of ours. If it follows from ours it says all that ours did. If not, what we know goes into it.
func (s *Store) change() error {
	v, err := s.read()
	if v.file == nil {
		return err
	}
	var bad damage
	switch {
	case errors.As(err, &bad):
		return errors.Join(s.mend(err), v.file.Close())
	case err != nil:
		return errors.Join(err, v.file.Close())
	case v.head.id == s.head.id && v.head.epoch > s.head.epoch:
		return s.move(v)
	}
	known := s.known
	more, err := known.join(v.known, time.Now())
	if err != nil {
		return errors.Join(err, v.file.Close())
	}
	if err := s.move(v); err != nil || !more {
		return err
	}
	s.log.Warn("session file was replaced while it was in use: what this process knows is written into the new one", zap.String("file", s.path))
	s.known = known
	return s.rewrite()
}

// move goes over to another file.
func (s *Store) move(v view) error {
	old := s.file
	s.adopt(v)
	err := share(v.file)
	if old != nil {
		err = errors.Join(err, old.Close())
	}
	return err
}

// mend begins anew in place of a file that was damaged while it was open. Nothing that this process knows is lost; others add what they know.
func (s *Store) mend(cause error) error {
	s.log.Warn("session file was damaged while it was in use: it is set aside, and written anew from what this process knows",
		zap.String("file", s.path), zap.String("set_aside", s.path+".corrupt"), zap.Error(cause), zap.Int("sessions_kept", len(s.known.sessions)),
		zap.String("lost", "nothing that this process knew; every key counts as just used"))
	if err := errors.Join(s.shut(), s.setAside(".corrupt"), s.known.forgetLedger(time.Now())); err != nil {
		return err
	}
	return s.fresh()
}

// check reads all of the file again.
func (s *Store) check() error {
	s.checked = time.Now()
	nothing := newContents()
	first, err := first(s.file)
	if err == nil {
		_, err = s.readFrames(s.file, s.head, first, framesAt, s.end, &nothing)
	}
	var bad damage
	if errors.As(err, &bad) {
		return s.mend(err)
	}
	return err
}
