package recorder

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/internal/foreign"
)

const (
	gatherFor   = time.Second // shards that end together are in one dump
	endsApart   = time.Minute
	askedApart  = 10 * time.Second
	mostInADump = 32
)

// triggers says when a dump is written.
type triggers struct {
	mu    sync.Mutex
	ends  []end
	more  int           // ends for which there was no room
	timer *time.Timer   // writes ends down; nil: there are none
	next  time.Time     // before it no more ends are written down
	asked time.Time     // when Trigger had one written
	busy  chan struct{} // closed when what is being written is written; nil: nothing is
}

// end is that of a shard.
type end struct {
	key   actors.Key
	cause error
}

// ended takes note that a shard's session has ended.
func (t *triggers) ended(r *Recorder, key actors.Key, cause error) {
	if cause == actors.ErrClosed {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.ends) == mostInADump {
		t.more++
		return
	}
	t.ends = append(t.ends, end{key, cause})
	if t.timer == nil {
		t.timer = time.AfterFunc(max(gatherFor, time.Until(t.next)), func() {
			t.mu.Lock()
			d, is := t.take(r)
			t.mu.Unlock()
			if is {
				t.flush(r, d)
			}
		})
	}
}

// gathered are ends that are about to be written down.
type gathered struct {
	ends []end
	more int
}

// take begins to write down what has ended. The lock is held.
func (t *triggers) take(r *Recorder) (g gathered, is bool) {
	if t.timer == nil {
		return g, false
	}
	t.timer.Stop()
	g, t.ends, t.more, t.timer = gathered{t.ends, t.more}, nil, 0, nil
	if t.busy != nil {
		r.log.Warn("recorder: no dump of shards that have ended: another one is being written", zap.Int("shards", len(g.ends)+g.more))
		return g, false
	}
	t.busy = make(chan struct{})
	return g, true
}

// flush writes down what has ended.
func (t *triggers) flush(r *Recorder, g gathered) {
	d := Dump{At: time.Now(), r: r}
	for _, e := range g.ends {
		fatal := true
		_ = foreign.Call("a cause", func() error { fatal = isFatal(e.cause); return nil }) // one that panics is none of ours
		if fatal {
			d.Shards = append(d.Shards, e.key)
		}
	}
	switch n := len(d.Shards); {
	case n == 0:
		t.mu.Lock()
		defer t.mu.Unlock()
		t.done()
		return
	case n+g.more == 1:
		d.Reason = fmt.Sprintf("shard %v has ended", d.Shards[0])
	default:
		d.Reason = fmt.Sprintf("%d shards have ended", n+g.more)
	}
	t.mu.Lock()
	t.next = d.At.Add(endsApart)
	t.mu.Unlock()
	t.write(r, d)
}

// done ends what is being written. The lock is held.
func (t *triggers) done() {
	close(t.busy)
	t.busy = nil
}

// Flush has what waits to be written down written at once, and waits for it, and for what is being written, until ctx ends: then it returns ctx's error. Call it before
// the process ends.
func (r *Recorder) Flush(ctx context.Context) error {
	for t := &r.triggers; ; {
		t.mu.Lock()
		busy := t.busy
		if busy == nil {
			d, is := t.take(r)
			if busy = t.busy; is {
				go t.flush(r, d)
			}
		}
		t.mu.Unlock()
		if busy == nil {
			return nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Trigger has a dump written by the function of WithDumps, of some shards or, if none is named, of all: the program has seen something that is worth looking at. The
// reason stands in the dump; put no secret into it. It does not wait. false: none is written, since there is no such function, one is being
// written, or Trigger had one written less than 10 s ago.
func (r *Recorder) Trigger(reason string, shards ...actors.Key) bool {
	if r.dumps == nil {
		return false
	}
	now, t := time.Now(), &r.triggers
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.busy != nil || !t.asked.IsZero() && now.Sub(t.asked) < askedApart {
		return false
	}
	t.asked, t.busy = now, make(chan struct{})
	go t.write(r, Dump{At: now, Reason: reason, Shards: shards, r: r})
	return true
}

// write has a dump written, by the user's code.
func (t *triggers) write(r *Recorder, d Dump) {
	err := foreign.Call("WithDumps' function", func() error { return r.dumps(d) })
	t.mu.Lock()
	t.done()
	t.mu.Unlock()
	if err != nil {
		r.log.Error("recorder: a dump was not written", zap.String("reason", d.Reason), zap.Error(err))
		return
	}
	r.log.Info("recorder: a dump was written", zap.String("reason", d.Reason), zap.Int("shards", len(d.Shards)))
}
