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
	"os"
	"runtime"
	"runtime/pprof"
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

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
