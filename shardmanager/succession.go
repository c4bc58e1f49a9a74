package shardmanager

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/handover"
	"github.com/signalbox-go/signalbox/session"
)

// WithHandover has one process of the bot follow another without a second between them. path is a socket; beside it lies a lock, path.lock. Start
// takes over the shards of the process that listens there, as many as it runs, one by one: each is released there and adopted here, so that no event is lost, none
// comes twice, no Identify is spent, and a shard is away for some milliseconds. If there is no such process, Start begins as usual. Then this process listens for the next one;
// once that one has all shards, this Manager ends, and Err is ErrHandedOver.
//
// WaitReady waits until all shards were taken over and are Ready. If the process before dies, what it still had is taken from the session
// store, and without a store with new sessions; if the one that takes over dies, the one before takes its shards back, and goes on. Give both the same store.
//
// Who may open the socket gets the sessions: its mode is 0600, and its folder must be this user's. Systems without such sockets, such as
// Windows, refuse the option. The default is that no process follows another so.
func WithHandover(path string) Option {
	return func(c *config) { c.place, c.placeErr = handover.At(path) }
}

// ErrHandedOver is what Manager.Err is when the process that follows this one has taken over all shards: see WithHandover. It is no failure: close
// the store, and exit with 0.
var ErrHandedOver = errors.New("shardmanager: handed over: the process that follows has taken over all shards")

const (
	takeAtOnce  = 8                // shards that are away at the same time
	backTime    = 20 * time.Second // for one of them to be Ready again, before others go
	inheritTime = 10 * time.Second // for a process that is gone to have ended
	handoverSay = time.Second      // how often the log is told how far a hand-over has come
)

// succession is this process between the one before and the one after it.
type succession struct {
	m      *Manager
	place  handover.Place
	before *handover.Taking // nil: there was no process before
	took   atomic.Int64     // shards
	over   chan struct{}    // closed when nothing more is done; nil: nothing was begun
	stop   context.CancelFunc

	listener net.Listener // of listen
}

// meet finds out whether a process runs the shards already, and what it runs.
func (m *Manager) meet(ctx context.Context) (*handover.Offer, error) {
	if m.cfg.place == nil {
		return nil, nil
	}
	s := &succession{m: m, place: m.cfg.place}
	m.mu.Lock()
	m.succession = s
	m.mu.Unlock()
	for {
		conn, err := handover.Meet(ctx, s.place)
		if err != nil {
			return nil, fmt.Errorf("shardmanager: %w", err)
		}
		if conn == nil {
			close(m.taken)
			return nil, nil
		}
		before, err := handover.Ask(ctx, conn)
		if errors.Is(err, handover.ErrGone) && ctx.Err() == nil { // it was about to end, or hands over to another
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("shardmanager: %w", err)
		}
		s.before = before
		return &before.Offer, m.fits(before.Offer)
	}
}

// fits says why what is offered is not what is to run here.
func (m *Manager) fits(offer handover.Offer) error {
	own := session.BotOf(m.cfg.identify.Token)
	switch {
	case offer.Resharding:
		return fmt.Errorf("shardmanager: WithHandover: the process before: %w", ErrResharding)
	case offer.Bot != 0 && own != 0 && offer.Bot != own:
		return fmt.Errorf("shardmanager: WithHandover: the process that listens there is another bot's: %w: %v's", actors.ErrOtherBot, offer.Bot)
	case m.cfg.total != 0 && m.cfg.total != offer.Total:
		return fmt.Errorf("shardmanager: WithHandover: %w: the process before runs %d shards, and WithShards says %d: end it first", actors.ErrOtherTotal, offer.Total, m.cfg.total)
	case m.cfg.ids != nil && !slices.Equal(slices.Sorted(slices.Values(m.cfg.ids)), offer.Shards):
		return &OptionError{"WithHandover", fmt.Sprintf("the process before does not run the shards that WithShards names, but %d others: end it first", len(offer.Shards))}
	}
	return nil
}

// listen waits for whoever follows, if this process follows nobody. Until begin, nobody is answered.
func (s *succession) listen() (err error) {
	if s.before != nil {
		return nil
	}
	if s.listener, err = s.place.Listen(); err != nil {
		return fmt.Errorf("shardmanager: %w", err)
	}
	return nil
}

// begin goes on with what Start has found, in the background.
func (s *succession) begin() {
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan struct{})
	s.stop, s.over = stop, over
	go func() {
		defer close(over)
		if s.before == nil {
			s.serve(ctx, s.listener)
		} else {
			s.succeed(s.m.life, ctx)
		}
	}()
}

// succeed takes all shards over, and then waits for whoever follows.
func (s *succession) succeed(life, ctx context.Context) {
	if err := s.takeAll(life); err != nil {
		if life.Err() == nil {
			s.m.end(fmt.Errorf("shardmanager: hand-over: %d of %d shards were taken over: %w", s.took.Load(), len(s.before.Offer.Shards), err), ending{})
		}
		return
	}
	close(s.m.taken)
	s.m.log.Info("hand-over: all shards run here", zap.Int("shards", len(s.before.Offer.Shards)))
	if err := handover.Inherit(life, s.place); err != nil {
		if life.Err() == nil {
			s.m.log.Error("hand-over: no process can follow this one", zap.Error(err))
		}
		return
	}
	listener, err := s.place.Listen()
	if err != nil {
		s.m.log.Error("hand-over: no process can follow this one", zap.Error(err))
		return
	}
	s.serve(ctx, listener)
}

// takeAll takes over all shards that were offered.
func (s *succession) takeAll(ctx context.Context) error {
	shards := s.before.Offer.Shards
	s.m.log.Info("hand-over: shards are taken over", zap.Int("shards", len(shards)))
	said := time.NewTicker(handoverSay)
	defer said.Stop()
	taken, err := s.before.Take(ctx, takeAtOnce, func(ctx context.Context, snapshot session.Snapshot) error {
		if err := s.m.Adopt(ctx, snapshot); err != nil {
			return err
		}
		s.back(ctx, snapshot.Shard)
		n := s.took.Add(1)
		select {
		case <-said.C:
			s.m.log.Info("hand-over: shards are taken over", zap.Int64("done", n), zap.Int("shards", len(shards)))
		default:
		}
		return nil
	})
	if !errors.Is(err, handover.ErrGone) {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, inheritTime)
	defer cancel()
	if err := handover.Inherit(bounded, s.place); err != nil { // it lives, and has taken back what it gave
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(shards), func(shard int) bool { return slices.Contains(taken, shard) })
	s.m.log.Warn("hand-over: the process before is gone: its shards are taken over from the session store", zap.Int("done", len(taken)), zap.Int("left", len(rest)))
	for _, shard := range rest {
		err := s.regain(ctx, func(ctx context.Context) (session.Snapshot, error) {
			return session.Snapshot{Shard: events.ShardID{Index: shard, Total: s.before.Offer.Total}, Fence: uint64(time.Now().UnixMicro())}, nil
		})
		if err != nil {
			return err
		}
		s.took.Add(1)
	}
	return nil
}

// back waits until a shard that was adopted is Ready, or will not be soon, so that few are away at the same time, and the process before ends when it
// is of no use any more.
func (s *succession) back(ctx context.Context, shard events.ShardID) {
	ctx, cancel := context.WithTimeout(ctx, backTime)
	defer cancel()
	key, err := s.m.shards.RouteShard(shard)
	if err != nil {
		return // it has left the plan
	}
	_ = s.m.board.Wait(ctx, func(actors.Tally) bool {
		status, known := s.m.board.Shard(key)
		return !known || status.State == session.Ready || status.State == session.Queued || status.Ended() || status.Mode != actors.Run
	})
}

// serve hands the shards over to whoever comes, once.
func (s *succession) serve(ctx context.Context, listener net.Listener) {
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() == nil {
				s.m.log.Error("hand-over: no process can follow this one", zap.Error(err))
			}
			return
		}
		asked, err := handover.Give(ctx, conn, giver{s.m})
		switch {
		case err == nil:
			s.m.log.Info("hand-over: the process that follows has taken over all shards")
			s.m.end(ErrHandedOver, ending{told: true})
			return
		case s.m.life.Err() != nil:
			return
		}
		s.m.log.Warn("hand-over: it was not completed: this process goes on", zap.Int("taken_back", len(asked)), zap.Error(err))
		for _, shard := range asked {
			err := s.regain(s.m.life, func(ctx context.Context) (session.Snapshot, error) { return s.takeBack(ctx, shard) })
			if err != nil {
				return
			}
		}
	}
}

// close ends what is under way, and gives the place up. It comes after all sessions were saved: whoever follows takes them from there.
func (s *succession) close() {
	switch {
	case s.over != nil:
		s.stop()
		<-s.over
	case s.listener != nil: // Start has failed since
		_ = s.listener.Close()
	}
	if s.before != nil {
		s.before.Close()
	}
	if err := s.place.Close(); err != nil {
		s.m.log.Warn("hand-over: the socket or its lock", zap.Error(err))
	}
}
