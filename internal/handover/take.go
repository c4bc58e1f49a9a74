package handover

import (
	"context"
	"fmt"
	"net"
	"sync"

	"github.com/signalbox-go/signalbox/session"
)

// Taking is a hand-over as the taker sees it.
type Taking struct {
	Offer Offer
	w     *wire
}

// Ask hears what the process at the other end offers.
func Ask(ctx context.Context, conn net.Conn) (*Taking, error) {
	t := &Taking{w: newWire(conn)}
	defer t.w.leave(ctx)()
	m, err := t.w.hear(sayTime)
	switch {
	case err != nil && ctx.Err() != nil:
		err = context.Cause(ctx)
	case err != nil:
	case m.Kind != offers || m.Offer == nil || m.Version < 1:
		err = fmt.Errorf("handover: the other process says %q before it has offered anything", m.Kind)
	case m.Version > version:
		err = fmt.Errorf("handover: the other process is of a later version of this library (%d, and this one knows %d): end it, and start again", m.Version, version)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	t.Offer = *m.Offer
	return t, nil
}

// Take takes all that was offered, some shards at a time, until all are adopted, and then says so. adopt has a shard run here; it is called on one
// goroutine at a time for each of those. If it fails, that ends the hand-over. The error is ErrGone if the other process has died, or is at its end:
// taken are the shards that run here, and nobody runs the others, once that process has ended.
// The connection stays open, for as long as the shards run here: Close tells the other process that they do not.
func (t *Taking) Take(life context.Context, atOnce int, adopt func(context.Context, session.Snapshot) error) (taken []int, err error) {
	ctx, cancel := context.WithCancelCause(life)
	defer cancel(nil)
	answers := make(map[int]chan message)
	var mu sync.Mutex // of answers and taken
	heard := make(chan struct{})
	go func() { // what is heard goes to who has asked
		defer close(heard)
		for {
			m, err := t.w.hear(waitTime)
			if err != nil || ctx.Err() != nil {
				cancel(err)
				return
			}
			mu.Lock()
			to := answers[m.Shard]
			delete(answers, m.Shard)
			mu.Unlock()
			switch {
			case m.Kind == all:
				cancel(errAll)
				return
			case m.Kind != given || to == nil || m.Snapshot == nil || m.Snapshot.Shard.Index != m.Shard:
				cancel(fmt.Errorf("handover: the other process says %q of shard %d, which was not asked for", m.Kind, m.Shard))
				return
			}
			to <- m
		}
	}()
	next := make(chan int)
	var busy sync.WaitGroup
	for range max(atOnce, 1) {
		busy.Go(func() {
			for shard := range next {
				to := make(chan message, 1)
				mu.Lock()
				answers[shard] = to
				mu.Unlock()
				snapshot, err := t.ask(ctx, shard, to)
				if err == nil { // even if the other process has died since: nobody else has it
					err = adopt(life, snapshot)
					if err != nil {
						_ = t.w.say(message{Kind: refuses, Problem: fmt.Sprintf("shard %d: %v", shard, err)})
					} else {
						mu.Lock()
						taken = append(taken, shard)
						mu.Unlock()
						err = t.w.say(message{Kind: runs, Shard: shard})
					}
				}
				if err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	for _, shard := range t.Offer.Shards {
		select {
		case next <- shard:
		case <-ctx.Done():
		}
	}
	close(next)
	busy.Wait()
	if ctx.Err() == nil {
		if err := t.w.say(message{Kind: all}); err != nil {
			cancel(err)
		}
	}
	<-ctx.Done()
	t.w.turnDeaf()
	<-heard
	if err = context.Cause(ctx); err == errAll {
		err = nil
	}
	return taken, err
}

var errAll = fmt.Errorf("handover: all runs here")

// ask asks for one shard.
func (t *Taking) ask(ctx context.Context, shard int, answer <-chan message) (session.Snapshot, error) {
	if err := t.w.say(message{Kind: take, Shard: shard}); err != nil {
		return session.Snapshot{}, err
	}
	select {
	case m := <-answer:
		return *m.Snapshot, nil
	case <-ctx.Done():
	}
	select {
	case m := <-answer: // it came before the end
		return *m.Snapshot, nil
	default:
		return session.Snapshot{}, context.Cause(ctx)
	}
}

// Close ends the connection. If not all was taken, the other process takes back what was.
func (t *Taking) Close() { _ = t.w.conn.Close() }
