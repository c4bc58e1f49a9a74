package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// ask sends n at once. wait returns when the last has returned, and refused tells how many failed.
func ask(ctx context.Context, c *cell, n int) (wait func(), refused func() int) {
	var all sync.WaitGroup
	var mu sync.Mutex
	bad := 0
	for i := range n {
		all.Go(func() {
			if c.bot.ask(ctx, gatewaytest.GuildOf(events.ShardID{Total: 1}, i)) != nil {
				mu.Lock()
				defer mu.Unlock()
				bad++
			}
		})
	}
	return all.Wait, func() int { mu.Lock(); defer mu.Unlock(); return bad }
}

func burst(lib library) (outcome, error) {
	c, err := begin(lib, options{})
	if err != nil {
		return outcome{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	before := c.beats()
	ask(ctx, c, 125)
	time.Sleep(9*interval + interval/2)
	beats, stats := c.beats()-before, c.server.Stats()
	broken := violations(c.server)
	return judge(beats >= 8 && stats.Connections == 1 && broken == "", "heartbeats %d in 9.5 s at 1 s, connections %d%s", beats, stats.Connections, broken), nil
}

func sends240(lib library) (outcome, error) {
	c, err := begin(lib, options{interval: 41250 * time.Millisecond}) // Discord's: heartbeats count too
	if err != nil {
		return outcome{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 150*time.Second)
	defer cancel()
	began := time.Now()
	wait, refused := ask(ctx, c, 240)
	done := make(chan struct{})
	go func() { defer close(done); wait() }()
	select {
	case <-done:
	case <-time.After(155 * time.Second):
	}
	took := time.Since(began)
	time.Sleep(2 * time.Second) // the server reads what has been written
	broken, stats := violations(c.server), c.server.Stats()
	return judge(broken == "" && refused() == 0 && stats.Connections == 1, "done in %s, errors %d, connections %d%s",
		seconds(took), refused(), stats.Connections, broken), nil
}

// violations are the rules that the server saw broken, each once, to be added to a figure.
func violations(server *gatewaytest.Server) string {
	count := make(map[string]int)
	for _, v := range server.Violations() {
		count[v.Rule]++
	}
	var all strings.Builder
	for _, rule := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(&all, "; broke %q %d times", rule, count[rule])
	}
	return all.String()
}
