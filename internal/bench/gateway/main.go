// Command gateserver is a fake Discord gateway for benchmarks on loopback. It
// speaks enough of the gateway protocol (hello, identify, resume, heartbeats,
// guild member requests, voice and presence updates; no, payload, zlib-stream
// and zstd-stream compression) for unmodified clients to connect, plays a
// pre-encoded tape of dispatches on request, and counts clients' misbehaviour.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
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

	"github.com/gobwas/ws"

	"github.com/signalbox-go/signalbox/internal/bench/tape"
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

type session struct{ seq int64 }

type stats struct {
	Accepted, Identifies, Resumes, Heartbeats, Requests, Presences, Voice, Closed atomic.Int64

	// Misbehaviour.
	MissedHeartbeat, OverSendLimit, IdentifyConcurrency, BadPayload, TooLarge, NotIdentified, BadResume, HeartbeatAhead atomic.Int64

	FirstHeartbeat [10]atomic.Int64 // by tenth of the interval after hello
	FloodNanos     atomic.Int64     // longest tape write of the last flood
}

type conn struct {
	s     *server
	c     net.Conn
	br    *bufio.Reader
	mode  tape.Mode
	shard [2]int

	wmu     sync.Mutex
	first   bool
	ready   bool
	playing bool
	queued  [][]byte // answers held back until the tape has been played
	seq     int64
	id      string

	hello   time.Time
	lastHB  time.Time
	sends   []time.Time
	sendPos int
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
	dump := flag.String("dump", "", "write the tape's payloads to this file, one per line, and exit")
	flag.Parse()

	s.events = tape.Generate(seed, n, 2)
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
	mux.HandleFunc("/bench/info", s.info)
	mux.HandleFunc("/bench/start", s.start)
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
	s.mu.Lock()
	var conns []*conn
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	s.stats.FloodNanos.Store(0)
	played := 0
	for _, c := range conns {
		c.wmu.Lock()
		ok := c.ready && !c.playing
		if ok {
			c.playing = true
		}
		c.wmu.Unlock()
		if ok {
			played++
			go c.play(n)
		}
	}
	fmt.Fprintf(w, `{"connections":%d}`, played)
}

func (c *conn) play(n int) {
	t0 := time.Now()
	e := c.s.encoded(c.mode)
	_, err := c.c.Write(e.Bytes[:e.Offsets[n]])
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.playing = false
	c.seq += int64(n)
	for _, f := range c.queued {
		c.c.Write(f)
	}
	c.queued = nil
	if err == nil {
		d := int64(time.Since(t0))
		for {
			old := c.s.stats.FloodNanos.Load()
			if d <= old || c.s.stats.FloodNanos.CompareAndSwap(old, d) {
				break
			}
		}
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
		"identifies": st.Identifies.Load(), "resumes": st.Resumes.Load(), "heartbeats": st.Heartbeats.Load(),
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
		s.mu.Lock()
		for c := range s.conns {
			c.wmu.Lock()
			if !c.lastHB.IsZero() && time.Since(c.lastHB) > s.hb*5/4+time.Second {
				s.stats.MissedHeartbeat.Add(1)
				c.lastHB = time.Now()
			}
			c.wmu.Unlock()
		}
		s.mu.Unlock()
	}
}

func (s *server) socket(w http.ResponseWriter, r *http.Request) {
	mode := tape.None
	switch m := tape.Mode(r.FormValue("compress")); m {
	case tape.Zlib, tape.Zstd:
		mode = m
	}
	nc, brw, _, err := ws.UpgradeHTTP(r, w)
	if err != nil {
		return
	}
	c := &conn{s: s, c: nc, br: brw.Reader, mode: mode, first: true}
	s.stats.Accepted.Add(1)
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	c.hello = time.Now()
	c.lastHB = c.hello
	c.send(fmt.Appendf(nil, `{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":%d,"_trace":["bench"]}}`, s.hb.Milliseconds()))
	_ = c.read() // it says how the connection ended, which does not matter
	nc.Close()
	s.mu.Lock()
	delete(s.conns, c)
	if len(s.conns) == 0 { // the next client starts afresh
		clear(s.bucket)
		s.late = nil
	}
	if se := s.sess[c.id]; se != nil {
		se.seq = c.seq
	}
	s.mu.Unlock()
	s.stats.Closed.Add(1)
}

func (c *conn) send(payload []byte) {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.sendLocked(payload)
}

func (c *conn) sendLocked(payload []byte) {
	f := c.mode.Message(payload, c.first)
	c.first = false
	if c.playing {
		c.queued = append(c.queued, f)
		return
	}
	c.c.Write(f)
}

func (c *conn) dispatch(t, data string) {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.seq++
	c.sendLocked(fmt.Appendf(nil, `{"t":"%s","s":%d,"op":0,"d":%s}`, t, c.seq, data))
}

func (c *conn) read() error {
	var buf []byte
	for {
		h, err := ws.ReadHeader(c.br)
		if err != nil {
			return err
		}
		if h.Length > 1<<20 {
			return io.ErrShortBuffer
		}
		if int(h.Length) > cap(buf) {
			buf = make([]byte, h.Length)
		}
		buf = buf[:h.Length]
		if _, err := io.ReadFull(c.br, buf); err != nil {
			return err
		}
		if h.Masked {
			ws.Cipher(buf, h.Mask, 0)
		}
		switch h.OpCode {
		case ws.OpClose:
			c.wmu.Lock()
			c.c.Write(ws.MustCompileFrame(ws.NewCloseFrame(buf)))
			c.wmu.Unlock()
			return io.EOF
		case ws.OpPing:
			c.wmu.Lock()
			c.c.Write(ws.MustCompileFrame(ws.NewPongFrame(buf)))
			c.wmu.Unlock()
		case ws.OpText, ws.OpBinary:
			if err := c.command(buf); err != nil {
				return err
			}
		}
	}
}

func (c *conn) close(code int, why string) error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.c.Write(ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusCode(code), why))))
	return io.EOF
}

// overLimit records one send and tells whether it is over 120 in 60 seconds.
func (c *conn) overLimit(now time.Time) bool {
	if len(c.sends) < 120 {
		c.sends = append(c.sends, now)
		return false
	}
	old := c.sends[c.sendPos]
	c.sends[c.sendPos] = now
	c.sendPos = (c.sendPos + 1) % 120
	return now.Sub(old) < time.Minute
}

func (c *conn) command(b []byte) error {
	st := &c.s.stats
	now := time.Now()
	if len(b) > 4096 {
		st.TooLarge.Add(1)
	}
	if c.overLimit(now) {
		st.OverSendLimit.Add(1)
		if c.s.enforce {
			return c.close(4008, "Rate limited.")
		}
	}
	var p struct {
		Op int             `json:"op"`
		D  json.RawMessage `json:"d"`
	}
	if err := json.Unmarshal(b, &p); err != nil {
		st.BadPayload.Add(1)
		return c.close(4002, "Error while decoding payload.")
	}
	if !c.ready && p.Op != 1 && p.Op != 2 && p.Op != 6 {
		st.NotIdentified.Add(1)
		return c.close(4003, "Not authenticated.")
	}
	switch p.Op {
	case 1:
		st.Heartbeats.Add(1)
		c.wmu.Lock()
		since := now.Sub(c.lastHB)
		first := c.lastHB.Equal(c.hello)
		if first {
			st.FirstHeartbeat[min(9, int(since*10/c.s.hb))].Add(1)
		}
		if since > c.s.hb*5/4+time.Second {
			st.MissedHeartbeat.Add(1)
		}
		c.lastHB = now
		c.wmu.Unlock()
		if !first {
			c.s.mu.Lock()
			c.s.late = append(c.s.late, max(0, float64(since-c.s.hb)/1e6))
			c.s.mu.Unlock()
		}
		c.wmu.Lock()
		if seq, err := strconv.ParseInt(string(p.D), 10, 64); err == nil && seq > c.seq && !c.playing {
			st.HeartbeatAhead.Add(1)
		}
		c.wmu.Unlock()
		ack := func() { c.send([]byte(`{"t":null,"s":null,"op":11,"d":null}`)) }
		if c.s.ackDelay > 0 {
			time.AfterFunc(c.s.ackDelay, ack)
		} else {
			ack()
		}
	case 2:
		return c.identify(p.D, now)
	case 3:
		st.Presences.Add(1)
	case 4:
		st.Voice.Add(1)
		var d struct {
			GuildID   string  `json:"guild_id"`
			ChannelID *string `json:"channel_id"`
		}
		json.Unmarshal(p.D, &d)
		ch := "null"
		if d.ChannelID != nil {
			ch = strconv.Quote(*d.ChannelID)
		}
		c.dispatch("VOICE_STATE_UPDATE", fmt.Sprintf(`{"guild_id":"%s","channel_id":%s,"user_id":"900000000000000001","session_id":"%s","deaf":false,"mute":false,"self_deaf":false,"self_mute":false,"suppress":false,"request_to_speak_timestamp":null}`, d.GuildID, ch, c.id))
		if d.ChannelID != nil {
			c.dispatch("VOICE_SERVER_UPDATE", fmt.Sprintf(`{"token":"t","guild_id":"%s","endpoint":"127.0.0.1:1"}`, d.GuildID))
		}
	case 6:
		return c.resume(p.D)
	case 8:
		return c.members(p.D)
	default:
		st.BadPayload.Add(1)
		return c.close(4001, "Unknown opcode.")
	}
	return nil
}

func (c *conn) identify(d []byte, now time.Time) error {
	s := c.s
	var id struct {
		Token    string  `json:"token"`
		Compress bool    `json:"compress"`
		Shard    *[2]int `json:"shard"`
	}
	if err := json.Unmarshal(d, &id); err != nil || id.Token == "" {
		s.stats.BadPayload.Add(1)
		return c.close(4004, "Authentication failed.")
	}
	if c.ready {
		return c.close(4005, "Already authenticated.")
	}
	c.shard = [2]int{0, 1}
	if id.Shard != nil {
		c.shard = *id.Shard
	}
	key := c.shard[0] % s.maxConc
	s.mu.Lock()
	last, ok := s.bucket[key]
	s.bucket[key] = now
	s.mu.Unlock()
	if ok && now.Sub(last) < 4900*time.Millisecond {
		s.stats.IdentifyConcurrency.Add(1)
		if s.enforce {
			c.send([]byte(`{"t":null,"s":null,"op":9,"d":false}`))
			return nil
		}
	}
	if id.Compress && c.mode == tape.None {
		c.mode = tape.Payload
	}
	s.stats.Identifies.Add(1)
	c.id = fmt.Sprintf("%032x", s.nextID.Add(1))
	var g []byte
	for i := range s.readyGuilds {
		if i > 0 {
			g = append(g, ',')
		}
		g = fmt.Appendf(g, `{"unavailable":true,"id":"%d"}`, uint64(700000000000000000)+uint64(i*s.maxConc+c.shard[0])<<22)
	}
	s.mu.Lock()
	s.sess[c.id] = &session{}
	s.mu.Unlock()
	c.wmu.Lock()
	c.seq = 0
	c.wmu.Unlock()
	c.dispatch("READY", fmt.Sprintf(`{"v":10,"user_settings":{},"user":{"verified":true,"username":"bench","mfa_enabled":true,"id":"900000000000000001","global_name":null,"flags":0,"email":null,"discriminator":"0001","bot":true,"avatar":null},"session_type":"normal","session_id":"%s","resume_gateway_url":"ws://%s","relationships":[],"private_channels":[],"presences":[],"guilds":[%s],"guild_join_requests":[],"geo_ordered_rtc_regions":[],"auth":{},"application":{"id":"900000000000000001","flags":565248},"shard":[%d,%d],"_trace":["bench"]}`, c.id, s.addr, g, c.shard[0], c.shard[1]))
	c.wmu.Lock()
	c.ready = true
	c.wmu.Unlock()
	return nil
}

func (c *conn) resume(d []byte) error {
	var rs struct {
		SessionID string `json:"session_id"`
		Seq       int64  `json:"seq"`
	}
	json.Unmarshal(d, &rs)
	c.s.mu.Lock()
	se := c.s.sess[rs.SessionID]
	c.s.mu.Unlock()
	if se == nil || rs.Seq > se.seq {
		c.s.stats.BadResume.Add(1)
		c.send([]byte(`{"t":null,"s":null,"op":9,"d":false}`))
		return nil
	}
	c.s.stats.Resumes.Add(1)
	c.id = rs.SessionID
	c.wmu.Lock()
	c.seq = max(se.seq, rs.Seq)
	c.ready = true
	c.wmu.Unlock()
	c.dispatch("RESUMED", `{"_trace":["bench"]}`)
	return nil
}

const chunkMember = `{"user":{"username":"member","public_flags":0,"id":"%d","global_name":null,"discriminator":"0","bot":false,"avatar":null},"roles":["800000000000000001"],"premium_since":null,"pending":false,"nick":null,"mute":false,"joined_at":"2021-01-01T00:00:00.000000+00:00","flags":0,"deaf":false,"communication_disabled_until":null,"avatar":null}`

func (c *conn) members(d []byte) error {
	c.s.stats.Requests.Add(1)
	var rq struct {
		GuildID json.RawMessage `json:"guild_id"`
		Limit   int             `json:"limit"`
		Nonce   string          `json:"nonce"`
		UserIDs json.RawMessage `json:"user_ids"`
	}
	if err := json.Unmarshal(d, &rq); err != nil {
		c.s.stats.BadPayload.Add(1)
		return c.close(4002, "Error while decoding payload.")
	}
	guildID := bytes.Trim(rq.GuildID, `[]" `)
	n := rq.Limit
	if n <= 0 {
		n = c.s.members
		if len(rq.UserIDs) > 4 {
			n = bytes.Count(rq.UserIDs, []byte(",")) + 1
		}
	}
	chunks := (n + 999) / 1000
	for i := range chunks {
		var b []byte
		for k := i * 1000; k < min(n, i*1000+1000); k++ {
			if k > i*1000 {
				b = append(b, ',')
			}
			b = fmt.Appendf(b, chunkMember, 800000000000000000+k)
		}
		nonce := ""
		if rq.Nonce != "" {
			nonce = fmt.Sprintf(`,"nonce":%q`, rq.Nonce)
		}
		c.dispatch("GUILD_MEMBERS_CHUNK", fmt.Sprintf(`{"not_found":[],"members":[%s],"guild_id":"%s","chunk_index":%d,"chunk_count":%d%s}`, b, guildID, i, chunks, nonce))
	}
	return nil
}
