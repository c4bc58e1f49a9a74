package session_test

import (
	"testing"

	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/storetest"
)

func TestMemoryStorePassesTheSuite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) session.Store { return session.NewMemoryStore() })
}
