package bus

import (
	"cmp"
	"context"
	"reflect"
	"runtime"
	"slices"

	"github.com/signalbox-go/signalbox/events"
)

// CutOff is what one handler had not done when the bus was closed. All of it stays unsettled.
type CutOff struct {
	Handler string // see Subscription
	Running int    // events that it had in hand: its calls had not returned
	Waiting int    // events that waited for it
}

// Tell ends the context of handlers, for a cause, and changes nothing else: who waits for something can stop waiting.
func (b *Bus) Tell(cause error) { b.cancel(cause) }

// Close takes no more events, and waits for those it has to be handled. When ctx ends first, what has not begun is not
// handled any more, and what that is is returned. The handlers' context ends with it, at the latest. Several calls end together.
func (b *Bus) Close(ctx context.Context) []CutOff {
	defer b.cancel(nil)
	b.mu.Lock()
	b.closed.Store(true)
	if b.idle == nil {
		b.idle = make(chan struct{})
	}
	idle := b.idle
	b.rest()
	b.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	return b.unhandled(true)
}

// Unhandled is what Close would cut off now.
func (b *Bus) Unhandled() []CutOff { return b.unhandled(false) }

// unhandled counts what is not handled, by handler. over: and nothing of it will be.
func (b *Bus) unhandled(over bool) []CutOff {
	b.counting.Lock()
	defer b.counting.Unlock()
	if b.ended() {
		return b.cutOff
	}
	count, calls := make(map[string]CutOff), 0
	note := func(handler string, running, waiting int) {
		of := count[handler]
		count[handler] = CutOff{handler, of.Running + running, of.Waiting + waiting}
		calls += running
	}
	for _, s := range *b.subs.Load() {
		s.mu.Lock()
		note(s.Handler, len(s.sent), 0)
		s.mu.Unlock()
	}
	if over {
		close(b.over)
	}
	b.mu.Lock()
	busy, excused := slices.Clone(b.busy), b.excused
	b.mu.Unlock() // which lanes take while they hold their own
	for _, l := range busy {
		running, waiting := l.unhandled(over)
		note(l.sub.Handler, running, waiting)
	}
	var all []CutOff
	for _, of := range count {
		if of.Waiting > 0 || of.Running > 0 && calls > excused { // else those that run are those that wait for the end
			all = append(all, of)
		}
	}
	slices.SortFunc(all, func(x, y CutOff) int { return cmp.Compare(x.Handler, y.Handler) })
	if over {
		b.cutOff = all
	}
	return all
}

// unhandled is what the lane's handler has in hand, and what waits for it. over: what waits is taken from it, so that all of it is counted.
func (l *lane) unhandled(over bool) (running, waiting int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	running, waiting = int(l.calls), len(l.waiting())
	switch {
	case l.sub.cancelled(): // nothing of it would be handled
		waiting = 0
	case over:
		l.queue, l.head, l.keys = nil, 0, nil
		l.crew.shedAll()
	}
	if l.credit != nil { // it has in hand what it cannot send yet
		running, waiting = 0, waiting+running
	}
	return running, waiting
}

// CutOff forgets a shard of which nothing is published any more, as Forget does, but what waits of it is not handled any more. It returns that,
// and what handlers have in hand, which goes on.
func (b *Bus) CutOff(key events.ShardKey) (all []CutOff) {
	for _, l := range b.forget(key) {
		if running, waiting := l.unhandled(true); running+waiting > 0 {
			all = append(all, CutOff{l.sub.Handler, running, waiting})
		}
	}
	slices.SortFunc(all, func(x, y CutOff) int { return cmp.Compare(x.Handler, y.Handler) })
	return all
}

// ended reports whether nothing is handled any more.
func (b *Bus) ended() bool {
	select {
	case <-b.over:
		return true
	default:
		return false
	}
}

// Excuse is for a handler that waits for the end of Close, which would wait for the handler: it is not waited for until back is called.
func (b *Bus) Excuse() (back func()) {
	add := func(n int) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.excused += n
		b.rest()
	}
	add(1)
	return func() { add(-1) }
}

var handlersCaller = runtime.FuncForPC(reflect.ValueOf((*lane).call).Pointer()).Name()

// InHandler reports whether it is called by a handler, however deep below. Nothing but its stack tells, since a handler may bring
// any context.
func InHandler() bool {
	callers, n := []uintptr(nil), 0
	for n == len(callers) { // there may be more
		callers = make([]uintptr, 64+2*n)
		n = runtime.Callers(0, callers)
	}
	frames := runtime.CallersFrames(callers[:n])
	for more := true; more; {
		var frame runtime.Frame
		if frame, more = frames.Next(); frame.Function == handlersCaller {
			return true
		}
	}
	return false
}

// begin gives a lane a goroutine, or one more.
func (b *Bus) begin(l *lane) {
	b.mu.Lock()
	if l.goroutines == 0 {
		l.place = int32(len(b.busy))
		b.busy = append(b.busy, l)
	}
	l.goroutines++
	b.running++
	b.mu.Unlock()
	go l.run(b) //seam:handlers-run-apart
}

// end notes that a lane's goroutine ends.
func (b *Bus) end(l *lane) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l.goroutines--
	b.running--
	if l.goroutines == 0 {
		last := len(b.busy) - 1
		b.busy[l.place] = b.busy[last]
		b.busy[l.place].place = l.place
		b.busy[last] = nil
		b.busy = b.busy[:last]
	}
	b.rest()
}

// send notes that an event is sent, which Close waits for until it is settled.
func (b *Bus) send() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent++
}

// unsent notes that it was settled.
func (b *Bus) unsent() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent--
	b.rest()
}

// rest lets Close know when there is nothing to wait for. The lock is held.
func (b *Bus) rest() {
	if b.idle != nil && b.running+b.sent <= b.excused {
		close(b.idle)
		b.idle = nil
	}
}
