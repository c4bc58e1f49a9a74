package shardmanager_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestSendThatRacesItsContextTellsTheTruth: contexts end at the very instant at which the sends are permitted, written
// and answered. Each caller has one outcome, and what it says about the write is so: an answer or Sent means one
// frame, and anything else none, now or later.
func TestSendThatRacesItsContextTellsTheTruth(t *testing.T) {
	for name, test := range map[string]struct {
		late time.Duration // of the answer
		busy time.Duration // the shard's actor, with each message
	}{"an answer at once": {}, "an answer later": {late: time.Second}, "a busy shard": {busy: 50 * time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			late := test.late
			bubble(t, func(t *testing.T) {
				const sends = 80
				g := newGateway(t, gatewaytest.WithGuildsPerShard(1), gatewaytest.WithMembers(sends))
				limits := ratelimit.SessionStart{Total: 1000, Remaining: 1000, ResetAfter: 24 * time.Hour, MaxConcurrency: 1}
				limiter := &laterLimiter{RateLimiter: ratelimit.Local(limits)}
				var open atomic.Bool
				m := newManager(t, g, shardmanager.WithRateLimiter(limiter), shardmanager.WithActorProps(func(key actors.Key) []actor.PropsOption {
					index := indexOf(key)
					return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
						return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
							if index == 0 && open.Load() {
								time.Sleep(test.busy)
							}
							next(ctx, e)
						}
					})}
				}))
				opens := time.Now().Add(10 * time.Minute)
				limiter.from[0] = opens
				start(t, m)
				var mu sync.Mutex
				frames := make(map[string]int)
				g.OnFrame(func(f gatewaytest.Frame) bool {
					if f.Op != events.OpRequestGuildMembers {
						return false
					}
					request, err := events.ParseRequest(f.Op, f.Data)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					frames[request.Nonce]++
					mu.Unlock()
					if late == 0 {
						return false
					}
					chunk := map[string]any{"guild_id": aGuild, "nonce": request.Nonce, "members": []any{}, "chunk_index": 0, "chunk_count": 1}
					time.AfterFunc(late, func() { g.Shard(0).Dispatch("GUILD_MEMBERS_CHUNK", chunk) })
					return true
				})
				outcomes := make(map[string]error)
				var all sync.WaitGroup
				for i := range sends {
					nonce := string(rune('A'+i/26)) + string(rune('a'+i%26))
					ctx, leave := context.WithCancel(t.Context())
					defer leave()
					at := opens
					if i%2 == 0 {
						at = opens.Add(late + time.Duration(i)*test.busy) // when the answer comes, or the shard is about to write
					}
					all.Go(func() {
						err := askMember(ctx, m, nonce)
						mu.Lock()
						defer mu.Unlock()
						outcomes[nonce] = err
					})
					time.AfterFunc(time.Until(at), leave)
				}
				time.AfterFunc(time.Until(opens)-time.Nanosecond, func() { open.Store(true) })
				all.Wait()
				if took := time.Since(opens); took > late+sends*test.busy {
					t.Errorf("the last outcome came %v after the instant", took)
				}
				open.Store(false)
				pass(5 * time.Minute)
				count := make(map[bool]int)
				for nonce, err := range outcomes {
					var failure *actors.SendError
					if err != nil && (!errors.As(err, &failure) || !errors.Is(err, context.Canceled)) {
						t.Errorf("%s: %v", nonce, err)
					}
					written := err == nil || actors.Sent(err)
					count[written]++
					if n := frames[nonce]; n != map[bool]int{true: 1}[written] {
						t.Errorf("%s: %d frames, and the caller was told: %v", nonce, n, err)
					}
				}
				t.Logf("%d written, %d not", count[true], count[false])
				g.RequireNoViolations(t)
			})
		})
	}
}

// TestStreamThatRacesItsContextHandsOverWhatItCallsAnswered: the answer is complete and the context ends while the caller is
// busy with the first part. It is told of an answer only when it has got all of it.
func TestStreamThatRacesItsContextHandsOverWhatItCallsAnswered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1))
		m := newManager(t, g, allMembers)
		start(t, m)
		g.OnFrame(func(f gatewaytest.Frame) bool {
			if f.Op != events.OpRequestGuildMembers {
				return false
			}
			request, err := events.ParseRequest(f.Op, f.Data)
			if err != nil {
				t.Error(err)
			}
			go func() {
				for i := range 3 {
					time.Sleep(100 * time.Millisecond)
					g.Shard(0).Dispatch("GUILD_MEMBERS_CHUNK", map[string]any{"guild_id": aGuild, "nonce": request.Nonce,
						"chunk_index": i, "chunk_count": 3, "members": []any{}})
				}
			}()
			return true
		})
		answered, given := 0, 0
		for range 30 {
			ctx, leave := context.WithCancel(t.Context())
			parts := 0
			_, err := m.Stream(ctx, fullList(aGuild), func(events.Raw) bool {
				if parts++; parts == 1 {
					pass(time.Second) // the others come
					leave()
				}
				return true
			})
			leave()
			switch {
			case err == nil && parts == 3:
				answered++
			case errors.Is(err, context.Canceled) && actors.Sent(err) && parts < 3:
				given++
			default:
				t.Fatalf("%d parts of 3, and %v", parts, err)
			}
			pass(time.Minute) // one list in 30 s
		}
		if answered+given != 30 {
			t.Errorf("%d answered, %d given up", answered, given)
		}
	})
}
