package filestore

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

const maxNote = maxFrame/2 - entryHead // bytes

// LoadNote implements session.Notebook. The note is shared by all processes that have the file open.
func (s *Store) LoadNote(ctx context.Context) ([]byte, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return bytes.Clone(s.known.note.body), nil
}

// SaveNote implements session.Notebook. A note of more than 8 MB is refused. Of one that is forgotten nothing is left in the file.
func (s *Store) SaveNote(ctx context.Context, note []byte) error {
	if len(note) > maxNote {
		return fmt.Errorf("filestore: a note of %d bytes is too large: %d are the most", len(note), maxNote)
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	before := s.known.note
	if len(note) == 0 && before.fence == 0 {
		return nil
	}
	if len(note) == 0 && len(before.body) > 0 {
		s.roomy = 0 // it is written anew
	}
	var batch batch
	batch.add(entrySession, noteShard, max(uint64(time.Now().UnixNano()), before.fence+1), note)
	return s.append(batch)
}
