package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// verdict is what stands in a cell.
type verdict string

const (
	passed verdict = "pass"
	failed verdict = "FAIL"
)

// outcome is one cell of the table.
type outcome struct {
	Verdict verdict
	Figure  string
}

// judge makes an outcome of a condition and what was measured.
func judge(ok bool, format string, args ...any) outcome {
	v := failed
	if ok {
		v = passed
	}
	return outcome{v, fmt.Sprintf(format, args...)}
}

const (
	interval  = time.Second          // of heartbeats
	roundTrip = 5 * time.Millisecond // how long an ACK takes, but in the scenario about none
)

// cell is one scenario for one library: a server, a bot, and what its handler has seen.
type cell struct {
	lib     library
	server  *gatewaytest.Server
	bot     client
	opened  chan error
	handler func(content string) // called for every event, after it was counted; may be nil
	sent    int                  // events, by their content from 1

	mu    sync.Mutex
	seen  map[string]int
	order []int
}

// options are how a scenario differs from most.
type options struct {
	instant  bool          // ACKs take no time
	interval time.Duration // of heartbeats; 0: interval
	listener net.Listener
	dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	handler  func(content string)
	prepare  func(*gatewaytest.Server) // before the bot connects
	ready    func() bool               // the bot is connected; nil: it has a session
}

// begin starts a server and a bot, and waits until the bot is ready.
func begin(lib library, o options) (*cell, error) {
	opts := []gatewaytest.Option{gatewaytest.WithExact(), gatewaytest.WithHeartbeatInterval(cmp.Or(o.interval, interval)), gatewaytest.WithGuildsPerShard(1)}
	if o.listener != nil {
		opts = append(opts, gatewaytest.WithListener(o.listener))
	}
	server, err := gatewaytest.Start(opts...)
	if err != nil {
		return nil, err
	}
	c := &cell{lib: lib, server: server, handler: o.handler, seen: make(map[string]int), opened: make(chan error, 1)}
	if !o.instant {
		acksAfter(server, roundTrip)
	}
	if o.prepare != nil {
		o.prepare(server)
	}
	if c.bot, err = lib.new(setting{api: server.APIURL, handler: c.handle, dial: o.dial}); err != nil {
		return nil, err
	}
	go func() { c.opened <- c.bot.open(context.Background()) }()
	if o.ready == nil {
		o.ready = server.Shard(0).Live
	}
	if _, ok := until(10*time.Second, o.ready); !ok {
		return nil, fmt.Errorf("it did not connect in 10 s")
	}
	time.Sleep(300 * time.Millisecond) // it reads READY, and its first heartbeat may go out
	return c, nil
}

// acksAfter has ACKs take d.
func acksAfter(server *gatewaytest.Server, d time.Duration) {
	server.OnFrame(func(f gatewaytest.Frame) bool {
		if f.Op == events.OpHeartbeat {
			time.Sleep(d)
		}
		return false
	})
}

func (c *cell) handle(content string) {
	c.mu.Lock()
	c.seen[content]++
	if n, err := strconv.Atoi(content); err == nil {
		c.order = append(c.order, n)
	}
	c.mu.Unlock()
	if c.handler != nil {
		c.handler(content)
	}
}

// message dispatches an event with a content.
func (c *cell) message(content string) bool {
	return c.server.Shard(0).Dispatch("MESSAGE_CREATE", map[string]any{
		"id": "1", "channel_id": "2", "content": content, "timestamp": "2026-01-01T00:00:00Z",
		"author": map[string]any{"id": "3", "username": "somebody"},
	}) > 0
}

// next dispatches the next numbered event.
func (c *cell) next() (number string) {
	if c.message(strconv.Itoa(c.sent + 1)) {
		c.sent++
	}
	return strconv.Itoa(c.sent)
}

func (c *cell) saw(content string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[content] > 0
}

// tally counts numbered events that never came, came again, and came after a later one.
func (c *cell) tally() (lost, twice, disorder int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := 1; n <= c.sent; n++ {
		switch seen := c.seen[strconv.Itoa(n)]; {
		case seen == 0:
			lost++
		case seen > 1:
			twice += seen - 1
		}
	}
	for i := 1; i < len(c.order); i++ {
		if c.order[i] < c.order[i-1] {
			disorder++
		}
	}
	return lost, twice, disorder
}

// recovered waits until back is true and an event that was dispatched after that has been
// handled. One is dispatched every quarter of a second meanwhile. It passes if that happened
// within limit, nothing was lost or came twice, and no more than identifies sessions began.
func (c *cell) recovered(limit time.Duration, identifies int, back func(gatewaytest.Stats) bool) outcome {
	began := time.Now()
	var probes []string
	var took time.Duration
	for took == 0 && time.Since(began) < limit {
		is := back(c.server.Stats()) && c.server.Shard(0).Live()
		if number := c.next(); is {
			probes = append(probes, number)
		}
		until(250*time.Millisecond, func() bool {
			for _, probe := range probes {
				if c.saw(probe) {
					took = time.Since(began)
					return true
				}
			}
			return false
		})
	}
	until(2*time.Second, func() bool { lost, _, _ := c.tally(); return lost == 0 })
	lost, twice, _ := c.tally()
	stats := c.server.Stats()
	if took == 0 {
		return judge(false, "not back in %v; connections %d, identifies %d", limit, stats.Connections, stats.Identifies)
	}
	return judge(lost == 0 && twice == 0 && stats.Identifies <= identifies, "back in %s; lost %d of %d, twice %d; identifies %d, resumes %d",
		seconds(took), lost, c.sent, twice, stats.Identifies, stats.Resumes)
}

// beats are how many heartbeats the server has read.
func (c *cell) beats() int { return c.server.Stats().Heartbeats }

// until waits until a condition holds, and tells how long that took and whether it did.
func until(limit time.Duration, holds func() bool) (time.Duration, bool) {
	began := time.Now()
	for {
		if holds() {
			return time.Since(began), true
		}
		if time.Since(began) > limit {
			return limit, false
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// connections is true once there were n of them.
func connections(n int) func(gatewaytest.Stats) bool {
	return func(s gatewaytest.Stats) bool { return s.Connections >= n }
}
