package actors

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
)

// boardOf is a board of so many shards, all Ready.
func boardOf(total int) (*Board, []Key) {
	b, keys := NewBoard(), make([]Key, total)
	for i := range keys {
		keys[i] = Key{Shard: events.ShardID{Index: i, Total: total}}
	}
	b.place(keys...)
	for _, key := range keys {
		b.update(key, func(s *standing) { s.state = session.Ready })
	}
	return b, keys
}

// TestTallyIsWhatStatusShows, whatever happens to the shards, in whatever order: what is counted as it changes is what one finds who
// counts.
func TestTallyIsWhatStatusShows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := NewBoard()
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			key := Key{
				Generation: uint64(rapid.IntRange(0, 1).Draw(t, "generation")),
				Shard:      events.ShardID{Index: rapid.IntRange(0, 2).Draw(t, "index"), Total: 3},
			}
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				b.place(key, key)
			case 1:
				b.remove(key)
			default:
				state, mode := session.State(rapid.IntRange(0, int(session.Closed)).Draw(t, "state")), Mode(rapid.IntRange(0, 3).Draw(t, "mode"))
				refused := rapid.Bool().Draw(t, "refused")
				cause := rapid.SampledFrom([]error{nil, ErrClosed, ErrQuarantined}).Draw(t, "cause")
				b.update(key, func(s *standing) { s.state, s.mode, s.refused, s.cause = state, mode, refused, cause })
			}
			var want Tally
			for _, s := range b.Status().Shards {
				if s.State != session.Closed && s.State != session.Idle {
					want.Open++
				}
				if s.Mode == Run {
					want.Wanted++
				}
				if s.Mode == Run && s.State == session.Ready {
					want.Ready++
				}
				if s.Mode == Run && s.State == session.Closed && s.Cause == ErrQuarantined { // what was stopped is to start again
					want.Ended++
				}
				if s.Mode == Run && s.State == session.Backoff && b.record(s.Key()).still().refused {
					want.Refused++
				}
			}
			if got := b.Tally(); got != want {
				t.Fatalf("counted %+v, shown %+v", got, want)
			}
		}
	})
}

// TestChangeThatDoesNotReturnIsCounted: the text of its cause may be the user's code. The board goes on, and counts what it shows.
func TestChangeThatDoesNotReturnIsCounted(t *testing.T) {
	t.Parallel()
	b, keys := boardOf(2)
	func() {
		defer func() { _ = recover() }()
		b.update(keys[0], func(s *standing) {
			s.state = session.Backoff
			panic("a bug")
		})
	}()
	b.update(keys[0], func(s *standing) { s.conn++ })
	if tally, want := b.Tally(), (Tally{Wanted: 2, Ready: 1, Open: 2}); tally != want {
		t.Errorf("counted %+v, not %+v", tally, want)
	}
	if s, _ := b.Shard(keys[0]); s.State != session.Backoff || s.Conn != 1 {
		t.Errorf("shown as %v, conn %d", s.State, s.Conn)
	}
}

// TestAChangeCostsTheSameOnAnyBoard: who waits is asked once a change, and it makes no more garbage with more shards; BenchmarkChange shows the
// time. It is not parallel, since it counts allocations.
func TestAChangeCostsTheSameOnAnyBoard(t *testing.T) {
	costs := make(map[int]float64)
	for _, total := range []int{10, 10_000} {
		synctest.Test(t, func(t *testing.T) {
			b, keys := boardOf(total)
			ctx, cancel := context.WithCancel(t.Context())
			calls := 0
			ended := make(chan error, 1)
			go func() { ended <- b.Wait(ctx, func(Tally) bool { calls++; return false }) }()
			synctest.Wait()
			before, n := calls, 0
			costs[total] = testing.AllocsPerRun(1000, func() {
				n++
				b.update(keys[n%len(keys)], func(s *standing) { s.conn++ })
			})
			synctest.Wait()
			if before != 1 || calls-before != n {
				t.Errorf("%d changes of one of %d shards: who waits is asked %d times, and %d before", n, total, calls-before, before)
			}
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("who waits is told %v", err)
			}
			if b.waiting() != 0 {
				t.Error("who does not wait any more is asked still")
			}
		})
	}
	if costs[10] != costs[10_000] || costs[10] > 1 {
		t.Errorf("allocations of a change, by the number of shards: %v", costs)
	}
}

func (b *Board) waiting() int {
	b.counts.Lock()
	defer b.counts.Unlock()
	return len(b.waiters)
}

// TestWaitEnds at the very change that is waited for, at once if it is so already, with its context, or with the supervisor.
func TestWaitEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, keys := boardOf(3)
		ready := func(n int) func(Tally) bool { return func(tally Tally) bool { return tally.Ready == n } }
		if err := b.Wait(t.Context(), ready(3)); err != nil {
			t.Error(err)
		}
		got := make(map[int]error)
		for n := range 3 {
			go func() { got[n] = b.Wait(t.Context(), ready(n)) }()
		}
		synctest.Wait()
		for left := 2; left >= 1; left-- {
			b.update(keys[left], func(s *standing) { s.state = session.Backoff })
			b.update(keys[left], func(s *standing) { s.state = session.Ready }) // it is over before who waits can look
			b.update(keys[left], func(s *standing) { s.state = session.Backoff })
			synctest.Wait()
			if err, met := got[left]; !met || err != nil || len(got) != 3-left {
				t.Errorf("%d are ready, and met are %v", left, got)
			}
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("the reason"))
		defer cancel()
		if err := b.Wait(ctx, ready(3)); err == nil || err.Error() != "the reason" {
			t.Errorf("who has waited for long is told %v", err)
		}
		b.end(ErrSupervisorEnded)
		b.end(errors.New("another"))
		synctest.Wait()
		if err, met := got[0]; !met || !errors.Is(err, ErrSupervisorEnded) || !errors.Is(b.Err(), ErrSupervisorEnded) {
			t.Errorf("the supervisor has ended, and who waits is told %v", err)
		}
		if n := b.waiting(); n != 0 {
			t.Errorf("%d wait still", n)
		}
	})
}

// TestWaitThatIsMetAsTheSupervisorEndsIsMet: what came first counts, whichever of the two the waiter is woken by.
func TestWaitThatIsMetAsTheSupervisorEndsIsMet(t *testing.T) {
	t.Parallel()
	for range 50 { // by chance
		b, keys := boardOf(1)
		asked := 0
		err := b.Wait(t.Context(), func(tally Tally) bool {
			if asked++; asked == 1 {
				b.update(keys[0], func(s *standing) { s.state = session.Backoff })
				b.end(ErrSupervisorEnded)
			}
			return tally.Ready == 0
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkStatus is asked to take 3 ms at the most with 10,000 shards.
func BenchmarkStatus(b *testing.B) {
	for _, total := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(total), func(b *testing.B) {
			board, keys := boardOf(total)
			for i, key := range keys {
				r := board.record(key)
				r.link.Store(new(link))
				r.heard.Store(int64(i))
				r.forecast.Store(new(ratelimit.Forecast))
			}
			b.ReportAllocs()
			for b.Loop() {
				if status := board.Status(); len(status.Shards) != total {
					b.Fatal(len(status.Shards))
				}
			}
		})
	}
}

// BenchmarkChange is of one shard, while somebody waits.
func BenchmarkChange(b *testing.B) {
	for _, total := range []int{10, 10_000} {
		b.Run(fmt.Sprint(total), func(b *testing.B) {
			board, keys := boardOf(total)
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error, 1)
			go func() { ended <- board.Wait(ctx, func(t Tally) bool { return t.Ready == -1 }) }()
			n := 0
			for b.Loop() {
				n++
				board.update(keys[n%total], func(s *standing) { s.conn++ })
			}
			cancel()
			<-ended
		})
	}
}
