package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
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

// TestPlanReckonsHowLongIdentifiesTake, where nothing foretells it: with a limiter that does not tell how it stands. They take their turns of 5 s, as many in each as Discord
// allows, and the last one some time to be Ready.
func TestPlanReckonsHowLongIdentifiesTake(t *testing.T) {
	for atOnce, turns := range map[int]time.Duration{1: 6, 2: 3, 4: 2, 5: 2, 6: 1, 16: 1} {
		t.Run(fmt.Sprintf("6 identifies, %d at once", atOnce), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newManager(t, newGateway(t, gatewaytest.WithMaxConcurrency(atOnce)), shardmanager.WithShards(1), shardmanager.WithRateLimiter(&countingLimiter{}))
				start(t, m)
				plan, err := m.PlanReshard(t.Context(), 6)
				if want := (turns-1)*5*time.Second + 2*time.Second; err != nil || plan.Warm != want {
					t.Errorf("%v, want %v: %v", plan.Warm, want, err)
				}
			})
		})
	}
}

// TestPlanOfAReshardBackReckonsWithLostSessions: those of the old shards that were lost as they retire begin anew, in their turns.
func TestPlanOfAReshardBackReckonsWithLostSessions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := talkingBot(t, 3, gatewaytest.WithMaxConcurrency(1))
		if err := b.m.Reshard(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		for lost, want := range []time.Duration{0, 2 * time.Second, 7 * time.Second, 12 * time.Second} {
			if plan, err := b.m.PlanReshard(t.Context(), 3); err != nil || plan.Warm != want || plan.Identifies != lost || plan.Extra != 0 {
				t.Errorf("%d are lost: %v, want %v: %v", lost, plan.Warm, want, err)
			}
			if lost < 3 {
				b.ShardOf(events.ShardID{Index: lost, Total: 3}).InvalidSession(false)
				pass(100 * time.Millisecond) // less than they wait in all before they identify
			}
		}
	})
}
