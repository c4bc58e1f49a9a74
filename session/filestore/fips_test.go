package filestore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/signalbox-go/signalbox/session/filestore"
)

// sealOnce reads what there is, and saves it once more.
func sealOnce(s *filestore.Store) error {
	ctx := context.Background()
	got, err := s.Load(ctx, id)
	if err == nil && got != sample {
		err = errors.New("another session is stored")
	}
	return errors.Join(err, s.Save(ctx, sample))
}

// TestKeyWhereFIPSIsEnforced: a process with GODEBUG=fips140=only reads what one without has encrypted, and the other way round.
func TestKeyWhereFIPSIsEnforced(t *testing.T) {
	path := saved(t, filestore.WithKey(secret))
	t.Setenv("GODEBUG", "fips140=only")
	for range 2 {
		cmd, _ := process(t, "seal", path, "sealed")
		must(t, cmd.Wait())
	}
	holds(t, open(t, path, filestore.WithKey(secret)))
}
