package kit

import (
	"encoding/json"
	"fmt"
	"net/url"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"sync"
	"time"
)

// play has the server play n events to every shard and waits until the
// adapter has counted them all.
func (r *Run) play(n int) (wall, cpuS float64, counted int64, info tapeInfo, before, after runtime.MemStats) {
	info = r.info(n)
	target := int64(info.Events)
	if r.Message() {
		target = int64(info.Types["MESSAGE_CREATE"])
	}
	time.Sleep(300 * time.Millisecond) // let the handlers of READY finish
	for i := range r.counters {
		r.counters[i].n.Store(0)
	}
	r.done = make(chan struct{})
	r.remaining.Store(int64(r.Shards))
	r.target = target
	runtime.GC()
	runtime.ReadMemStats(&before)
	t0, c0 := time.Now(), cpu()
	var started struct {
		Connections int `json:"connections"`
	}
	json.Unmarshal(r.get("/bench/start", url.Values{"n": {strconv.Itoa(n)}}), &started)
	if started.Connections != r.Shards {
		fatal(fmt.Errorf("the server plays to %d connections, not to the %d of this run", started.Connections, r.Shards))
	}
	<-r.done
	wall, cpuS = time.Since(t0).Seconds(), cpu()-c0
	runtime.ReadMemStats(&after)
	return wall, cpuS, int64(info.Events) * int64(r.Shards), info, before, after
}

func (r *Run) flood(res result) {
	r.info(r.Events) // has the server encode the tape
	s0 := r.serverCPU()
	wall, cpuS, n, info, before, after := r.play(r.Events)
	res["server_cpu_s"] = r.serverCPU() - s0
	res["events"] = n
	res["wall_s"] = wall
	res["events_per_s"] = float64(n) / wall
	res["cpu_s_per_million"] = cpuS / float64(n) * 1e6
	res["raw_mb_per_s"] = float64(info.RawBytes) * float64(r.Shards) / wall / 1e6
	res["allocs_per_event"] = float64(after.Mallocs-before.Mallocs) / float64(n)
	res["alloc_bytes_per_event"] = float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
}

func (r *Run) idle(res result, base mem, settle time.Duration) {
	if r.Events > 0 {
		r.play(r.Events)
	}
	for range r.Drops {
		time.Sleep(settle)
		r.get("/bench/drop", nil)
	}
	time.Sleep(settle)
	m := memory()
	per := func(a, b uint64) float64 { return (float64(a) - float64(b)) / float64(r.Shards) / 1024 }
	res["rss_kib_per_shard"] = per(m.rss, base.rss)
	runtime.GC()
	runtime.GC()
	m = memory()
	res["heap_live_kib_per_shard"] = per(m.HeapAlloc, base.HeapAlloc)
	res["stack_kib_per_shard"] = per(m.StackInuse, base.StackInuse)
	res["goroutines_per_shard"] = float64(runtime.NumGoroutine()) / float64(r.Shards)
	debug.FreeOSMemory()
	m = memory()
	res["rss_trimmed_kib_per_shard"] = per(m.rss, base.rss)
	c0, t0 := cpu(), time.Now()
	time.Sleep(settle)
	res["idle_cpu_ms_per_s"] = (cpu() - c0) * 1000 / time.Since(t0).Seconds()
	var beats struct {
		Beats int     `json:"beats"`
		P50   float64 `json:"late_p50_ms"`
		P999  float64 `json:"late_p999_ms"`
		Max   float64 `json:"late_max_ms"`
	}
	if err := json.Unmarshal(r.get("/bench/stats", nil), &beats); err != nil {
		fatal(err)
	}
	res["beats"], res["late_p50_ms"], res["late_p999_ms"], res["late_max_ms"] = beats.Beats, beats.P50, beats.P999, beats.Max
	if beats.Beats > 0 {
		res["cpu_us_per_beat"] = res["idle_cpu_ms_per_s"].(float64) * 1000 * r.interval().Seconds() / float64(r.Shards)
	}
}

func (r *Run) request(res result, c Client, window int) {
	ask := func(i int) chan time.Duration {
		nonce := "n" + strconv.Itoa(i)
		w := &waiter{t0: time.Now(), ch: make(chan time.Duration, 1)}
		r.waiters.Store(nonce, w)
		if err := c.RequestMembers(i%r.Shards, 800000000000000000+uint64(i), nonce); err != nil {
			fatal(err)
		}
		return w.ch
	}
	var lat []time.Duration
	for i := range r.Events {
		lat = append(lat, <-ask(i))
	}
	lat = lat[len(lat)/10:] // warm-up
	sort.Slice(lat, func(i, j int) bool { return lat[i] < lat[j] })
	us := func(q float64) float64 { return float64(lat[int(q*float64(len(lat)-1))]) / 1e3 }
	res["request_p50_us"], res["request_p99_us"] = us(0.5), us(0.99)

	n := r.Events * 10
	sem := make(chan struct{}, window)
	var wg sync.WaitGroup
	t0, c0 := time.Now(), cpu()
	for i := range n {
		sem <- struct{}{}
		ch := ask(r.Events + i)
		wg.Add(1)
		go func() { <-ch; <-sem; wg.Done() }()
	}
	wg.Wait()
	res["requests_per_s"] = float64(n) / time.Since(t0).Seconds()
	res["request_cpu_us"] = (cpu() - c0) / float64(n) * 1e6
}
