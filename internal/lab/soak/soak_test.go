package soak_test

import (
	"flag"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

var (
	soakFor      = flag.Duration("soak.for", 3*time.Second, "how long the soak is")
	soakShards   = flag.Int("soak.shards", 40, "its shards")
	soakInterval = flag.Duration("soak.interval", time.Second, "of its heartbeats")
)

const blockedOne = 20 // of so many shards has a handler that blocks for ever

// beats measures how late each heartbeat is, as the gateway sees it.
type beats struct {
	mu   sync.Mutex
	due  map[int]time.Time // by connection
	late []time.Duration
}

func (b *beats) trace(e gatewaytest.Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case e.Kind == gatewaytest.Sent && e.Op == events.OpHello:
		b.due[e.Conn] = e.At.Add(*soakInterval) // the first comes at any time before that
	case e.Kind == gatewaytest.Received && e.Op == events.OpHeartbeat:
		late := max(e.At.Sub(b.due[e.Conn]), 0)
		b.late = append(b.late, late)
		if due := b.due[e.Conn]; late > 0 {
			b.due[e.Conn] = due.Add(*soakInterval)
		} else {
			b.due[e.Conn] = e.At.Add(*soakInterval) // the first: the others each an interval after it
		}
	}
}

func (b *beats) percentile(share float64) time.Duration {
	return b.late[min(int(share*float64(len(b.late))), len(b.late)-1)]
}

// TestSoak lets a bot live beside handlers that block for ever and callers that keep every bucket empty. Heartbeats come in time, and
// no connection is given up. How late heartbeats are is printed: a timed test would judge the machine.
func TestSoak(t *testing.T) {
	b := &beats{due: make(map[int]time.Time)}
	gateway, err := gatewaytest.Start(gatewaytest.WithExact(), gatewaytest.WithShards(*soakShards), gatewaytest.WithMaxConcurrency(*soakShards),
		gatewaytest.WithSessionStarts(2**soakShards+1000, 2**soakShards+1000, 24*time.Hour), gatewaytest.WithHeartbeatInterval(*soakInterval),
		gatewaytest.WithReplayBuffer(100), gatewaytest.WithTrace(b.trace))
	if err != nil {
		t.Fatal(err)
	}
	defer gateway.Close()
	cmd := process(map[string]string{envAPI: gateway.APIURL, envBlock: fmt.Sprint(blockedOne)})
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "all shards are ready", func() bool { return gateway.Stats().Identifies == *soakShards })
	begin := time.Now()
	for tick := 0; time.Since(begin) < *soakFor; tick++ {
		for shard := range *soakShards {
			events := 1
			if shard%blockedOne == 0 {
				events = 5 // so that these shards stop to read before long
			}
			for range events {
				gateway.Shard(shard).Dispatch("MESSAGE_CREATE", map[string]any{"content": "soak"})
			}
		}
		time.Sleep(time.Until(begin.Add(time.Duration(tick+1) * time.Second / 2)))
		if tick%120 == 119 {
			t.Logf("after %v: %d heartbeats", time.Since(begin).Round(time.Second), gateway.Stats().Heartbeats)
		}
	}
	stats := gateway.Stats()
	b.mu.Lock()
	slices.Sort(b.late)
	t.Logf("%d shards, %v: %d events, %d payloads, %d heartbeats, late by p50 %v, p99 %v, p99.9 %v, p99.99 %v, at most %v; %d connections, %d identifies, %d resumes",
		*soakShards, time.Since(begin).Round(time.Second), stats.Dispatched, stats.Frames, len(b.late), b.percentile(0.5), b.percentile(0.99), b.percentile(0.999),
		b.percentile(0.9999), b.late[len(b.late)-1], stats.Connections, stats.Identifies, stats.Resumes)
	b.mu.Unlock()
	if stats.Connections != *soakShards || stats.Ended != 0 {
		t.Errorf("%d connections for %d shards", stats.Connections, *soakShards)
	}
	gateway.RequireNoViolations(t)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the bot ended with %v", err)
	}
}
