package soak_test

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

var (
	restarts      = flag.Int("soak.restarts", 3, "how often the bot is restarted in order")
	restartShards = flag.Int("soak.restart-shards", 16, "shards of the bot that is restarted")
	restartRate   = flag.Int("soak.restart-rate", 500, "events in a second, of all its shards")
)

// TestRestarts ends a bot with SIGTERM and starts it again, under load: no event is lost, none comes twice, and no Identify is spent after the first start. It prints how long
// each shard was away: from the SIGTERM to its RESUMED.
//
// Failures: F108, F121.
func TestRestarts(t *testing.T) {
	shards := *restartShards
	gateway, err := gatewaytest.Start(gatewaytest.WithExact(), gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(shards),
		gatewaytest.WithResumeTimeout(time.Hour), gatewaytest.WithReplayBuffer(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer gateway.Close()
	var (
		mu    sync.Mutex
		ended time.Time // the latest SIGTERM
		away  []time.Duration
	)
	gateway.OnEntry(func(e gatewaytest.Entry) {
		if e.Kind == gatewaytest.Resumed {
			mu.Lock()
			defer mu.Unlock()
			away = append(away, e.At.Sub(ended))
		}
	})
	log := filepath.Join(t.TempDir(), "handled")
	ready := func() bool {
		for shard := range shards {
			if !gateway.Shard(shard).Live() {
				return false
			}
		}
		return true
	}
	stop := make(chan struct{})
	var load sync.WaitGroup
	load.Go(func() {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for n, began := 0, time.Now(); ; {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
			for due := int(time.Since(began).Seconds() * float64(*restartRate)); n < due; n++ {
				gateway.Shard(n%shards).Dispatch("MESSAGE_CREATE", map[string]any{"content": fmt.Sprint(n)})
			}
		}
	})
	for life := 1; ; life++ {
		cmd := process(map[string]string{envAPI: gateway.APIURL, envLog: log, envLife: fmt.Sprint(life)})
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		await(t, "all shards are live", ready)
		if life > *restarts {
			close(stop)
			load.Wait()
			finish(t, gateway, cmd.Process, log, shards)
			break
		}
		time.Sleep(time.Second)
		mu.Lock()
		ended = time.Now()
		mu.Unlock()
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("life %d: %v", life, err)
		}
	}
	handled := read(t, log)
	lost, repeated := 0, 0
	for shard := range shards {
		l, r, _ := handled.judge(t, shard, gateway.Shard(shard).Seq())
		lost, repeated = lost+l, repeated+r
	}
	stats := gateway.Stats()
	slices.Sort(away)
	t.Logf("%d restarts of %d shards, %d events: lost %d, twice %d; identifies %d, resumes %d; from SIGTERM to RESUMED p50 %v, p99 %v, at the most %v", *restarts, shards, stats.Dispatched,
		lost, repeated, stats.Identifies, stats.Resumes, away[len(away)/2].Round(time.Millisecond), away[len(away)*99/100].Round(time.Millisecond), away[len(away)-1].Round(time.Millisecond))
	if lost > 0 || repeated > 0 || stats.Identifies != shards || stats.Resumes != shards**restarts {
		t.Errorf("lost %d, twice %d, %d identifies and %d resumes", lost, repeated, stats.Identifies, stats.Resumes)
	}
	gateway.RequireNoViolations(t)
}
