package gatewaytest

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// playback shows a recording to those who connect.
type playback struct {
	*recording
	srv *Server

	mu       sync.Mutex // held by nobody who waits; taken before the server's
	sessions map[string]events.ShardID
}

func newPlayback(s *Server, rec *recording) *playback {
	return &playback{recording: rec, srv: s, sessions: make(map[string]events.ShardID)}
}

// Unplayed is how many steps of a recording were not shown: payloads, sends that were waited for, ends. Where a test has seen the whole history, it is 0. Without
// WithRecording it is 0.
func (s *Server) Unplayed() (steps int) {
	if s.playback == nil {
		return 0
	}
	s.playback.mu.Lock()
	defer s.playback.mu.Unlock()
	for _, t := range s.playback.tapes {
		steps += len(t.steps) - t.shown
	}
	return steps
}

// next takes the connection that is next in the recording, of a shard if one is given; nil: there is none.
func (p *playback) next(shard *events.ShardID) *tape {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nextOf(shard)
}

func (p *playback) nextOf(shard *events.ShardID) *tape {
	for _, t := range p.tapes {
		if !t.taken && (shard == nil || t.shard == *shard && t.connected >= 0) {
			t.taken = true
			return t
		}
	}
	return nil
}

// hangsFrom is from when on a dial has failed since its client had waited long enough.
const hangsFrom = 10 * time.Second

// refuses has a dial fail as it did.
func (p *playback) refuses(t *tape, w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	t.shown = len(t.steps)
	p.mu.Unlock()
	wait := t.failed
	if wait >= hangsFrom {
		wait *= 2
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-p.srv.Done():
	}
	if t.status == 0 {
		panic(http.ErrAbortHandler) // it cuts the connection, without a word
	}
	if t.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(t.retryAfter.Seconds())))
	}
	w.WriteHeader(t.status)
}

// connect takes a connection that is to be shown a recording.
func (p *playback) connect(w http.ResponseWriter, r *http.Request) {
	t := p.next(nil)
	if t != nil && t.connected < 0 {
		p.refuses(t, w, r)
		return
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	c := newConn(p.srv, ws, events.Compression(r.URL.Query().Get("compress")))
	c.resume = p.srv.resumeURLFor(r)
	s := p.srv
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = ws.Close() // it was never a connection
		return
	}
	s.conns[c] = true
	s.stats.Connections++
	c.number = s.stats.Connections
	s.note(c, Entry{Kind: Opened, Remote: r.RemoteAddr})
	s.running.Add(1)
	defer s.running.Done()
	s.running.Go(c.write)
	s.mu.Unlock()
	p.serve(c, t)
}
