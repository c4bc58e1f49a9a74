package filestore

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// fresh writes what is known to a file that follows from no other.
func (s *Store) fresh() error {
	s.head = header{key: s.key.name}
	_, _ = rand.Read(s.head.id[:]) // it never fails
	return s.rewrite()
}

// rewrite writes what is known to another file, and puts it in the place of ours.
func (s *Store) rewrite() error {
	const needs = "filestore: the file cannot be written anew: its folder must allow that, and to mount the file alone does not: %w"
	head, temp := s.head, s.path+".new"
	head.epoch, head.from = head.epoch+1, s.sum
	last, err := s.write(temp, head)
	if noRoom(err) {
		return fmt.Errorf("filestore: the file cannot be written anew: make room on the disk: %w", errors.Join(err, os.Remove(temp)))
	}
	if err != nil {
		return fmt.Errorf(needs, errors.Join(err, os.Remove(temp)))
	}
	if err := s.shut(); err != nil {
		return err
	}
	if err := os.Rename(temp, s.path); err != nil {
		err = fmt.Errorf(needs, err)
		if v, old := s.read(); old == nil { // ours goes on
			return errors.Join(err, s.move(v))
		} else if v.file != nil {
			err = errors.Join(err, v.file.Close())
		}
		return err
	}
	v := view{head: head, tail: last, known: s.known}
	if v.file, err = os.OpenFile(s.path, os.O_RDWR, 0); err != nil {
		return fmt.Errorf("filestore: %w", err)
	}
	if v.info, err = v.file.Stat(); err == nil && s.sync {
		err = syncFolder(filepath.Dir(s.path))
	}
	return errors.Join(err, s.move(v))
}

func (s *Store) write(name string, head header) (last tail, err error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return last, err
	}
	out := bufio.NewWriterSize(io.NewOffsetWriter(file, framesAt), 1<<16)
	last.end = framesAt
	err = s.known.entries(func(payload []byte) error {
		b := head.frame(nil, last.end, payload, s.key)
		last = last.with(b)
		_, err := out.Write(b)
		return err
	})
	start := make([]byte, framesAt)
	copy(start, head.encode())
	copy(start[fromAt:], head.encodeFrom())
	copy(start[markAt:], head.encodeMark(last.end))
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		_, err = file.WriteAt(start, 0)
	}
	if err == nil && s.sync {
		err = file.Sync()
	}
	return last, errors.Join(err, file.Close())
}

// shut closes the file. Some systems rename none that is open.
func (s *Store) shut() error {
	file := s.file
	s.file = nil
	if file == nil {
		return nil
	}
	if err := letGo(file); err != nil {
		return fmt.Errorf("filestore: %w", err)
	}
	return nil
}

func (s *Store) setAside(suffix string) error {
	if err := os.Rename(s.path, s.path+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("filestore: a file that cannot be used cannot be set aside either: %w", err)
	}
	return nil
}
