package main

import (
	"time"
)

func handlerBlocks(lib library) (outcome, error) {
	release := make(chan struct{})
	c, err := begin(lib, options{handler: func(content string) {
		if content == "1" {
			<-release
		}
	}})
	if err != nil {
		return outcome{}, err
	}
	before := c.beats()
	for range 32 {
		c.next()
		time.Sleep(250 * time.Millisecond)
	}
	beats, stats := c.beats()-before, c.server.Stats()
	close(release)
	until(10*time.Second, func() bool { lost, _, _ := c.tally(); return lost == 0 })
	lost, twice, _ := c.tally()
	return judge(beats >= 7 && stats.Connections == 1 && lost == 0 && twice == 0, "heartbeats %d in 8 s at 1 s, connections %d; lost %d of %d, twice %d",
		beats, stats.Connections, lost, c.sent, twice), nil
}

func handlerPanics(lib library) (outcome, error) {
	c, err := begin(lib, options{handler: func(content string) {
		if content == "2" {
			panic("a handler's own mistake")
		}
	}})
	if err != nil {
		return outcome{}, err
	}
	for range 5 {
		c.next()
		time.Sleep(50 * time.Millisecond)
	}
	until(3*time.Second, func() bool { lost, _, _ := c.tally(); return lost == 0 })
	lost, twice, _ := c.tally()
	return judge(lost == 0 && twice == 0, "goes on; lost %d of %d, twice %d", lost, c.sent, twice), nil
}
