// Command gateserver is a fake Discord gateway for benchmarks on loopback. It
// speaks enough of the gateway protocol (hello, identify, resume, heartbeats,
// guild member requests, voice and presence updates; no, payload, zlib-stream
// and zstd-stream compression) for unmodified clients to connect, plays a
// pre-encoded tape of dispatches on request, and counts clients' misbehaviour.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/signalbox-go/signalbox/internal/lab/bench/tape"
)

type server struct {
	addr        string
	hb          time.Duration
	maxConc     int
	shards      int
	readyGuilds int
	members     int
	enforce     bool
	ackDelay    time.Duration

	events []tape.Event
	mu     sync.Mutex
	tapes  map[tape.Mode]*tape.Encoded
	conns  map[*conn]struct{}
	sess   map[string]*session
	bucket map[int]time.Time // last identify per max_concurrency bucket
	nextID atomic.Uint64

	stats stats
	late  []float64 // of heartbeats but the first of a connection, in ms; guarded by mu
}

// session is what a Resume goes on with.
type session struct {
	seq    int64
	played int // events of the tape, if they were all that came after READY
}

// firstOfTape is the sequence number of the first event on the tape: it follows READY.
const firstOfTape = 2

type stats struct {
	Accepted, Identifies, Resumes, Heartbeats, Replayed, Requests, Presences, Voice, Closed atomic.Int64

	// Misbehaviour.
	MissedHeartbeat, OverSendLimit, IdentifyConcurrency, BadPayload, TooLarge, NotIdentified, BadResume, HeartbeatAhead atomic.Int64

	FirstHeartbeat [10]atomic.Int64 // by tenth of the interval after hello
	FloodNanos     atomic.Int64     // longest tape write of the last flood
}

func main() {
	s := &server{conns: map[*conn]struct{}{}, sess: map[string]*session{}, bucket: map[int]time.Time{}, tapes: map[tape.Mode]*tape.Encoded{}}
	var n int
	var seed uint64
	flag.StringVar(&s.addr, "addr", "127.0.0.1:7711", "listen address (loopback)")
	flag.IntVar(&n, "events", 100000, "events on the tape")
	flag.Uint64Var(&seed, "seed", 1, "seed of the tape")
	flag.DurationVar(&s.hb, "heartbeat", 10*time.Minute, "heartbeat interval announced in hello")
	flag.IntVar(&s.maxConc, "max-concurrency", 1000, "max_concurrency announced and checked")
	flag.IntVar(&s.shards, "shards", 1, "recommended shard count announced")
	flag.IntVar(&s.readyGuilds, "ready-guilds", 100, "unavailable guilds in READY")
	flag.IntVar(&s.members, "members", 1000, "members per GUILD_MEMBERS_CHUNK when a request sets no limit")
	flag.DurationVar(&s.ackDelay, "ack-delay", 0, "delay of heartbeat acks, standing in for a round trip")
	flag.BoolVar(&s.enforce, "enforce", false, "close connections over the send limit, answer early identifies with invalid session")
	small := flag.Bool("small-guilds", false, "no large guilds on the tape")
	dump := flag.String("dump", "", "write the tape's payloads to this file, one per line, and exit")
	flag.Parse()

	s.events = tape.Generate(seed, n, firstOfTape, *small)
	if *dump != "" {
		var b bytes.Buffer
		for _, e := range s.events {
			b.Write(e.Payload)
			b.WriteByte('\n')
		}
		if err := os.WriteFile(*dump, b.Bytes(), 0o644); err != nil {
			log.Fatal(err)
		}
		return
	}

	mux := http.NewServeMux()
	for _, p := range []string{"/gateway", "/api/gateway", "/api/v9/gateway", "/api/v10/gateway"} {
		mux.HandleFunc("GET "+p, s.gatewayInfo)
		mux.HandleFunc("GET "+p+"/bot", s.gatewayInfo)
	}
	mux.HandleFunc("/bench/begin", s.begin)
	mux.HandleFunc("/bench/info", s.info)
	mux.HandleFunc("/bench/start", s.start)
	mux.HandleFunc("/bench/drop", s.drop)
	mux.HandleFunc("/bench/stats", s.report)
	mux.HandleFunc("/", s.socket)
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		log.Fatal(err)
	}
	go s.sweep()
	fmt.Println("listening on", l.Addr())
	log.Fatal(http.Serve(l, mux))
}

func (s *server) encoded(m tape.Mode) *tape.Encoded {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.tapes[m]
	if e == nil {
		var err error
		if e, err = tape.Encode(m, s.events); err != nil {
			log.Fatal(err)
		}
		s.tapes[m] = e
		runtime.GC()
	}
	return e
}

func (s *server) gatewayInfo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"url":"ws://%s","shards":%d,"session_start_limit":{"total":1000000,"remaining":1000000,"reset_after":14400000,"max_concurrency":%d}}`, s.addr, s.shards, s.maxConc)
}

// begin forgets what an earlier client did that would be counted as the next one's.
func (s *server) begin(http.ResponseWriter, *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.bucket)
	s.late = nil
}

// info describes the first n events of the tape and encodes it for the mode.
func (s *server) info(w http.ResponseWriter, r *http.Request) {
	n := s.count(r)
	types := map[string]int{}
	raw := 0
	for _, e := range s.events[:n] {
		types[e.Type]++
		raw += len(e.Payload)
	}
	out := map[string]any{"events": n, "types": types, "raw_bytes": raw}
	if m := r.FormValue("mode"); m != "" {
		out["wire_bytes"] = s.encoded(tape.Mode(m)).Offsets[n]
	}
	json.NewEncoder(w).Encode(out)
}

func (s *server) count(r *http.Request) int {
	n, err := strconv.Atoi(r.FormValue("n"))
	if err != nil || n > len(s.events) {
		n = len(s.events)
	}
	return n
}

// start plays the first n events of the tape to every ready connection.
func (s *server) start(w http.ResponseWriter, r *http.Request) {
	n := s.count(r)
	s.stats.FloodNanos.Store(0)
	played := 0
	for _, c := range s.open() {
		c.wmu.Lock()
		ok := c.ready && !c.playing
		if ok {
			c.playing = true
		}
		c.wmu.Unlock()
		if ok {
			played++
			s.playing(c.id, n)
			go c.play(n)
		}
	}
	fmt.Fprintf(w, `{"connections":%d}`, played)
}

// drop ends every connection, without a close frame.
func (s *server) drop(http.ResponseWriter, *http.Request) {
	for _, c := range s.open() {
		c.c.Close()
	}
}

func (s *server) open() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.conns))
}

// playing notes what a session is played, so that it can be sent again.
func (s *server) playing(id string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if se := s.sess[id]; se != nil {
		se.played = 0
		if se.seq == firstOfTape-1 {
			se.played = n
		}
		se.seq += int64(n)
	}
}

func (s *server) report(w http.ResponseWriter, r *http.Request) {
	var ru syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	s.mu.Lock()
	open := len(s.conns)
	s.mu.Unlock()
	st := &s.stats
	var first [10]int64
	for i := range first {
		first[i] = st.FirstHeartbeat[i].Load()
	}
	s.mu.Lock()
	late := slices.Clone(s.late)
	s.mu.Unlock()
	slices.Sort(late)
	quantile := func(q float64) float64 {
		if len(late) == 0 {
			return 0
		}
		return late[int(q*float64(len(late)-1))]
	}
	json.NewEncoder(w).Encode(map[string]any{
		"heartbeat_s": s.hb.Seconds(), "beats": len(late), "late_p50_ms": quantile(0.5), "late_p99_ms": quantile(0.99), "late_p999_ms": quantile(0.999), "late_max_ms": quantile(1),
		"open": open, "accepted": st.Accepted.Load(), "closed": st.Closed.Load(),
		"identifies": st.Identifies.Load(), "resumes": st.Resumes.Load(), "replayed": st.Replayed.Load(), "heartbeats": st.Heartbeats.Load(),
		"requests": st.Requests.Load(), "presences": st.Presences.Load(), "voice": st.Voice.Load(),
		"cpu_s":                    float64(ru.Utime.Nano()+ru.Stime.Nano()) / 1e9,
		"flood_write_s":            float64(st.FloodNanos.Load()) / 1e9,
		"first_heartbeat_by_tenth": first,
		"misbehaviour": map[string]int64{
			"missed_heartbeat": st.MissedHeartbeat.Load(), "over_120_sends_per_60s": st.OverSendLimit.Load(),
			"identify_concurrency": st.IdentifyConcurrency.Load(), "bad_payload": st.BadPayload.Load(),
			"payload_over_4096": st.TooLarge.Load(), "not_identified": st.NotIdentified.Load(),
			"bad_resume": st.BadResume.Load(), "heartbeat_seq_ahead": st.HeartbeatAhead.Load(),
		},
	})
}

// sweep counts connections that are overdue with their heartbeat.
func (s *server) sweep() {
	for range time.Tick(s.hb / 2) {
		for _, c := range s.open() { // one that is being written to does not hold the others
			c.wmu.Lock()
			if !c.lastHB.IsZero() && time.Since(c.lastHB) > s.hb*5/4+time.Second {
				s.stats.MissedHeartbeat.Add(1)
				c.lastHB = time.Now()
			}
			c.wmu.Unlock()
		}
	}
}
