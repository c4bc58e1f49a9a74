package filestore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"go.uber.org/zap"
)

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
	ours, err := s.readOn(info.Size())
	var bad damage
	switch {
	case errors.As(err, &bad):
		return s.mend(err)
	case err == nil && !ours:
		return s.change()
	}
	return err
}

// readOn takes in what others have put behind what we know of our file, if it still is what we know. Else another one was written over it.
func (s *Store) readOn(size int64) (ours bool, err error) {
	start, err := first(s.file)
	if err != nil {
		return false, err
	}
	var last [sumSize]byte
	if _, err := s.file.ReadAt(last[:], s.at+4); err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("filestore: %w", err)
	}
	if size < s.end || last != s.sum || len(start) < headerSize || !bytes.Equal(start[:headerSize], s.head.encode()) {
		return false, nil
	}
	s.tail, err = s.readFrames(s.file, s.head, start, s.tail, size, &s.known)
	return true, err
}

// change goes over to a file that took the place of ours. If it follows from ours it says all that ours did. If not, what we know goes into it, and first what
// others knew who wrote to ours until then.
func (s *Store) change() error {
	if s.file != nil {
		if info, err := s.file.Stat(); err == nil {
			_, _ = s.readOn(info.Size()) // as far as that goes
		}
	}
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
	case v.head.id == s.head.id && v.head.epoch > s.head.epoch && (v.head.from == s.sum || !s.known.later(v.known)):
		return s.move(v)
	}
	known, head, end := s.known, s.head, s.tail
	more, err := known.join(v.known, time.Now())
	if err != nil {
		return errors.Join(err, v.file.Close())
	}
	if err = s.move(v); err == nil && more {
		s.log.Warn("session file was replaced while it was in use: what this process knows is written into the new one", zap.String("file", s.path))
		s.known = known
		err = s.rewrite()
	}
	if err != nil { // what this process knows stands nowhere yet: so it is tried again
		s.known, s.head, s.tail = known, head, end
		err = errors.Join(err, s.shut())
	}
	return err
}

// move goes over to another file.
func (s *Store) move(v view) error {
	old := s.file
	s.adopt(v)
	err := share(v.file)
	if old != nil {
		err = errors.Join(err, letGo(old))
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
		var last tail
		if last, err = s.readFrames(s.file, s.head, first, tail{end: framesAt}, s.end, &nothing); err == nil && last != s.tail {
			err = errFrame // behind the mark
		}
	}
	var bad damage
	if errors.As(err, &bad) {
		return s.mend(err)
	}
	return err
}
