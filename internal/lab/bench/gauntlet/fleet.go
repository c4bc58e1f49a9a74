package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

const (
	connectLimit   = 2 * time.Minute
	fleetRoundTrip = 50 * time.Millisecond // how long an ACK takes: with hundreds of shards on a busy machine 5 ms may pass unseen
)

// fleet is a bot of many shards, and what its gateway saw of losses made good. The gateway is
// Discord's in its heartbeat interval, and lets all shards identify at once.
type fleet struct {
	server *gatewaytest.Server
	shards int

	mu     sync.Mutex
	lostAt map[int]time.Time // by shard
	took   []time.Duration   // from a loss until the gateway sent RESUMED, or READY
}

// beginFleet starts a server and a bot, and waits until every shard has a session.
func beginFleet(lib library, shards int) (*fleet, error) {
	f := &fleet{shards: shards, lostAt: make(map[int]time.Time)}
	starts := 3*shards + 1000
	server, err := gatewaytest.Start(gatewaytest.WithExact(), gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(shards), gatewaytest.WithGuildsPerShard(1),
		gatewaytest.WithSessionStarts(starts, starts, 24*time.Hour), gatewaytest.WithTrace(f.saw))
	if err != nil {
		return nil, err
	}
	f.server = server
	acksAfter(server, fleetRoundTrip)
	bot, err := lib.new(setting{api: server.APIURL, shards: shards, handler: func(string) {}})
	if err != nil {
		return nil, err
	}
	opened := make(chan error, 1)
	go func() { opened <- bot.open(context.Background()) }()
	if _, ok := until(connectLimit, func() bool { return server.Stats().Identifies >= shards }); ok {
		return f, nil
	}
	select {
	case err = <-opened:
	default:
	}
	return nil, fmt.Errorf("%d of %d shards connected in %v: %v", server.Stats().Identifies, shards, connectLimit, err)
}

func (f *fleet) saw(e gatewaytest.Entry) {
	if e.Kind != gatewaytest.Resumed && e.Kind != gatewaytest.Began {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if at, lost := f.lostAt[e.Shard.Index]; lost {
		delete(f.lostAt, e.Shard.Index)
		f.took = append(f.took, e.At.Sub(at))
	}
}

// lose has time count for one shard, or for all of them if it is negative, from now on.
func (f *fleet) lose(shard int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	for n := range f.shards {
		if shard < 0 || n == shard {
			f.lostAt[n] = now
		}
	}
}

// missing is how many shards are lost.
func (f *fleet) missing() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.lostAt)
}

func (f *fleet) lost(shard int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, lost := f.lostAt[shard]
	return lost
}

// judge is what judgeRecovery says of the losses so far.
func (f *fleet) judge(half, most time.Duration) outcome {
	f.mu.Lock()
	took, missing := slices.Sorted(slices.Values(f.took)), len(f.lostAt)
	f.mu.Unlock() // the server holds its own lock when it calls saw
	o := judgeRecovery(took, missing, f.server.Stats().Identifies-f.shards, half, most)
	o.Figure += violations(f.server)
	return o
}

// judgeRecovery passes if half of the recoveries took no longer than half, none longer than most,
// none is missing, and no Identify was spent on them.
func judgeRecovery(took []time.Duration, missing, spent int, half, most time.Duration) outcome {
	if len(took) == 0 {
		return judge(false, "losses %d, none made good; Identifies spent %d", missing, spent)
	}
	p50, p99, longest := took[len(took)/2], took[len(took)*99/100], took[len(took)-1]
	figure := fmt.Sprintf("p50 %s, p99 %s, max %s; losses %d, Identifies spent %d", millis(p50), millis(p99), millis(longest), len(took)+missing, spent)
	if missing > 0 {
		figure += fmt.Sprintf(", never back %d", missing)
	}
	return judge(missing == 0 && spent == 0 && p50 <= half && longest <= most, "%s", figure)
}

func millis(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }
