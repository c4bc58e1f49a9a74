package actors

import (
	"context"
	"log/slog"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// open is a limiter that never says no.
type open struct{ ratelimit.RateLimiter }

func (open) Connection(ratelimit.Shard, time.Duration) ratelimit.Bucket { return open{} }
func (open) Wrote(time.Time)                                            {}
func (open) Return()                                                    {}
func (open) Take(time.Time) (bool, time.Time)                           { return true, time.Time{} }
func (open) Limit() int                                                 { return 1 << 30 }
func (open) Remaining(time.Time) int                                    { return 1 << 30 }
func (open) Reset(now time.Time) time.Time                              { return now }

// admitting is a supervisor of shards that are ready, and do nothing but to take what is admitted, and to say that it is written.
func admitting(b *testing.B, shards int, limiter ratelimit.RateLimiter, took func(*request)) (send func(*request)) {
	b.Helper()
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	b.Cleanup(system.Shutdown)
	s, err := NewSupervisor(SupervisorConfig{Identify: events.Identify{Token: "t"}, URL: "wss://gateway.discord.gg", Limiter: limiter})
	if err != nil {
		b.Fatal(err)
	}
	up := make(chan struct{})
	i := &incarnation{Supervisor: s}
	pid := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if _, ok := ctx.Message().(*actor.Started); !ok {
			i.Receive(ctx)
			return
		}
		i.start(ctx)
		self := ctx.Self()
		for index := range shards {
			key := Key{Shard: events.ShardID{Index: index, Total: shards}}
			s.board.place(key)
			i.books.lives.told(action{key: key, do: spawn})
			teller := &shard{Supervisor: s, shardLife: &shardLife{supervisor: self}, system: system}
			i.books.children[key] = &child{account: i.books.admission.newAccount(key), record: s.board.record(key), pid: ctx.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
				if m, ok := ctx.Message().(admitted); ok {
					teller.landed(m.request, time.Now())
					took(m.request)
				}
			}))}
			i.up(shardUp{from: from{key, i.books.lives.of[key].number}, conn: 1, session: 1, interval: 41250 * time.Millisecond})
		}
		close(up)
	}, filtered(&s.board.ignored, s.late)))
	<-up
	return func(r *request) { system.Root.Send(pid, r) }
}

// voice is a request to a shard.
func voice(index, total int, serial uint64) *request {
	return &request{
		key: Key{Shard: events.ShardID{Index: index, Total: total}}, event: events.Request{Op: events.OpVoiceStateUpdate}, serial: serial, asked: time.Now(),
	}
}

// BenchmarkAdmission is the way from a caller through the supervisor to a shard's actor.
func BenchmarkAdmission(b *testing.B) {
	var left atomic.Int64
	done := make(chan struct{}, 1)
	send := admitting(b, 1000, open{}, func(*request) {
		if left.Add(-1) == 0 {
			done <- struct{}{}
		}
	})
	b.ReportAllocs()
	left.Store(int64(b.N))
	b.ResetTimer()
	for n := range b.N {
		send(voice(n%1000, 1000, uint64(n)))
		if n%256 == 0 {
			runtime.Gosched() // no caller is alone
		}
	}
	<-done
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "admissions/s")
}

// BenchmarkAdmissionBesideAFlood is how long a shard's send waits for the supervisor while another shard is asked
// for 1,000 a second more than its bucket gives, and while nothing else happens.
func BenchmarkAdmissionBesideAFlood(b *testing.B) {
	for _, flooded := range []bool{false, true} {
		name := map[bool]string{false: "alone", true: "flood"}[flooded]
		b.Run(name, func(b *testing.B) {
			arrived := make(chan struct{}, 1)
			limiter := ratelimit.Local(ratelimit.SessionStart{Total: 1, Remaining: 1, MaxConcurrency: 1})
			send := admitting(b, 16, mixed{limiter}, func(r *request) {
				if r.key.Shard.Index != 0 {
					arrived <- struct{}{}
				}
			})
			ctx, stop := context.WithCancel(context.Background())
			over := make(chan struct{})
			go func() {
				defer close(over)
				pace := time.NewTicker(time.Millisecond)
				defer pace.Stop()
				for serial := uint64(1 << 40); flooded && ctx.Err() == nil; serial++ {
					r := voice(0, 16, serial)
					r.done = make(chan result, 1)
					send(r)
					select {
					case <-pace.C:
					case <-ctx.Done():
					}
				}
			}()
			var took []time.Duration
			for n := 0; b.Loop(); n++ {
				began := time.Now()
				send(voice(1+n%15, 16, uint64(n)))
				<-arrived
				took = append(took, time.Since(began))
			}
			stop()
			<-over
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2])/1e3, "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100])/1e3, "p99-µs")
		})
	}
}

// mixed has Discord's bucket for shard 0, and none for the others.
type mixed struct{ ratelimit.RateLimiter }

func (m mixed) Connection(shard ratelimit.Shard, heartbeat time.Duration) ratelimit.Bucket {
	if shard.Index == 0 {
		return m.RateLimiter.Connection(shard, heartbeat)
	}
	return open{}
}
