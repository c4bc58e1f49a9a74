package actors_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// wearing is a connection of which one write fails. It can still be read.
type wearing struct {
	net.Conn
	left   *atomic.Int64 // writes before that one
	failed *atomic.Int64 // when it failed, in Unix nanoseconds
}

func (c wearing) Write(p []byte) (int, error) {
	if c.left.Add(-1) == -1 {
		c.failed.Store(time.Now().UnixNano())
		return 0, errors.New("no buffer space available")
	}
	return c.Conn.Write(p)
}

// TestConnectionThatCannotBeWrittenIsGivenUp at once, whatever it was that could not be written, and the shard is soon well again.
func TestConnectionThatCannotBeWrittenIsGivenUp(t *testing.T) {
	started := func(f *fleet) { f.start(1) }
	for name, c := range map[string]struct {
		before, then func(*fleet)
		spare        int64 // writes that succeed: of a new connection the first asks for a WebSocket
		in           session.State
	}{
		"Identify":  {func(*fleet) {}, func(f *fleet) { f.ask(actors.StartShards{Total: 1}) }, 1, session.Identifying},
		"Resume":    {started, func(f *fleet) { f.gateway.Shard(0).Drop() }, 1, session.Resuming},
		"heartbeat": {started, func(f *fleet) { f.gateway.Shard(0).RequestHeartbeat() }, 0, session.Ready},
		"send": {started, func(f *fleet) {
			f.system.Root.Send(f.supervisor, actors.SendEvent{Op: events.OpPresenceUpdate, Data: presence(f.t)})
		}, 0, session.Ready},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var left, failed, ended atomic.Int64
				left.Store(1 << 40)
				f := newFleet(t, func(cfg *actors.SupervisorConfig) {
					dial := cfg.NetDial
					cfg.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
						conn, err := dial(ctx, network, addr)
						return wearing{conn, &left, &failed}, err
					}
					cfg.Changed = func(_ actors.Key, change session.Change) {
						if change.From == c.in && change.To == session.Backoff && failed.Load() != 0 {
							ended.CompareAndSwap(0, change.At.UnixNano())
						}
					}
				})
				c.before(f)
				left.Store(c.spare)
				c.then(f)
				pass(time.Minute)
				if failed.Load() == 0 || ended.Load() != failed.Load() {
					t.Errorf("a write failed at %v, and the connection was given up at %v", time.Unix(0, failed.Load()), time.Unix(0, ended.Load()))
				}
				if f.status().Ready() != 1 {
					t.Errorf("a minute later: %v", stands(f.status()))
				}
				f.gateway.RequireNoViolations(t)
			})
		})
	}
}
