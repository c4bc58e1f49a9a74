package shardmanager_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestReshardThatCannotGoBackSaysThatTheNewShardsServe: it was cancelled in the midst of the cuts, and an old shard has lost its session meanwhile, for which there is no Identify.
func TestReshardThatCannotGoBackSaysThatTheNewShardsServe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2, gatewaytest.WithSessionStarts(100, 15, 20*time.Hour))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		once := sync.OnceFunc(func() {
			cancel()
			b.ShardOf(events.ShardID{Index: 0, Total: 2}).InvalidSession(false)
		})
		began := time.Now()
		failed := reshardError(t, b.m.Reshard(ctx, 3, shardmanager.WithBeforeCut(func(context.Context, []shardmanager.GuildCut) error {
			once()
			return nil
		})))
		var poor *ratelimit.BudgetError
		if !failed.Cut || failed.From != 2 || failed.To != 3 || !errors.Is(failed, context.Canceled) || !errors.As(failed, &poor) || time.Since(began) > 15*time.Minute {
			t.Errorf("after %v: %v", time.Since(began), failed)
		}
		pass(time.Minute)
		b.serve(t, 3)
	})
}

// TestReshardBackIsRefusedIfTheBudgetDoesNotPay: an old shard has lost its session while it retires.
func TestReshardBackIsRefusedIfTheBudgetDoesNotPay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 2, gatewaytest.WithSessionStarts(100, 15, 20*time.Hour))
		if err := b.m.Reshard(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		b.ShardOf(events.ShardID{Index: 0, Total: 2}).InvalidSession(false)
		pass(10 * time.Second)
		before := b.Stats().Identifies
		if plan, err := b.m.PlanReshard(t.Context(), 2); err != nil || plan.Identifies != 1 || plan.Extra != 0 || plan.Remaining == 0 || plan.Pays() {
			t.Errorf("%v, %v", plan, err)
		}
		began := false
		failed := reshardError(t, b.m.Reshard(t.Context(), 2, shardmanager.WithReshardProgress(func(shardmanager.ReshardProgress) { began = true })))
		var poor *ratelimit.BudgetError
		if began || failed.Cut || !errors.As(failed, &poor) || b.Stats().Identifies != before {
			t.Errorf("began: %v, %d identifies: %v", began, b.Stats().Identifies-before, failed)
		}
		pass(15 * time.Minute)
		b.serve(t, 3)
	})
}
