package main

import (
	"fmt"
	"time"
)

func reconnect(lib library) (outcome, error) {
	c, err := begin(lib, options{})
	if err != nil {
		return outcome{}, err
	}
	c.server.Shard(0).Reconnect()
	return c.recovered(20*time.Second, 1, connections(2)), nil
}

func op7First(lib library) (outcome, error) {
	c, err := begin(lib, options{})
	if err != nil {
		return outcome{}, err
	}
	c.server.OnConnect(func(n int) bool {
		if n == 2 {
			c.server.SendTo(n, []byte(`{"op":7,"d":null,"s":null,"t":null}`))
		}
		return n == 2
	})
	c.server.Shard(0).Drop()
	return c.recovered(25*time.Second, 1, connections(3)), nil
}

func noHello(lib library) (outcome, error) {
	c, err := begin(lib, options{})
	if err != nil {
		return outcome{}, err
	}
	c.server.OnConnect(func(n int) bool { return n == 2 })
	c.server.Shard(0).Drop()
	return c.recovered(35*time.Second, 1, connections(3)), nil
}

func halfOpen(lib library) (outcome, error) {
	c, err := begin(lib, options{})
	if err != nil {
		return outcome{}, err
	}
	c.server.Shard(0).Freeze(true)
	return c.recovered(interval+15*time.Second, 1, connections(2)), nil
}

func instantACKs(lib library) (outcome, error) {
	c, err := begin(lib, options{instant: true})
	if err != nil {
		return outcome{}, err
	}
	time.Sleep(12 * time.Second)
	stats := c.server.Stats()
	return judge(stats.Connections == 1, "connections %d, heartbeats %d", stats.Connections, stats.Heartbeats), nil
}

func twoHellos(lib library) (outcome, error) {
	c, err := begin(lib, options{})
	if err != nil {
		return outcome{}, err
	}
	before := c.beats()
	c.server.Shard(0).SendRaw(fmt.Appendf(nil, `{"op":10,"d":{"heartbeat_interval":%d},"s":null,"t":null}`, interval.Milliseconds()))
	time.Sleep(6*interval + interval/2)
	beats, stats := c.beats()-before, c.server.Stats()
	// A client may also answer the second Hello by starting anew.
	alive := c.next()
	_, lives := until(3*time.Second, func() bool { return c.saw(alive) })
	return judge(lives && beats >= 5 && beats <= 8, "heartbeats %d in 6.5 s at 1 s, connections %d", beats, stats.Connections), nil
}

func cutMidFrame(lib library) (outcome, error) {
	c, err := begin(lib, options{})
	if err != nil {
		return outcome{}, err
	}
	began := time.Now()
	for round := range 5 {
		c.server.Shard(0).CutAt(int64(700 + 37*round))
		for range 40 {
			c.next()
		}
		if _, ok := until(30*time.Second, func() bool {
			return c.server.Stats().Connections >= round+2 && c.server.Shard(0).Live()
		}); !ok {
			return judge(false, "not back in 30 s after cut %d", round+1), nil
		}
	}
	until(5*time.Second, func() bool { lost, _, _ := c.tally(); return lost == 0 })
	took := time.Since(began)
	lost, twice, disorder := c.tally()
	stats := c.server.Stats()
	return judge(lost == 0 && twice == 0 && stats.Identifies == 1, "lost %d of %d, twice %d, out of order %d; identifies %d, resumes %d; all in %s",
		lost, c.sent, twice, disorder, stats.Identifies, stats.Resumes, seconds(took)), nil
}
