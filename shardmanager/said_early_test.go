package shardmanager_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestRequiredIntentThatLapsesLeavesNoOtherOut: the Manager ends, and does not say that it goes on without the optional ones as well.
func TestRequiredIntentThatLapsesLeavesNoOtherOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g, shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMembers|events.IntentMessageContent),
			shardmanager.WithOptionalIntents(events.IntentMessageContent))
		start(t, m)
		g.SetAllowedIntents(events.IntentsUnprivileged)
		g.Shard(0).Close(events.CloseDisallowedIntents)
		pass(time.Minute)
		var refused *shardmanager.IntentsError
		if err := m.Err(); !errors.As(err, &refused) || refused.Missing != events.IntentGuildMembers {
			t.Errorf("it has ended with %v", err)
		}
		if left := m.Status().LeftOut; left != 0 {
			t.Errorf("it goes on without %v", left)
		}
	})
}

// TestWaitReadySaysAtOnceThatTheBudgetIsUsedUp: nothing will come of waiting.
func TestWaitReadySaysAtOnceThatTheBudgetIsUsedUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithSessionStarts(20, 5, 20*time.Hour))
		m := newManager(t, g, shardmanager.WithIdentifyReserve(3))
		start(t, m)
		g.Shard(0).InvalidSession(false)
		pass(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		var poor *ratelimit.BudgetError
		if err := m.WaitReady(ctx); !errors.As(err, &poor) || time.Since(began) > time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}
