package actors

import (
	"context"
	"errors"
	"sync"

	"github.com/signalbox-go/signalbox/events"
)

// parts are what came of an answer and was not taken yet. The shard adds, the caller takes.
type parts struct {
	mu    sync.Mutex
	queue []events.Raw
	ready chan struct{} // of capacity 1
}

func (p *parts) add(raw events.Raw) {
	p.mu.Lock()
	p.queue = append(p.queue, raw)
	p.mu.Unlock()
	select {
	case p.ready <- struct{}{}:
	default:
	}
}

func (p *parts) take() []events.Raw {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.queue
	p.queue = nil
	return taken
}

var errNoPart = errors.New("actors: Stream has nobody to hand the answer to: pass a function, or use Send")

// Stream is Send for a large answer: it calls part for each event of it as it arrives, in this
// goroutine, and the Answer it returns has no events. Parts that part is too slow for wait in
// memory, as they would with Send. When part returns false the rest is given up, without an error.
func (c Client) Stream(ctx context.Context, out events.Outgoing, part func(events.Raw) bool) (events.Answer, error) {
	incoming := &parts{ready: make(chan struct{}, 1)}
	r := &request{parts: incoming}
	err := r.read(out)
	if err == nil && part == nil {
		err = errNoPart
	}
	if err != nil {
		return events.Answer{}, c.refused(r.event.Op, err)
	}
	if err := c.submit(ctx, r); err != nil {
		return events.Answer{}, err
	}
	returned := false
	defer func() {
		if !returned { // part has panicked, and nobody takes the rest
			r.cancel(context.Canceled)
		}
	}()
	answer, err := c.stream(ctx, r, incoming, part)
	returned = true
	return answer, err
}

func (c Client) stream(ctx context.Context, r *request, incoming *parts, part func(events.Raw) bool) (events.Answer, error) {
	hand := func() bool {
		for _, raw := range incoming.take() {
			if !part(raw) {
				return false
			}
		}
		return true
	}
	for {
		select {
		case <-incoming.ready:
			if !hand() {
				r.cancel(context.Canceled)
				return events.Answer{}, nil
			}
		case got := <-r.done:
			hand() // what came with the end; nothing is left to give up
			return got.answer, got.err
		case <-ctx.Done():
			return c.giveUpStream(r, context.Cause(ctx), hand)
		case <-c.supervisor.board.Done():
			return c.giveUpStream(r, closedBy(c.supervisor.board.Err()), hand)
		}
	}
}

func (c Client) giveUpStream(r *request, why error, hand func() bool) (events.Answer, error) {
	answer, err := c.giveUp(r, why)
	if err == nil { // the answer was faster, and all of it is the caller's
		hand()
	}
	return answer, err
}
