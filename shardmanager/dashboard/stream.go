package dashboard

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"
	"time"
)

const (
	writeWithin = 10 * time.Second       // or the viewer is dropped
	pause       = 200 * time.Millisecond // between two writes
	newsLimit   = 25                     // told to a viewer in a second
)

// viewer is one who has the stream open. What it has not seen yet is worked out when it can be written, so that nothing queues for a viewer who is slow.
type viewer struct {
	d        *Dashboard
	epoch    uint64
	versions []uint32 // of slots, that were told
	from     int      // where the next delta begins
	tick     uint64   // the latest that was told
	news     uint64   // number of the latest that was told, or left out
	told     int      // news since the tick
	left     int      // news that were left out since then
}

// stream serves the stream, as server-sent events: "hello" and "grid" first, then each second "now", with a "delta" if shards have changed, and "news" soon after they happen. "end" is the
// last, when the Manager or the dashboard has ended.
//
// Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
func (d *Dashboard) stream(w http.ResponseWriter, r *http.Request) {
	if !reads(w, r) {
		return
	}
	h := w.Header()
	if r.Method == http.MethodHead {
		h.Set("Content-Type", "text/event-stream")
		return
	}
	out := http.NewResponseController(w)
	if err := out.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		refuse(w, http.StatusInternalServerError, "the stream cannot bound its writes here: a middleware's ResponseWriter needs a method Unwrap, or mount Stream apart from it")
		return
	}
	_ = out.SetReadDeadline(time.Time{}) // a server's ReadTimeout is about requests: there is nothing to read any more
	if d.viewers.Add(1) > int64(d.cfg.viewers) {
		d.viewers.Add(-1)
		h.Set("Retry-After", "10")
		refuse(w, http.StatusServiceUnavailable, "as many look as may at the same time (WithViewers): come again later")
		return
	}
	defer d.viewers.Add(-1)
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy is not to hold it back
	v := &viewer{d: d}
	for {
		text, wake, over := v.next()
		if len(text) > 0 {
			_ = out.SetWriteDeadline(time.Now().Add(writeWithin))
			_, err := w.Write(text)
			if err == nil {
				err = out.Flush()
			}
			if err != nil {
				if errors.Is(err, os.ErrDeadlineExceeded) {
					d.dropped.Add(1)
				}
				return // its deadline is over, so the connection ends with it
			}
		}
		if over {
			return
		}
		rest := time.NewTimer(pause)
		select {
		case <-rest.C:
		case <-r.Context().Done():
			rest.Stop()
			return
		}
		select {
		case <-wake:
		case <-d.life.Done(): // next says so
		case <-r.Context().Done():
			return
		}
	}
}

// next is what the viewer has not been told yet, what is closed when there is more, and whether that is all.
func (v *viewer) next() (text []byte, wake <-chan struct{}, over bool) {
	s := &v.d.seen
	s.mu.Lock()
	defer s.mu.Unlock()
	wake = s.wake
	over = s.over || v.d.life.Err() != nil
	if s.ticks == 0 {
		return nil, wake, over
	}
	now := time.Now().UnixMilli()
	if v.tick == 0 {
		text = v.hello(text)
	}
	if v.epoch != s.epoch {
		v.epoch, v.versions, v.from = s.epoch, make([]uint32, len(s.slots)), 0
		for i := range s.slots[:min(len(s.slots), agesAtOnce)] {
			v.versions[i] = s.slots[i].version
		}
		text = event(text, "grid", func(b []byte) []byte { return appendGrid(b, s.epoch, s.slots, now) })
	}
	if v.tick != s.ticks {
		text = event(text, "now", func(b []byte) []byte { return append(b, s.now...) })
		n := 0
		with := event(text, "delta", func(b []byte) []byte {
			b, n = appendDelta(b, s.epoch, s.slots, v.versions, &v.from, now)
			return b
		})
		if n > 0 {
			text = with
		}
		v.tick, v.told = s.ticks, 0
	}
	text = v.unheard(text)
	if over {
		text = append(text, "event: end\ndata: {}\n\n"...)
	}
	return text, wake, over
}

// hello says what the numbers of the stream mean, and what was before.
func (v *viewer) hello(text []byte) []byte {
	s := &v.d.seen
	data, err := json.Marshal(struct {
		Looks   []string `json:"looks"`
		Points  []point  `json:"points"`
		Control bool     `json:"control"`
	}{looks, s.points, v.d.cfg.hasControl})
	if err != nil {
		return text
	}
	return event(text, "hello", func(b []byte) []byte { return append(b, data...) })
}

// unheard tells news, the latest ones, as many as a second may have.
func (v *viewer) unheard(text []byte) []byte {
	s := &v.d.seen
	fresh := int(min(s.newest-v.news, uint64(len(s.news))))
	n := min(fresh, newsLimit-v.told)
	v.left += int(s.newest-v.news) - n
	v.news = s.newest
	if n == 0 {
		return text
	}
	v.told += n
	tell := s.news[len(s.news)-n:]
	data, err := json.Marshal(tell)
	if err != nil {
		return text
	}
	left := v.left
	v.left = 0
	return event(text, "news", func(b []byte) []byte {
		b = append(b, `{"left":`...)
		b = strconv.AppendInt(b, int64(left), 10)
		b = append(b, `,"news":`...)
		b = append(b, data...)
		return append(b, '}')
	})
}

// event appends one event. What it says is JSON in one line.
func event(b []byte, name string, data func([]byte) []byte) []byte {
	b = append(b, "event: "...)
	b = append(b, name...)
	b = append(b, "\ndata: "...)
	return append(data(b), "\n\n"...)
}
