package operations_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// slowConn gives what it has read out later.
type slowConn struct {
	net.Conn
	late *atomic.Int64 // by how much
}

func (c slowConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	time.Sleep(time.Duration(c.late.Load()))
	return n, err
}

// far is a network on which everything takes seconds.
func far() fault {
	var late atomic.Int64
	var gateway atomic.Pointer[bot]
	return fault{
		before: func(b *bot) { gateway.Store(b) },
		manager: []shardmanager.Option{shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := gateway.Load().g.DialContext(ctx, network, addr)
			return slowConn{conn, &late}, err
		})},
		happens: func(b *bot) {
			late.Store(int64(4 * time.Second))
			b.pass(30 * time.Minute)
			late.Store(0)
			b.pass(10 * time.Second)
		},
	}
}

// unreachable is a network on which one shard alone cannot connect.
func unreachable(shard events.ShardID, happens func(*bot)) fault {
	var gateway atomic.Pointer[bot]
	return fault{
		before: func(b *bot) { gateway.Store(b) },
		manager: []shardmanager.Option{shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			if dial, _ := actors.DialOf(ctx); dial.Shard == shard {
				return nil, errors.New("no route")
			}
			return gateway.Load().g.DialContext(ctx, network, addr)
		})},
		happens: happens,
	}
}
