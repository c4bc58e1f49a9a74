package shardmanager_test

import (
	"context"
	"net"
	"sync"

	"github.com/signalbox-go/signalbox/internal/handover"
)

// meeting is where processes of one test find each other.
type meeting struct {
	mu    sync.Mutex
	owner *spot
	calls chan net.Conn // nil: nobody listens
}

// spot is the meeting as one process sees it.
type spot struct {
	at   *meeting
	over chan struct{}
	once sync.Once
}

func (at *meeting) spot() *spot { return &spot{at: at, over: make(chan struct{})} }

func (s *spot) Claim() (bool, error) {
	s.at.mu.Lock()
	defer s.at.mu.Unlock()
	if s.at.owner == nil {
		s.at.owner = s
	}
	return s.at.owner == s, nil
}

func (s *spot) Listen() (net.Listener, error) {
	s.at.mu.Lock()
	defer s.at.mu.Unlock()
	s.at.calls = make(chan net.Conn, 1)
	return &calls{s, s.at.calls}, nil
}

func (s *spot) Dial(ctx context.Context) (net.Conn, error) {
	s.at.mu.Lock()
	defer s.at.mu.Unlock()
	if s.at.calls == nil {
		return nil, handover.ErrNobody
	}
	here, there := net.Pipe()
	select {
	case s.at.calls <- there:
		return here, nil
	default:
		return nil, handover.ErrNobody
	}
}

func (s *spot) Close() error {
	s.at.mu.Lock()
	defer s.at.mu.Unlock()
	s.once.Do(func() { close(s.over) })
	if s.at.owner == s {
		s.at.owner, s.at.calls = nil, nil
	}
	return nil
}

// calls are what a spot's owner accepts.
type calls struct {
	*spot
	in chan net.Conn
}

func (c *calls) Accept() (net.Conn, error) {
	select {
	case conn := <-c.in:
		return conn, nil
	case <-c.over:
		return nil, net.ErrClosed
	}
}

func (c *calls) Close() error {
	c.once.Do(func() { close(c.over) })
	return nil
}

func (c *calls) Addr() net.Addr { return nil }
