package kit

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

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
