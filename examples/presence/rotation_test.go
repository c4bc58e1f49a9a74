package presence_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/examples/presence"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// begin starts a bot of three shards with two guilds each.
func begin(t *testing.T) (*gatewaytest.Server, *shardmanager.Manager) {
	t.Helper()
	gateway := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithShards(3), gatewaytest.WithMaxConcurrency(3), gatewaytest.WithGuildsPerShard(2))
	m, err := shardmanager.New("token", shardmanager.WithIntents(events.IntentGuilds), shardmanager.WithGateway(gateway), shardmanager.WithLogger(zap.NewNop()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(m.Start(t.Context()), m.WaitReady(t.Context())); err != nil {
		t.Fatal(err)
	}
	return gateway, m
}

// shown are the texts that a shard has shown, also by Identify.
func shown(t *testing.T, gateway *gatewaytest.Server, shard int) (all []string) {
	t.Helper()
	for _, frame := range gateway.Frames(shard) {
		var d struct {
			Activities []events.Activity
			Presence   struct{ Activities []events.Activity }
		}
		if frame.Op != events.OpPresenceUpdate && frame.Op != events.OpIdentify {
			continue
		}
		if err := json.Unmarshal(frame.Data, &d); err != nil {
			t.Fatal(err)
		}
		for _, a := range d.Activities {
			all = append(all, "set "+a.State)
		}
		for _, a := range d.Presence.Activities {
			all = append(all, "begun with "+a.State)
		}
	}
	return slices.Compact(all) // the same text once more is no news
}

var texts = []func(shardmanager.Status) string{presence.Fixed("/help"), presence.Guilds}

// TestRotation: all shards show each text in its turn; one that is away shows the one that is due when it is back, and one whose session is lost
// begins with the one that it showed.
func TestRotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gateway, m := begin(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		rotation := presence.Rotation{Every: time.Minute, Texts: texts, Failed: func(set shardmanager.PresenceSet) { t.Errorf("%v: %v", set.Shard, set.Err) }}
		go func() { done <- rotation.Run(ctx, m) }()
		time.Sleep(90 * time.Second) // the second text is shown
		gateway.Outage(true)
		time.Sleep(2 * time.Minute)
		gateway.Outage(false)
		time.Sleep(65 * time.Second) // longer than any wait before a reconnect
		gateway.Shard(2).InvalidSession(false)
		time.Sleep(15 * time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := []string{"set /help", "set in 6 guilds", "set /help"} // the two that were due in the outage are not made up for
		if got := shown(t, gateway, 0); !slices.Equal(got, want) {
			t.Errorf("shard 0 has shown %q, want %q", got, want)
		}
		want = append(want, "begun with /help")
		if got := shown(t, gateway, 2); !slices.Equal(got, want) {
			t.Errorf("shard 2, whose session was lost, has shown %q, want %q", got, want)
		}
		time.Sleep(time.Hour)
		if after := shown(t, gateway, 2); !slices.Equal(after, want) {
			t.Errorf("after its end the rotation has shown %q", after[len(want):])
		}
		gateway.RequireNoViolations(t)
	})
}

// TestRotationEndsWithTheManager: nobody has to end it first.
func TestRotationEndsWithTheManager(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, m := begin(t)
		done := make(chan error)
		go func() { done <- presence.Rotation{Every: time.Minute, Texts: texts}.Run(t.Context(), m) }()
		time.Sleep(90 * time.Second)
		if err := errors.Join(m.Close(t.Context()), <-done); err != nil {
			t.Error(err)
		}
	})
}

// TestTooOften: more often than Discord allows is an error, and nothing is shown.
func TestTooOften(t *testing.T) {
	t.Parallel()
	if err := (presence.Rotation{Every: time.Second, Texts: texts}).Run(t.Context(), nil); err == nil {
		t.Error("a rotation every second is taken")
	}
	if err := (presence.Rotation{Every: time.Minute}).Run(t.Context(), nil); err == nil {
		t.Error("a rotation without texts is taken")
	}
}
