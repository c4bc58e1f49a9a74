package shardmanager

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/session"
)

const (
	rollingTime  = 2 * time.Minute  // for a shard to be Ready again
	canaryTime   = 10 * time.Second // that the first one must stay so, before others follow
	rollingPause = time.Second      // the default of Rolling.Pause
)

// Rolling says how a rolling restart goes. The zero value is what RollingRestart does.
type Rolling struct {
	AtOnce int // shards that may be away at the same time; 0: 1
	// Pause is from when a shard is Ready again until the next one goes in its place: time for what came meanwhile to be handled, and to abort. 0: 1 s;
	// negative: none.
	Pause time.Duration
	// Progress is told of each shard that is back, one call at a time; no other shard goes before it returns. nil: nobody is.
	Progress func(RollingProgress)
}

func (r Rolling) check() error {
	if r.AtOnce < 0 {
		return fmt.Errorf("shardmanager: rolling restart: %d shards at once: use 1 or more, or 0 for the default", r.AtOnce)
	}
	return nil
}

// pause is Pause, or the default.
func (r Rolling) pause() time.Duration {
	if r.Pause == 0 {
		return rollingPause
	}
	return max(r.Pause, 0)
}

// atOnce is AtOnce, or the default, of so many shards.
func (r Rolling) atOnce(of int) int { return min(max(r.AtOnce, 1), of) }

// RollingProgress is how far a rolling restart has come.
type RollingProgress struct {
	Shard    int           // that is back; -1: none is yet
	Away     time.Duration // for so long it was not Ready; the canary's includes the time for which it was watched
	Done, Of int           // shards
	Left     time.Duration // about how long the rest will take, if it goes on like this; 0 while none is back: not known
	Began    time.Time
}

// ErrRolling is the error of a rolling restart while another one is under way: no more shards are to be away at once than each allows.
var ErrRolling = errors.New("shardmanager: a rolling restart is under way: wait for its end, or end its context")

var errNotBack = errors.New("shardmanager: the shard was not Ready again in time")

// RollingRestart restarts shards one after another; none named: all that are to run here. Each session is resumed, on a new connection. The first shard is a
// canary: it goes alone, and has to stay Ready for ten seconds. The next goes a second after one is Ready again; where one is not within two minutes,
// or has ended, no more are restarted. Then, and when ctx ends first, the error is a *RollingError; those under way go on. Shards that are not to
// run when their turn comes, such as paused ones, are left out. One at a time: ErrRolling. RollingRestartWith has other numbers, and tells of the progress.
func (m *Manager) RollingRestart(ctx context.Context, shards ...int) error {
	return m.RollingRestartWith(ctx, Rolling{}, shards...)
}

// RollingRestartWith is RollingRestart with several shards at once, another pause, or somebody who is told of the progress.
func (m *Manager) RollingRestartWith(ctx context.Context, how Rolling, shards ...int) error {
	if ctx == nil {
		return errNilContext
	}
	if _, err := m.client(); err != nil {
		return err
	}
	if err := how.check(); err != nil {
		return err
	}
	if len(shards) == 0 {
		for _, s := range m.Status().Shards {
			if s.Role == actors.Serving {
				shards = append(shards, s.Shard.Index)
			}
		}
	}
	keys, err := m.keys(ctx, shards)
	if err != nil {
		return err
	}
	r := &rolling{m: m, how: how, taken: make(chan struct{}), turn: make(chan struct{}, 1)}
	for _, key := range keys {
		if status, _ := m.board.Shard(key); status.Mode == actors.Run {
			r.waiting = append(r.waiting, key)
		}
	}
	if r.of = len(r.waiting); r.of == 0 {
		return nil
	}
	r.progress = RollingProgress{Shard: -1, Of: r.of, Began: time.Now()}
	if !m.rolls.CompareAndSwap(nil, r) {
		return ErrRolling
	}
	defer m.rolls.Store(nil)
	r.ctx, r.abort = context.WithCancelCause(ctx)
	defer r.abort(nil)
	defer context.AfterFunc(m.life, func() { r.abort(context.Cause(m.life)) })()
	if r.next(canaryTime); r.failure != nil {
		return r.failure
	}
	var all sync.WaitGroup
	atOnce := how.atOnce(r.of) //seam:rolling-at-once
	for range atOnce {
		all.Go(func() {
			for r.next(0) && r.pause() {
			}
		})
	}
	all.Wait()
	if r.failure != nil {
		return r.failure
	}
	return nil
}

// rolling is a restart under way.
type rolling struct {
	m     *Manager
	how   Rolling
	ctx   context.Context
	abort context.CancelCauseFunc

	mu      sync.Mutex
	waiting []actors.Key
	done    int
	of      int
	away    time.Duration // all shards that are back, but for the canary
	failure *RollingError // the first
	taken   chan struct{} // closed when none waits

	progress RollingProgress

	turn chan struct{} // of capacity 1: whoever has a shard go, or tells of one
}

// next restarts the next shard, and reports whether it came back.
func (r *rolling) next(stay time.Duration) bool {
	r.turn <- struct{}{}
	key, more := r.take()
	if !more {
		<-r.turn
		return false
	}
	began := time.Now()
	before, err := r.begin(key)
	<-r.turn
	if err == nil {
		err = r.back(key, before, stay)
	}
	if err != nil && r.m.life.Err() != nil {
		err = context.Cause(r.m.life)
	}
	if err == nil {
		r.tell(key, time.Since(began), stay > 0)
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure == nil {
		r.failure = &RollingError{key.Shard.Index, r.done, r.of, err}
		r.abort(err)
	}
	return false
}

// take takes the next shard; false: there is none, or one before has not come back. Those that are not to run any more are left out.
func (r *rolling) take() (key actors.Key, more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !more && len(r.waiting) > 0 && r.failure == nil {
		key = r.waiting[0]
		if r.waiting = r.waiting[1:]; len(r.waiting) == 0 {
			close(r.taken)
		}
		status, _ := r.m.board.Shard(key)
		if more = status.Mode == actors.Run || r.m.life.Err() != nil || r.ctx.Err() != nil; !more {
			r.of--
		}
	}
	return key, more
}

// tell counts a shard that is back, and tells of it.
func (r *rolling) tell(key actors.Key, away time.Duration, canary bool) {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	r.mu.Lock()
	if r.done++; !canary {
		r.away += away
	}
	each := away - canaryTime
	if r.done > 1 {
		each = r.away / time.Duration(r.done-1)
	}
	atOnce := r.how.atOnce(r.of)
	turns := (r.of - r.done + atOnce - 1) / atOnce
	progress := RollingProgress{key.Shard.Index, away, r.done, r.of, time.Duration(turns) * (max(each, 0) + r.how.pause()), r.progress.Began}
	r.progress = progress
	r.mu.Unlock()
	r.m.log.Info("rolling restart: a shard is back", zap.Stringer("shard", key), zap.Int("done", progress.Done), zap.Int("of", progress.Of), zap.Duration("left", progress.Left))
	if r.how.Progress == nil {
		return
	}
	_, err := heeding(r.ctx, "Rolling.Progress", func() (none struct{}, err error) {
		r.how.Progress(progress)
		return none, nil
	})
	if err != nil { // that costs its call
		r.m.log.Error("rolling restart: its progress was not told", zap.Error(err))
	}
}

// pause waits before the next shard goes, if there is one, and reports whether there is.
func (r *rolling) pause() bool {
	r.mu.Lock()
	more := len(r.waiting) > 0
	r.mu.Unlock()
	if !more {
		return false
	}
	timer := time.NewTimer(r.how.pause())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.taken: // by others
	case <-r.ctx.Done(): // the next one says so
	}
	return true
}

// begin has one shard go. It returns how that stood before.
func (r *rolling) begin(key actors.Key) (before ShardStatus, err error) {
	if r.ctx.Err() != nil {
		return before, context.Cause(r.ctx)
	}
	before, _ = r.m.board.Shard(key)
	_, err = r.m.ask(r.ctx, actors.RestartShard{Key: key}, supervisorTimeout)
	return before, err
}

// back waits until a shard is Ready again, and has stayed so.
func (r *rolling) back(key actors.Key, before ShardStatus, stay time.Duration) error {
	back, cancel := context.WithTimeoutCause(r.ctx, rollingTime, errNotBack)
	defer cancel()
	if err := r.await(back, key, func(s ShardStatus) bool { return s.State == session.Ready && s.Conn > before.Conn }); err != nil {
		return err
	}
	if stay == 0 {
		return nil
	}
	ready, _ := r.m.board.Shard(key)
	stays, cancel := context.WithTimeoutCause(r.ctx, stay, errStayed)
	defer cancel()
	err := r.await(stays, key, func(s ShardStatus) bool { return s.State != session.Ready || s.Conn != ready.Conn })
	switch {
	case errors.Is(err, errStayed):
		return nil
	case err == nil:
		return fmt.Errorf("%w: it was, and is not any more", errNotBack)
	}
	return err
}

var errStayed = errors.New("shardmanager: it has stayed")

// await waits until a shard stands in a way, or has ended.
func (r *rolling) await(ctx context.Context, key actors.Key, enough func(ShardStatus) bool) error {
	var status ShardStatus
	err := r.m.board.Wait(ctx, func(actors.Tally) bool {
		status, _ = r.m.board.Shard(key)
		return status.Ended() || status.Mode != actors.Run || enough(status)
	})
	switch {
	case errors.Is(err, errNotBack) && status.Cause != nil:
		return fmt.Errorf("%w: %w", err, status.Cause)
	case err != nil:
		return err
	case status.Ended():
		return whyEnded(key, status.Cause)
	case status.Mode != actors.Run:
		return fmt.Errorf("%w: it is to %v now", errNotBack, status.Mode)
	}
	return nil
}
