package dashboard

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/shardmanager"
)

var (
	// ErrRolling is what RollingRestart and the page say while another rolling restart of this Dashboard is under way.
	ErrRolling = errors.New("dashboard: a rolling restart is under way: wait for its end, or abort it")

	errNotRolling = errors.New("dashboard: no rolling restart of this dashboard is under way")
	errAborted    = errors.New("dashboard: aborted on the dashboard")
	errClosed     = errors.New("dashboard: the dashboard was closed")
)

const shownRolling = time.Minute // after its end

// rolling is the rolling restart that is under way, or was the latest.
type rolling struct {
	mu     sync.Mutex
	is     *roll // nil: there was none
	began  time.Time
	ended  time.Time // zero: it goes on
	cancel context.CancelCauseFunc
}

// roll is how far a rolling restart is.
type roll struct {
	Done  int    `json:"done"`
	Of    int    `json:"of"`    // 0: not known yet
	Shard int    `json:"shard"` // that came back last; -1: none has
	Left  int64  `json:"left"`  // ms, about; -1: not known
	Began int64  `json:"began"`
	Over  bool   `json:"over"`
	Err   string `json:"err"`
	Own   bool   `json:"own"` // begun by this Dashboard, which can abort it
}

// rollOf is one that was begun by others.
func rollOf(p shardmanager.RollingProgress) *roll {
	r := &roll{Done: p.Done, Of: p.Of, Shard: p.Shard, Left: p.Left.Milliseconds(), Began: p.Began.UnixMilli()}
	if p.Done == 0 {
		r.Left = -1
	}
	return r
}

// RollingRestart is Manager.RollingRestartWith, and shows on the page how far it is, and lets it be aborted there. One that is begun otherwise is shown too, and not aborted there. It is ErrRolling while
// another one of this Dashboard is under way, and a *shardmanager.RollingError when it was aborted.
func (d *Dashboard) RollingRestart(ctx context.Context, how shardmanager.Rolling, shards ...int) error {
	if ctx == nil { // the Manager says what is wrong
		return d.m.RollingRestartWith(ctx, how, shards...)
	}
	ctx, err := d.roll.begin(ctx)
	if err != nil {
		return err
	}
	told := how.Progress
	how.Progress = func(p shardmanager.RollingProgress) {
		d.roll.tell(p)
		if told != nil {
			told(p)
		}
	}
	err = d.m.RollingRestartWith(ctx, how, shards...)
	d.roll.finish(err)
	return err
}

// beginRolling begins one that goes on when who asked for it has gone. What would be refused is refused at once.
func (d *Dashboard) beginRolling(how shardmanager.Rolling, shards []int) error {
	refused := make(chan error, 1)
	d.closing.Lock()
	if d.life.Err() != nil {
		d.closing.Unlock()
		return errClosed
	}
	d.running.Go(func() {
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		defer context.AfterFunc(d.life, func() { cancel(errClosed) })()
		err := d.RollingRestart(ctx, how, shards...)
		if stopped := (*shardmanager.RollingError)(nil); err != nil && !errors.As(err, &stopped) {
			refused <- err
		}
		close(refused)
	})
	d.closing.Unlock()
	select {
	case err := <-refused:
		return err
	case <-time.After(pause): // it has begun
		return nil
	}
}

func (r *rolling) begin(ctx context.Context) (context.Context, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.is != nil && r.ended.IsZero() {
		return nil, ErrRolling
	}
	r.began, r.ended = time.Now(), time.Time{}
	r.is = &roll{Shard: -1, Left: -1, Began: r.began.UnixMilli(), Own: true}
	ctx, r.cancel = context.WithCancelCause(ctx)
	return ctx, nil
}

func (r *rolling) tell(p shardmanager.RollingProgress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.is.Done, r.is.Of, r.is.Shard, r.is.Left = p.Done, p.Of, p.Shard, p.Left.Milliseconds()
}

func (r *rolling) finish(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cancel(nil)
	r.ended = time.Now()
	r.is.Over, r.is.Left, r.is.Err = true, -1, text(err, detailLimit)
}

func (r *rolling) abort() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.is == nil || !r.ended.IsZero() {
		return errNotRolling
	}
	r.cancel(errAborted)
	return nil
}

// now is how far it is; nil: there is nothing to show.
func (r *rolling) now() *roll {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.is == nil || !r.ended.IsZero() && time.Since(r.ended) > shownRolling {
		return nil
	}
	is := *r.is
	return &is
}
