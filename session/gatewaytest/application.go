package gatewaytest

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/signalbox-go/signalbox/events"
)

// grants are the application's flags that stand for privileged intents: first that of an approved application, then that of a small one.
//
// Source: resources/application#application-object-application-flags
var grants = map[events.Intents][2]int{
	intentPresences: {1 << 12, 1 << 13},
	intentMembers:   {1 << 14, 1 << 15},
	intentContent:   {1 << 18, 1 << 19},
}

// applicationFlags are those of an application that may ask for the allowed intents, and that is small, as most are.
func (s *Server) applicationFlags() (flags int) {
	for intent, flag := range grants {
		if s.set.intents&intent != 0 {
			flags |= flag[1]
		}
	}
	return flags
}

// ownApplication answers GET /applications/@me.
//
// Source: resources/application#get-current-application
func (s *Server) ownApplication(w http.ResponseWriter, r *http.Request) {
	token, isBot := strings.CutPrefix(r.Header.Get("Authorization"), "Bot ")
	s.mu.Lock()
	accepted, flags, id := isBot && s.accepts(token), s.applicationFlags(), s.world.bot
	s.mu.Unlock()
	switch {
	case ask(s, &s.application, w):
	case !accepted:
		unauthorized(w)
	default:
		writeJSON(w, map[string]any{"id": id, "name": "signalbox", "flags": flags, "flags_new": strconv.Itoa(flags)})
	}
}

// SetAllowedIntents changes which intents the application may ask for, as when a permission lapses: see WithAllowedIntents. Sessions that
// have others go on; end them by [Script.Close] with 4014.
func (s *Server) SetAllowedIntents(intents events.Intents) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set.intents = intents
}

// OnApplication has f answer GET /applications/@me; if it returns false the next hook does, or the server, with the flags of the allowed
// intents. It is called on the request's goroutine, and may call the server. remove ends it, and a nil f all of them.
func (s *Server) OnApplication(f func(http.ResponseWriter) (handled bool)) (remove func()) {
	return hook(s, &s.application, f)
}
