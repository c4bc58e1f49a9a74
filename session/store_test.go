package session_test

import (
	"errors"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/storetest"
)

func TestMemoryStorePassesTheSuite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) session.Store { return session.NewMemoryStore() })
}

// TestFencedErrorNamesItsShards, or the first of them and how many there are more.
func TestFencedErrorNamesItsShards(t *testing.T) {
	t.Parallel()
	for count, want := range map[int]string{
		1: "[0/9]", 2: "[0/9 1/9]", 5: "[0/9 1/9 2/9 3/9 4/9]", 6: "[0/9 1/9 2/9 3/9 4/9] and 1 more", 9: "[0/9 1/9 2/9 3/9 4/9] and 4 more",
	} {
		err := &session.FencedError{}
		for index := range count {
			err.Shards = append(err.Shards, events.ShardID{Index: index, Total: 9})
		}
		want = "session: another process has taken over this shard, and saves its session now: shards " + want + ": stop one of the two processes"
		if err.Error() != want || !errors.Is(err, session.ErrFenced) || errors.Is(err, session.ErrNoSnapshot) {
			t.Errorf("%d shards: %v", count, err)
		}
	}
}
