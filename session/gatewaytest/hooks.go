package gatewaytest

import (
	"net/http"
	"slices"
)

// hooks are functions of tests that may answer in the server's place. The newest is asked first.
type hooks[T any] []*func(T) bool

// ask reports whether a hook has dealt with it. Hooks may call the server: its lock must not be held.
func ask[T any](s *Server, all *hooks[T], about T) (handled bool) {
	s.mu.Lock()
	asked := slices.Clone(*all)
	s.mu.Unlock()
	for _, f := range slices.Backward(asked) {
		if (*f)(about) {
			return true
		}
	}
	return false
}

func hook[T any](s *Server, all *hooks[T], f func(T) bool) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f == nil {
		*all = nil
		return func() {}
	}
	*all = append(*all, &f)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		*all = slices.DeleteFunc(slices.Clone(*all), func(other *func(T) bool) bool { return other == &f })
	}
}

// OnFrame has f look at every payload of a client before the server does; if f returns true
// the server does not answer it, and hooks that were set before are not asked. Limits are judged
// all the same. It is called on the connection's goroutine, so at the same time for several
// shards, and may give orders. remove ends it; calls that have begun go on. A nil f removes all
// of them.
func (s *Server) OnFrame(f func(Frame) (handled bool)) (remove func()) {
	return hook(s, &s.frameHooks, f)
}

// OnConnect has f called for every connection, by its number from 1; if f returns true the
// server does not say Hello, and hooks that were set before are not asked. It may send something
// else with SendTo. remove ends it, and a nil f all of them.
func (s *Server) OnConnect(f func(conn int) (silent bool)) (remove func()) {
	return hook(s, &s.hellos, f)
}

// OnDiscovery has f answer GET /gateway/bot; if it returns false the next hook does, or the
// server, so it must not have written then. It is called on the request's goroutine, and may call
// the server. remove ends it, and a nil f all of them.
func (s *Server) OnDiscovery(f func(http.ResponseWriter) (handled bool)) (remove func()) {
	return hook(s, &s.discovery, f)
}
