package shardmanager_test

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestDamagedNoteOfAReshardIsDiscarded: the bot begins with the shards that it is told to, and says what it has done.
func TestDamagedNoteOfAReshardIsDiscarded(t *testing.T) {
	for name, note := range map[string]string{
		"no JSON":     `{"Version":1,"From":{"Tot`,
		"another's":   `{"Version":"one"}`,
		"no numbers":  `{"Version":1}`,
		"from none":   `{"Version":1,"From":{"Total":0},"To":{"Total":3,"Generation":1}}`,
		"to too many": `{"Version":1,"From":{"Total":2},"To":{"Total":100000000,"Generation":1}}`,
		"to itself":   `{"Version":1,"From":{"Total":2,"Generation":1},"To":{"Total":2,"Generation":1}}`,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithGuilds(guildIDs(4)...), gatewaytest.WithMaxConcurrency(16))
				store := session.NewMemoryStore()
				if err := store.(session.Notebook).SaveNote(t.Context(), []byte(note)); err != nil {
					t.Fatal(err)
				}
				core, logs := observer.New(zap.ErrorLevel)
				m := newManager(t, g, shardmanager.WithShards(2), shardmanager.WithSessionStore(store), shardmanager.WithLogger(zap.New(core)))
				start(t, m)
				pass(time.Minute)
				if _, goesOn := m.Resharding(); goesOn || m.Status().Total != 2 || m.Status().Ready() != 2 || g.Stats().Identifies != 2 {
					t.Errorf("it goes on: %v; %d of %d ready, %d Identifies", goesOn, m.Status().Ready(), m.Status().Total, g.Stats().Identifies)
				}
				if said := logs.All(); len(said) != 1 || !strings.Contains(said[0].Message, "what was noted of a reshard cannot be read") {
					t.Errorf("it said %v", said)
				}
			})
		})
	}
}
