package soak_test

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

var (
	kills    = flag.Int("soak.kills", 4, "how often the bot is killed")
	killSeed = flag.Uint64("soak.seed", 1, "when it is killed")
)

const (
	killShards = 4
	killRate   = 2 * time.Millisecond // between two events
)

// TestKill kills a bot with SIGKILL, at any instant and under load, and starts it again: no event is lost, what comes twice says
// so, and no session is.
//
// Failures: F104.
func TestKill(t *testing.T) {
	gateway, err := gatewaytest.Start(gatewaytest.WithExact(), gatewaytest.WithShards(killShards), gatewaytest.WithMaxConcurrency(killShards),
		gatewaytest.WithHeartbeatInterval(5*time.Second), gatewaytest.WithResumeTimeout(time.Hour), gatewaytest.WithReplayBuffer(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer gateway.Close()
	log := filepath.Join(t.TempDir(), "handled")
	life := 0
	begin := func() *os.Process {
		life++
		cmd := process(map[string]string{envAPI: gateway.APIURL, envLog: log, envLife: fmt.Sprint(life)})
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd.Process
	}
	first := begin()
	await(t, "the first sessions are saved", func() bool { return gateway.Stats().Identifies == killShards })
	time.Sleep(2500 * time.Millisecond) // they are saved each second
	stop := make(chan struct{})
	var load sync.WaitGroup
	load.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(killRate):
				gateway.Shard(n%killShards).Dispatch("MESSAGE_CREATE", map[string]any{"content": fmt.Sprint(n)})
			}
		}
	})
	random := rand.New(rand.NewPCG(*killSeed, 0))
	for p := first; ; p = begin() {
		if life > *kills {
			close(stop)
			load.Wait()
			finish(t, gateway, p, log, killShards)
			break
		}
		time.Sleep(time.Duration(random.Int64N(int64(1200 * time.Millisecond))))
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	stats := gateway.Stats()
	handled := read(t, log)
	lost, repeated, unflagged := 0, 0, 0
	for shard := range killShards {
		l, r, u := handled.judge(t, shard, gateway.Shard(shard).Seq())
		lost, repeated, unflagged = lost+l, repeated+r, unflagged+u
	}
	t.Logf("%d kills, %d events: lost %d, redelivered %d, of them not flagged %d; identifies %d for %d shards, resumes %d",
		life-1, stats.Dispatched, lost, repeated, unflagged, stats.Identifies, killShards, stats.Resumes)
	if lost > 0 || unflagged > 0 || stats.Identifies != killShards {
		t.Errorf("lost %d, not flagged %d, %d identifies for %d shards", lost, unflagged, stats.Identifies, killShards)
	}
	gateway.RequireNoViolations(t)
}

// await waits for a minute at the most.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// finish lets the last process catch up, and ends it in order.
func finish(t *testing.T, gateway *gatewaytest.Server, p *os.Process, log string, shards int) {
	await(t, "the last process catches up", func() bool {
		handled := read(t, log)
		for shard := range shards {
			if handled.last(shard) < gateway.Shard(shard).Seq() || !gateway.Shard(shard).Live() {
				return false
			}
		}
		return true
	})
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if state, err := p.Wait(); err != nil || !state.Success() {
		t.Errorf("the last process ended with %v, %v", state, err)
	}
}

// handledEvent is one line of the file.
type handledEvent struct {
	life        int
	seq         int64
	redelivered bool
}

// history is what was handled, by shard.
type history map[int][]handledEvent

func read(t *testing.T, name string) history {
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all := make(history)
	for scan := bufio.NewScanner(file); scan.Scan(); {
		var e handledEvent
		var shard int
		if _, err := fmt.Sscanf(scan.Text(), "%d %d %d %t", &e.life, &shard, &e.seq, &e.redelivered); err != nil {
			continue // it was being written when the process was killed, or is
		}
		all[shard] = append(all[shard], e)
	}
	return all
}

func (h history) last(shard int) (last int64) {
	for _, e := range h[shard] {
		last = max(last, e.seq)
	}
	return last
}

// judge counts what is missing of a shard's events, what came again, and what of that does not say so.
func (h history) judge(t *testing.T, shard int, last int64) (lost, repeated, unflagged int) {
	seen := make(map[int64]bool)
	life, before := 0, int64(0)
	for _, e := range h[shard] {
		if e.life == life && e.seq != before+1 {
			t.Errorf("shard %d, life %d: event %d follows %d", shard, e.life, e.seq, before)
		}
		life, before = e.life, e.seq
		if seen[e.seq] {
			if repeated++; !e.redelivered {
				unflagged++
			}
		}
		seen[e.seq] = true
	}
	for seq := int64(1); seq <= last; seq++ {
		if !seen[seq] {
			lost++
		}
	}
	return lost, repeated, unflagged
}
