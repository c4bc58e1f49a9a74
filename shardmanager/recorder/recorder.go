package recorder

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/internal/tap"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const (
	defaultAge   = 5 * time.Minute
	defaultBytes = 32 << 10
	leastBytes   = 4 << 10
)

// Recorder is a flight recorder: it keeps the last minutes of each shard of one Manager at a time. Make it with New. Safe for concurrent use. It has no goroutine of
// its own but while it writes a dump.
type Recorder struct {
	age      time.Duration
	bytes    int
	log      *zap.Logger
	dumps    func(Dump) error
	names    *names
	secrets  atomic.Pointer[tap.Secrets]
	triggers triggers

	mu     sync.RWMutex
	shards map[actors.Key]*shard
	swept  time.Time
}

// Option changes one setting of a Recorder.
type Option func(*Recorder)

// WithAge sets for how long things are kept. The default, and anything not above 0, is 5 minutes.
func WithAge(age time.Duration) Option { return func(r *Recorder) { r.age = age } }

// WithBytes sets how many bytes a shard may take. The default, and 0, is 32 KiB: some 3,000 frames, sends and heartbeats, and the latest 51 moves, dials and
// Identifies, which have room of their own. Anything below 4 KiB is 4 KiB. A shard takes what it needs, from 1 KiB on, so that 10,000 of them take 320 MiB at the most, and some 20 MiB
// where little happens.
func WithBytes(bytes int) Option { return func(r *Recorder) { r.bytes = bytes } }

// WithDumps has to write a Dump down: when a shard has ended for good, and when Trigger asks for it. ToDirectory makes such a function. It is called on a goroutine of its
// own, one call at a time. What ends within a second is in one dump, of 32 shards at the most, and the next one is a minute later: shards that all end at once
// make one dump. If to panics, or returns an error, that is logged. The default, or nil, is that dumps are written by DumpTo alone.
func WithDumps(to func(Dump) error) Option { return func(r *Recorder) { r.dumps = to } }

// WithLogger sets where it is logged that a dump was written, or could not be. The default, or nil, is nowhere.
func WithLogger(log *zap.Logger) Option { return func(r *Recorder) { r.log = log } }

// New returns a Recorder that has heard nothing yet. Give its Hooks to a Manager.
func New(opts ...Option) *Recorder {
	r := &Recorder{names: newNames(), shards: make(map[actors.Key]*shard)}
	for _, opt := range opts {
		if opt != nil {
			opt(r)
		}
	}
	if r.age <= 0 {
		r.age = defaultAge
	}
	if r.bytes <= 0 {
		r.bytes = defaultBytes
	}
	r.bytes = max(r.bytes, leastBytes)
	if r.log == nil {
		r.log = zap.NewNop()
	}
	return r
}

// Hooks are what the Recorder hears by: pass them to shardmanager.WithHooks, or to actors.NewObservers. They are called where things happen, and not on a queue
// of their own as other hooks are, so nothing is missed.
func (r *Recorder) Hooks() []shardmanager.Hook { return []shardmanager.Hook{hook{r}} }

// shard is what is kept of one.
type shard struct {
	key actors.Key

	mu      sync.Mutex
	traffic journal
	moves   rolls
	open    uint64 // the connection that has not ended; 0: none
	latest  time.Time
}

// of is what is kept of a shard.
func (r *Recorder) of(key actors.Key) *shard {
	r.mu.RLock()
	s := r.shards[key]
	r.mu.RUnlock()
	if s != nil {
		return s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s = r.shards[key]; s == nil {
		r.sweep(time.Now())
		s = &shard{key: key}
		s.traffic.most = r.bytes * 3 / 4 / blockBytes
		s.moves.most = r.bytes / 4 / eventSize
		r.shards[key] = s
	}
	return s
}

// sweep forgets shards of which all is too old, such as those of before a reshard. The lock is held.
func (r *Recorder) sweep(now time.Time) {
	if now.Sub(r.swept) < r.age {
		return
	}
	r.swept = now
	maps.DeleteFunc(r.shards, func(_ actors.Key, s *shard) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.open == 0 && now.Sub(s.latest) > r.age
	})
}

// keys are the shards of which something is kept, in order.
func (r *Recorder) keys() []actors.Key {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.SortedFunc(maps.Keys(r.shards), actors.Key.Compare)
}

// event adds an event. update looks at what is kept of the shard, with the lock held; nil: it does not.
func (r *Recorder) event(s *shard, e event, update func(*shard)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest, e.behind = e.at, s.traffic.count
	s.moves.add(e, e.at.Add(-r.age))
	if update != nil {
		update(s)
	}
}

// entry adds an entry.
func (r *Recorder) entry(s *shard, e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.traffic.add(e, e.at-r.age.Microseconds())
}

// isContext reports whether an error is just that of a context, without calling it.
func isContext(err error) bool {
	return err == context.Canceled || err == context.DeadlineExceeded
}

// secretsOf are what must not be shown of a shard.
func (r *Recorder) secretsOf(key actors.Key) []string {
	if secrets := r.secrets.Load(); secrets != nil {
		return (*secrets)(key)
	}
	return nil
}

// compareOrder orders lines.
func compareOrder(a, b line) int { return cmp.Compare(a.order, b.order) }
