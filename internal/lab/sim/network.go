package sim

import (
	"context"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/signalbox-go/signalbox/actors"
)

// network is the virtual network between processes and the gateway. Every delay comes from the
// seed and the name of the connection, so that it does not matter who dials first.
type network struct {
	plan   Plan
	record func(Record)
	accept chan net.Conn
	ended  chan struct{}
	once   sync.Once

	mu       sync.Mutex
	requests map[int]int // over HTTP, by process
	pairs    map[string]*pair
	refused  bool // connections are refused
	hanging  bool // connections are not answered
	failing  bool // names cannot be resolved
	resumes  bool // connections to the resume host are refused
	hung     []*pair
	dead     map[int]bool // processes that were killed
}

func newNetwork(plan Plan, record func(Record)) *network {
	return &network{
		plan: plan, record: record, accept: make(chan net.Conn), ended: make(chan struct{}),
		requests: make(map[int]int), pairs: make(map[string]*pair), dead: make(map[int]bool),
	}
}

type addr string

func (addr) Network() string  { return "virtual" }
func (a addr) String() string { return string(a) }

// The addresses of the gateway, and of its URL for a Resume.
const (
	gatewayHost = "127.0.0.1:80"
	resumeHost  = "127.0.0.2:80"
)

// Accept implements net.Listener.
func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.accept:
		return c, nil
	case <-n.ended:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (n *network) Close() error {
	n.once.Do(func() { close(n.ended) })
	return nil
}

// Addr implements net.Listener.
func (n *network) Addr() net.Addr { return addr(gatewayHost) }

var errNoRoute = &net.DNSError{Err: "no such host", Name: "gateway", IsNotFound: true}

// dialer dials for one process. Shard -1 is its HTTP client.
func (n *network) dialer(process int) func(ctx context.Context, kind, address string) (net.Conn, error) {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		n.mu.Lock()
		shard, nth := -1, 0
		if of, ok := actors.DialOf(ctx); ok {
			shard, nth = n.plan.numberOf(of.Shard), n.plan.linkOf(of.Key, of.Conn)
		} else {
			n.requests[process]++
			nth = n.requests[process]
		}
		p := newPair(n, process, shard, nth)
		refused, failing, hanging := n.refused || n.dead[process] || n.resumes && address == resumeHost, n.failing, n.hanging && shard >= 0
		n.mu.Unlock()
		n.record(Record{Witness: Network, What: "dial", Process: process, Shard: shard, Link: p.nth, Text: address})
		var err error
		select {
		case <-time.After(time.Until(arrival(time.Now().Add(p.delay(&p.up)), time.Time{}))):
		case <-ctx.Done():
			err = ctx.Err()
		}
		switch {
		case err != nil:
		case failing:
			err = errNoRoute
		case refused:
			err = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		case hanging:
			n.mu.Lock()
			n.hung = append(n.hung, p)
			n.pairs[p.name] = p
			n.mu.Unlock()
			return &p.client, nil
		default:
			n.mu.Lock()
			n.pairs[p.name] = p
			n.mu.Unlock()
			select {
			case n.accept <- &p.server:
				return &p.client, nil
			case <-n.ended:
				err = net.ErrClosed
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		n.record(Record{Witness: Network, What: "undialled", Process: process, Shard: shard, Link: p.nth})
		return nil, err
	}
}

// set changes one of the network's moods.
func (n *network) set(mood *bool, on bool) {
	n.mu.Lock()
	*mood = on
	var hung []*pair
	if mood == &n.hanging && !on {
		hung, n.hung = n.hung, nil
	}
	n.mu.Unlock()
	for _, p := range hung {
		p.reset()
	}
}

// kill ends a process as the kernel would: its sockets are gone, and it does nothing more.
func (n *network) kill(process int) {
	n.mu.Lock()
	n.dead[process] = true
	n.mu.Unlock()
	n.each(func(p *pair) {
		if p.process == process {
			p.reset()
		}
	})
}

// each calls f for each pair that is open.
func (n *network) each(f func(*pair)) {
	n.mu.Lock()
	all := make([]*pair, 0, len(n.pairs))
	for _, p := range n.pairs {
		all = append(all, p)
	}
	n.mu.Unlock()
	for _, p := range all {
		f(p)
	}
}

// latest is the open connection of a shard, or nil.
func (n *network) latest(shard int) (latest *pair) {
	n.each(func(p *pair) {
		if p.shard == shard && !n.isDead(p.process) && (latest == nil || p.process > latest.process || p.process == latest.process && p.nth > latest.nth) {
			latest = p
		}
	})
	return latest
}

func (n *network) isDead(process int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dead[process]
}
