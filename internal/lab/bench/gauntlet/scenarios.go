package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// scenario is one row of the table.
type scenario struct {
	name  string
	title string
	quick bool          // a test runs it against signalbox
	slow  bool          // only with -slow
	limit time.Duration // after which the process is ended
	run   func(library) (outcome, error)
}

var scenarios = []scenario{
	{"reconnect", "op 7: resume, nothing lost", true, false, 30 * time.Second, reconnect},
	{"op7-first", "op 7 in place of Hello while reconnecting", false, false, 40 * time.Second, op7First},
	{"no-hello", "Hello never comes while reconnecting", false, false, 50 * time.Second, noHello},
	{"half-open", "half-open connection, found within 1 interval + 15 s", false, false, 50 * time.Second, halfOpen},
	{"instant-acks", "ACKs without delay: 12 s, no reconnect", false, false, 40 * time.Second, instantACKs},
	{"two-hellos", "a second Hello: one heartbeat loop", false, false, 40 * time.Second, twoHellos},
	{"burst", "125 sends at once: heartbeats go on, 120 in 60 s hold", false, false, 50 * time.Second, burst},
	{"handler-blocks", "a handler blocks 8 s: heartbeats go on, no reconnect", false, false, 50 * time.Second, handlerBlocks},
	{"handler-panics", "a handler panics: the bot goes on", true, false, 30 * time.Second, handlerPanics},
	{"cut-mid-frame", "cut within frames 5 times: each event once", false, false, 120 * time.Second, cutMidFrame},
	{"op9-true", "op 9, resumable: resume, nothing lost", false, false, 50 * time.Second, op9True},
	{"op9-false", "op 9, not resumable: one new session", false, false, 50 * time.Second, op9False},
	{"identify-refused", "op 9 in answer to Identifies for 5 s: at most 5 of them", false, false, 50 * time.Second, identifyRefused},
	{"dead-resume-url", "resume URL is dead: back within 30 s by the main one", false, false, 60 * time.Second, deadResumeURL},
	{"hostile-resume-url", "resume URL of another host: the token stays home", false, false, 60 * time.Second, hostileResumeURL},
	{"4004", "close 4004: no further connection in 8 s", false, false, 30 * time.Second, rejected},
	{"close-in-outage", "Close while reconnecting: ends, and stays ended", false, false, 60 * time.Second, closeInOutage},
	{"bomb", "a small message inflates to 256 MiB: refused, memory bounded", false, false, 60 * time.Second, bomb},
	{"240-sends", "240 sends: never above 120 in any 60 s", false, true, 180 * time.Second, sends240},
}

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
