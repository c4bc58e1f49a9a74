// Package kit drives one gateway client through the benchmark scenarios and
// prints the measurements as one JSON line. A client's adapter implements
// Client and calls Main; everything measured is measured here, so that every
// client is measured alike.
package kit

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Client is what an adapter implements.
type Client interface {
	// Open connects Run.Shards shards. It may return before they are ready;
	// the adapter calls Run.Ready once for each shard that received READY.
	Open(ctx context.Context) error
	// RequestMembers asks for one member of a guild over the given shard. The
	// adapter calls Run.Chunk with the nonce when the chunk arrives. An adapter
	// that cannot returns ErrUnsupported.
	RequestMembers(shard int, guildID uint64, nonce string) error
}

// ErrUnsupported says that a client has no public way to do something.
var ErrUnsupported = fmt.Errorf("unsupported")

// Run is one benchmark run: its settings, and what the adapter reports to.
type Run struct {
	Server   string // host:port of gateserver
	Scenario string // flood, idle, growth, request, startup
	Shards   int
	Compress string // none, payload, zlib-stream, zstd-stream
	Handler  string // raw: count every event; message: count typed MESSAGE_CREATE
	Variant  string // default or lean: the client's defaults, or state and extras off
	Drops    int    // how often all connections are lost before the idle measurement
	Events   int

	MaxConcurrency int

	counters  []counter
	target    int64
	remaining atomic.Int64
	done      chan struct{}
	ready     atomic.Int64
	allReady  chan struct{}
	waiters   sync.Map // nonce -> *waiter
	errs      atomic.Int64
}

type waiter struct {
	t0 time.Time
	ch chan time.Duration
}

type counter struct {
	n atomic.Int64
	_ [56]byte
}

// URL is the gateway's WebSocket URL.
func (r *Run) URL() string { return "ws://" + r.Server }

// Message tells whether the adapter should register a typed MESSAGE_CREATE
// handler that calls Event, instead of a handler for any event.
func (r *Run) Message() bool { return r.Handler == "message" }

// Lean tells whether to switch state tracking and other extras off.
func (r *Run) Lean() bool { return r.Variant == "lean" }

// Event counts one event of a shard.
func (r *Run) Event(shard int) {
	if r.counters[shard].n.Add(1) == r.target && r.remaining.Add(-1) == 0 {
		close(r.done)
	}
}

// Ready reports a shard's READY.
func (r *Run) Ready() {
	if r.ready.Add(1) == int64(r.Shards) {
		close(r.allReady)
	}
}

// Chunk reports the arrival of the chunk answering a request.
func (r *Run) Chunk(nonce string) {
	if w, ok := r.waiters.LoadAndDelete(nonce); ok {
		w := w.(*waiter)
		w.ch <- time.Since(w.t0)
	}
}

// Error reports an error of the client, such as an event it cannot decode.
func (r *Run) Error(err error) {
	if r.errs.Add(1) <= 3 {
		fmt.Fprintln(os.Stderr, "client error:", err)
	}
}

type result map[string]any

// Main runs the scenario given on the command line.
func Main(name string, open func(*Run) Client) {
	r := &Run{done: make(chan struct{}), allReady: make(chan struct{}), target: -1}
	flag.StringVar(&r.Server, "server", "127.0.0.1:7711", "gateserver's address")
	flag.StringVar(&r.Scenario, "scenario", "flood", "flood, idle, growth, request or startup")
	flag.IntVar(&r.Shards, "shards", 1, "shards to connect")
	flag.StringVar(&r.Compress, "compress", "none", "none, payload, zlib-stream, zstd-stream")
	flag.StringVar(&r.Handler, "handler", "raw", "raw or message")
	flag.StringVar(&r.Variant, "variant", "default", "default, lean, or one of the adapter's own")
	flag.IntVar(&r.Events, "events", 10000, "events per shard (flood, growth), warm-up events per shard (idle), requests (request)")
	window := flag.Int("window", 256, "outstanding requests in the request scenario's throughput part")
	settle := flag.Duration("settle", 10*time.Second, "idle time before and during the idle measurement")
	flag.IntVar(&r.Drops, "drops", 0, "how often all connections are lost before the idle measurement")
	timeout := flag.Duration("timeout", 2*time.Minute, "give up after this long")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the scenario here")
	allocations := flag.String("memprofile", "", "write a profile of all allocations here")
	r.MaxConcurrency = 1000
	flag.IntVar(&r.MaxConcurrency, "max-concurrency", r.MaxConcurrency, "max_concurrency to configure where the client does not ask the server")
	flag.Parse()
	r.counters = make([]counter, r.Shards)
	time.AfterFunc(*timeout, func() {
		var got int64
		for i := range r.counters {
			got += r.counters[i].n.Load()
		}
		fmt.Fprintf(os.Stderr, "timed out: %d of %d shards ready, %d events counted, target %d per shard\n", r.ready.Load(), r.Shards, got, r.target)
		os.Exit(1)
	})

	res := result{"client": name, "scenario": r.Scenario, "shards": r.Shards, "compress": r.Compress, "handler": r.Handler, "variant": r.Variant}
	if *allocations != "" {
		runtime.MemProfileRate = 4096
		defer func() {
			f, err := os.Create(*allocations)
			if err == nil {
				err = pprof.Lookup("allocs").WriteTo(f, 0)
			}
			if err != nil {
				fatal(err)
			}
		}()
	}
	startProfile := func() {
		if *profile == "" {
			return
		}
		f, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fatal(err)
		}
	}
	defer pprof.StopCPUProfile()
	r.get("/bench/begin", nil)
	base := memory()
	if r.Scenario == "startup" {
		startProfile()
	}
	c := open(r)
	t0, cpu0 := time.Now(), cpu()
	if err := c.Open(context.Background()); err != nil {
		fatal(err)
	}
	<-r.allReady
	res["startup_s"], res["startup_cpu_s"] = time.Since(t0).Seconds(), cpu()-cpu0

	if r.Scenario != "startup" {
		startProfile()
	}
	switch r.Scenario {
	case "flood":
		r.flood(res)
	case "idle":
		r.idle(res, base, *settle)
	case "growth": // idle, then flood
		n := r.Events
		r.Events = 0
		r.idle(res, base, *settle)
		r.Events = n
		r.flood(res)
	case "request":
		r.request(res, c, *window)
	case "startup":
	default:
		fatal(fmt.Errorf("unknown scenario %q", r.Scenario))
	}
	res["errors"] = r.errs.Load()
	var ru syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	res["max_rss_mib"] = float64(ru.Maxrss) / 1024
	json.NewEncoder(os.Stdout).Encode(res)
}

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

type tapeInfo struct {
	Events   int            `json:"events"`
	Types    map[string]int `json:"types"`
	RawBytes int            `json:"raw_bytes"`
}

func (r *Run) info(n int) (i tapeInfo) {
	b := r.get("/bench/info", url.Values{"n": {strconv.Itoa(n)}, "mode": {r.Compress}})
	if err := json.Unmarshal(b, &i); err != nil {
		fatal(err)
	}
	return i
}

// interval is that of the server's heartbeats.
func (r *Run) interval() time.Duration {
	var s struct {
		Interval float64 `json:"heartbeat_s"`
	}
	if err := json.Unmarshal(r.get("/bench/stats", nil), &s); err != nil {
		fatal(err)
	}
	return time.Duration(s.Interval * float64(time.Second))
}

func (r *Run) serverCPU() float64 {
	var s struct {
		CPU float64 `json:"cpu_s"`
	}
	json.Unmarshal(r.get("/bench/stats", nil), &s)
	return s.CPU
}

func (r *Run) get(path string, q url.Values) []byte {
	resp, err := http.Get("http://" + r.Server + path + "?" + q.Encode())
	if err != nil {
		fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		fatal(err)
	}
	return b
}

type mem struct {
	runtime.MemStats
	rss uint64
}

func memory() (m mem) {
	runtime.ReadMemStats(&m.MemStats)
	b, _ := os.ReadFile("/proc/self/statm")
	if f := strings.Fields(string(b)); len(f) > 1 {
		pages, _ := strconv.ParseUint(f[1], 10, 64)
		m.rss = pages * uint64(os.Getpagesize())
	}
	return m
}

func cpu() float64 {
	var ru syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	return float64(ru.Utime.Nano()+ru.Stime.Nano()) / 1e9
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
