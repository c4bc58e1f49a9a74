package sim

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// dispatcher runs the actors of a process one at a time, in an order that the seed decides.
// Before each turn it lets everything else come to rest, so that what is ready to run does not
// depend on how goroutines are scheduled.
type dispatcher struct {
	mu     sync.Mutex
	ready  []turn
	held   map[int]time.Time // actors that have no turn until then, by index
	random *rand.Rand
	rest   func() // returns when all else waits
	wake   chan struct{}
	stop   chan struct{}
}

type turn struct {
	actor int // index of the shard, or -1
	run   func()
}

func newDispatcher(seed uint64, process int, rest func()) *dispatcher {
	d := &dispatcher{
		rest:   rest,
		random: rand.New(rand.NewPCG(seed^0x61637472, uint64(process))), held: make(map[int]time.Time), wake: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	go d.loop()
	return d
}

// of is the dispatcher for one actor.
func (d *dispatcher) of(index int) actor.Dispatcher { return dispatcherOf{d, index} }

type dispatcherOf struct {
	*dispatcher
	index int
}

// Schedule implements actor.Dispatcher.
func (d dispatcherOf) Schedule(run func()) {
	d.mu.Lock()
	until := d.held[d.index]
	d.mu.Unlock()
	if wait := time.Until(until); wait > 0 {
		time.AfterFunc(wait, func() { d.queue(turn{d.index, run}) })
		return
	}
	d.queue(turn{d.index, run})
}

func (d *dispatcher) queue(t turn) {
	d.mu.Lock()
	d.ready = append(d.ready, t)
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// hold has all messages to an actor wait, in their order.
func (d *dispatcher) hold(index int, during time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held[index] = time.Now().Add(during)
}

// Throughput implements actor.Dispatcher.
func (dispatcherOf) Throughput() int { return 300 }

func (d *dispatcher) loop() {
	for {
		select {
		case <-d.wake:
		case <-d.stop:
			return
		}
		for d.turn() {
		}
	}
}

func (d *dispatcher) turn() bool {
	time.Sleep(time.Nanosecond) // it passes when all else rests,
	d.rest()                    // and what begins with it comes to rest as well
	d.mu.Lock()
	if len(d.ready) == 0 {
		d.mu.Unlock()
		return false
	}
	slices.SortStableFunc(d.ready, func(a, b turn) int { return cmp.Compare(a.actor, b.actor) })
	i := d.random.IntN(len(d.ready))
	next := d.ready[i]
	d.ready = slices.Delete(d.ready, i, i+1)
	d.mu.Unlock()
	over := make(chan struct{})
	go func() { // an actor may end its goroutine
		defer close(over)
		next.run()
	}()
	<-over
	return true
}

func (d *dispatcher) close() { close(d.stop) }

// inTurn lets everything come to rest after each message, so that what a message has set going
// cannot overtake the next.
func (p *process) inTurn(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(ctx actor.ReceiverContext, envelope *actor.MessageEnvelope) {
		defer p.sim.rest()
		next(ctx, envelope)
	}
}
