package main

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

func op9True(lib library) (outcome, error) {
	c, err := begin(lib, options{})
	if err != nil {
		return outcome{}, err
	}
	c.server.Shard(0).InvalidSession(true)
	return c.recovered(20*time.Second, 1, func(s gatewaytest.Stats) bool { return s.Resumes > 0 || s.Identifies > 1 }), nil
}

func op9False(lib library) (outcome, error) {
	c, err := begin(lib, options{})
	if err != nil {
		return outcome{}, err
	}
	time.Sleep(6 * time.Second) // an Identify would be refused earlier
	return c.renewed(0), nil
}

// identifyRefused takes the session away so early that Discord refuses another Identify.
func identifyRefused(lib library) (outcome, error) {
	c, err := begin(lib, options{})
	if err != nil {
		return outcome{}, err
	}
	return c.renewed(5), nil
}

// renewed ends the session, and waits for a new one that brings an event.
func (c *cell) renewed(refusals int) outcome {
	c.server.Shard(0).InvalidSession(false)
	began := time.Now()
	_, ok := until(25*time.Second, func() bool { return c.server.Stats().Identifies == 2 && c.server.Shard(0).Live() })
	took := time.Since(began)
	alive := c.next()
	_, lives := until(3*time.Second, func() bool { return c.saw(alive) })
	stats := c.server.Stats()
	if !ok || !lives {
		return judge(false, "no new session in 25 s; Identifies refused %d, connections %d", stats.Refused, stats.Connections)
	}
	return judge(stats.Refused <= refusals, "new session in %s; Identifies refused %d", seconds(took), stats.Refused)
}

func rejected(lib library) (outcome, error) {
	c, err := begin(lib, options{})
	if err != nil {
		return outcome{}, err
	}
	c.server.Shard(0).Close(events.CloseAuthenticationFailed)
	time.Sleep(8 * time.Second)
	stats := c.server.Stats()
	return judge(stats.Connections == 1, "connections after it %d, identifies after it %d", stats.Connections-1, stats.Identifies-1), nil
}

func closeInOutage(lib library) (outcome, error) {
	before := runtime.NumGoroutine()
	c, err := begin(lib, options{})
	if err != nil {
		return outcome{}, err
	}
	c.server.Outage(true)
	time.Sleep(3 * time.Second)
	had := c.server.Stats().Connections
	began, closed := time.Now(), make(chan struct{})
	go func() {
		defer close(closed)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		c.bot.close(ctx)
	}()
	select {
	case <-closed:
	case <-time.After(6 * time.Second):
		return judge(false, "Close has not returned in 6 s"), nil
	}
	took := time.Since(began)
	c.server.Outage(false)
	time.Sleep(10 * time.Second)
	after := c.server.Stats().Connections - had
	c.server.Close()
	http.DefaultClient.CloseIdleConnections()
	time.Sleep(500 * time.Millisecond)
	return judge(after == 0 && took < 5*time.Second, "Close took %s; connections after it %d; goroutines left %d", seconds(took), after, max(0, runtime.NumGoroutine()-before)), nil
}
