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

// ownApplication answers GET /applications/@me, unless a hook does.
func (s *Server) ownApplication(w http.ResponseWriter, _ *http.Request) {
	if !ask(s, &s.application, w) {
		w.(*exchange).answer(route{"GET /applications/@me", false, getApplication})
	}
}

// getApplication answers with the bot's application, whose id is the bot's.
//
// Source: resources/application#get-current-application
func getApplication(x *exchange) reply {
	flags := x.srv.applicationFlags()
	return ok(object{
		"id": BotID, "name": "signalbox", "icon": nil, "description": "", "summary": "", "bot_public": true, "bot_require_code_grant": false,
		"owner": userObject(1, memberName(1)), "verify_key": strings.Repeat("0", 64), "team": nil, "flags": flags, "flags_new": strconv.Itoa(flags),
		"bot": userObject(BotID, botName), "approximate_guild_count": len(x.w.all()), "approximate_user_install_count": 0, "redirect_uris": []any{},
		"interactions_endpoint_url": nil, "role_connections_verification_url": nil, "event_webhooks_url": nil, "event_webhooks_status": 1, "tags": []any{},
		"integration_types_config": object{"0": object{}}, "rpc_origins": []any{}, "hook": true,
	})
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
