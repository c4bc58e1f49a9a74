package actors

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// identifyWork is work of the queue's that takes time.
type identifyWork struct {
	done   func(now time.Time)
	over   atomic.Bool // it has ended, however
	cancel context.CancelFunc
}

// beginWork has the queue's work done on another goroutine, if there is any.
func (s *incarnation) beginWork(now time.Time) {
	f := &s.books.identifies
	worker, ok := f.queue.(ratelimit.Worker)
	if !ok || f.work != nil {
		return
	}
	var do func(context.Context)
	w := new(identifyWork)
	s.limit("Work", func(ratelimit.IdentifyQueue) { do, w.done = worker.Work(now) })
	if do == nil {
		return
	}
	f.work = w
	root, self := s.system.Root, s.self
	bounded, cancel := context.WithTimeout(context.Background(), ratelimit.WorkTimeout)
	w.cancel = cancel
	go func() { // nobody waits for it to end: it may hang, and then nothing is granted
		defer root.Send(self, identifyNews{})
		defer w.over.Store(true)
		defer cancel()
		s.guard("Work", func() { do(bounded) })
	}()
}
