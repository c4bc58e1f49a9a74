package actors

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
)

const defaultDialRate = 250 // a second

// dialer makes the connections of all shards, of all generations: it spreads their dials, which may all be wanted at one
// instant, and lends them decoders. Safe for concurrent use.
type dialer struct {
	url       atomic.Pointer[string] // of the gateway
	transport transport.Config
	decoders  transport.Decoders
	observers *Observers
	links     sync.WaitGroup // the goroutines that dial, read and close
	interval  time.Duration  // between two dials

	mu   sync.Mutex
	next time.Time // before this nobody else may dial
}

func newDialer(cfg *SupervisorConfig) *dialer {
	d := &dialer{observers: cfg.Observers, interval: DialsApart(cfg.DialRate)}
	d.transport = transport.Config{Compression: cfg.Compression, Decoders: &d.decoders, NetDial: cfg.NetDial, TLS: cfg.TLS.Clone(), Hosts: cfg.GatewayHosts}
	d.url.Store(&cfg.URL)
	return d
}

// DialsApart is how far apart dials begin at a SupervisorConfig.DialRate.
func DialsApart(rate int) time.Duration {
	if rate <= 0 {
		rate = defaultDialRate
	}
	return max(time.Second/time.Duration(rate), 1)
}

// turn is when a dial that is wanted now may begin: now, if the latest was long enough ago. A turn that is not taken is lost.
func (d *dialer) turn(now time.Time) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := now
	if d.next.After(at) {
		at = d.next
	}
	d.next = at.Add(d.interval)
	return at
}

// Dials is how far apart the dials of all shards begin, and when the next may.
func (s *Supervisor) Dials() (apart time.Duration, next time.Time) {
	s.dialer.mu.Lock()
	defer s.dialer.mu.Unlock()
	return s.dialer.interval, s.dialer.next
}

// dial begins a connection of a shard in its turn, which is told what comes of it. url is empty for the gateway's own.
func (d *dialer) dial(now, turn time.Time, key Key, conn uint64, url events.Secret, system *actor.ActorSystem, shard *actor.PID) *link {
	if url == "" {
		url = events.Secret(*d.url.Load()) //seam:dial-discovered-host
	}
	l := newLink(key, conn, system, shard, d)
	tell(d.observers.dial, ObserverDial.OnDial, DialBegun{key, conn, turn})
	if turn.After(now) {
		system.Root.Send(shard, turnCame{l, turn})
	}
	d.links.Go(func() { l.run(turn, url, &d.transport) })
	return l
}
