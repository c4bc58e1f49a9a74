package gatewaytest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// rest is what answers the REST calls of a bot. What it does not know is for the test's own handler.
type rest struct {
	mux    *http.ServeMux
	hooks  hooks[*exchange]
	limits limits
	calls  []Call
	size   int // of the bodies in calls
}

// route is a resource that is served. What is open needs no token of a bot: anybody may ask, or what is
// in the path says who does.
type route struct {
	pattern string // of net/http, without the base; a name that ends in _id is a snowflake
	open    bool
	serve   func(*exchange) reply
}

func routes() []route {
	return []route{
		{"GET /users/@me", false, getSelf},
		{"GET /users/@me/guilds", false, listOwnGuilds},
		{"GET /users/{user_id}", false, getUser},
		{"GET /oauth2/applications/@me", false, getApplication},
		{"GET /guilds/{guild_id}", false, getGuild},
		{"GET /guilds/{guild_id}/channels", false, listChannels},
		{"GET /guilds/{guild_id}/roles", false, listRoles},
		{"GET /guilds/{guild_id}/members", false, listMembers},
		{"GET /guilds/{guild_id}/members/search", false, searchMembers},
		{"GET /guilds/{guild_id}/members/{user_id}", false, getMember},
		{"GET /channels/{channel_id}", false, getChannel},
		{"POST /users/@me/channels", false, openDirect},
		{"GET /channels/{channel_id}/messages", false, listMessages},
		{"POST /channels/{channel_id}/messages", false, createMessage},
		{"GET /channels/{channel_id}/messages/{message_id}", false, getMessage},
		{"PATCH /channels/{channel_id}/messages/{message_id}", false, editMessage},
		{"DELETE /channels/{channel_id}/messages/{message_id}", false, deleteMessage},
		{"POST /channels/{channel_id}/messages/bulk-delete", false, bulkDelete},
		{"POST /channels/{channel_id}/typing", false, startTyping},
		{"GET /applications/{application_id}/commands", false, listCommands},
		{"PUT /applications/{application_id}/commands", false, putCommands},
		{"POST /applications/{application_id}/commands", false, createCommand},
		{"GET /applications/{application_id}/commands/{command_id}", false, getCommand},
		{"PATCH /applications/{application_id}/commands/{command_id}", false, editCommand},
		{"DELETE /applications/{application_id}/commands/{command_id}", false, deleteCommand},
		{"GET /applications/{application_id}/guilds/{guild_id}/commands", false, listCommands},
		{"PUT /applications/{application_id}/guilds/{guild_id}/commands", false, putCommands},
		{"POST /applications/{application_id}/guilds/{guild_id}/commands", false, createCommand},
		{"GET /applications/{application_id}/guilds/{guild_id}/commands/{command_id}", false, getCommand},
		{"PATCH /applications/{application_id}/guilds/{guild_id}/commands/{command_id}", false, editCommand},
		{"DELETE /applications/{application_id}/guilds/{guild_id}/commands/{command_id}", false, deleteCommand},
		{"POST /interactions/{interaction_id}/{token}/callback", true, createCallback},
		{"POST /webhooks/{application_id}/{token}", true, createFollowup},
		{"GET /webhooks/{application_id}/{token}/messages/{message}", true, getFollowup},
		{"PATCH /webhooks/{application_id}/{token}/messages/{message}", true, editFollowup},
		{"DELETE /webhooks/{application_id}/{token}/messages/{message}", true, deleteFollowup},
	}
}

func newREST(s *Server) *rest {
	api := &rest{mux: http.NewServeMux(), limits: newLimits(s.set.calls, s.set.callsPer)}
	api.mux.HandleFunc("GET /gateway", s.gateway)
	api.mux.HandleFunc("GET /gateway/bot", s.gatewayBot)
	api.mux.HandleFunc("GET /applications/@me", s.ownApplication)
	for _, route := range routes() {
		api.mux.HandleFunc(route.pattern, func(w http.ResponseWriter, _ *http.Request) { w.(*exchange).answer(route) })
	}
	api.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.(*exchange).unserved() })
	return api
}

var apiBase = regexp.MustCompile(`^/api(?:/v(\d+))?(?:/|$)`)

// api takes a REST call, whatever version of the API it names.
//
// Source: reference#api-versioning
func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	base := apiBase.FindStringSubmatch(r.URL.Path)
	if base == nil { // such as /apiary
		s.connect(w, r)
		return
	}
	w.Header().Set("Via", "1.1 google") // libraries take a 429 without it for one of Discord's firewall. Not documented, observed.
	request := *r
	request.URL = &url.URL{Path: "/" + r.URL.Path[len(base[0]):], RawQuery: r.URL.RawQuery}
	if rest, escaped := strings.CutPrefix(r.URL.RawPath, base[0]); escaped {
		request.URL.RawPath = "/" + rest
	}
	x := &exchange{ResponseWriter: w, request: &request, srv: s, w: s.world, now: time.Now()}
	x.version, _ = strconv.Atoi(base[1])
	if _, pattern := s.rest.mux.Handler(&request); pattern != "/" {
		x.route = pattern
	}
	defer x.end()
	if refused, ok := x.read(); !ok {
		x.write(refused)
	} else if !ask(s, &s.rest.hooks, x) && !x.forced() {
		x.rewind()
		s.rest.mux.ServeHTTP(x, &request)
	}
	x.returned = true
}

// answer serves a call, if who asks may, and not too often.
func (x *exchange) answer(route route) {
	if answer := x.decide(route); answer.status != 0 {
		x.write(answer)
	} else {
		x.unserved()
	}
}

func (x *exchange) decide(route route) reply {
	x.srv.mu.Lock()
	defer x.srv.mu.Unlock()
	answer := x.judge(route)
	if answer.body != nil {
		answer.body = json.RawMessage(x.w.encode(answer.body))
	}
	return answer
}

// judge is the answer to a call. The server's lock must be held.
func (x *exchange) judge(route route) reply {
	token, isBot := strings.CutPrefix(x.request.Header.Get("Authorization"), "Bot ")
	if !route.open {
		if !isBot || !x.srv.accepts(token) {
			return unauthorized
		}
		x.w.own(token)
	}
	if limited, over := x.limit(route); over {
		return limited
	}
	for _, name := range snowflakes.FindAllStringSubmatch(route.pattern, -1) {
		if _, err := strconv.ParseUint(x.request.PathValue(name[1]), 10, 64); err != nil {
			return invalidForm(name[1], "NUMBER_TYPE_COERCE", "Value is not snowflake.")
		}
	}
	if x.body == nil && len(x.raw) > 0 && len(x.files) == 0 {
		return invalidJSON
	}
	return route.serve(x)
}

var snowflakes = regexp.MustCompile(`\{(\w+_id)\}`)

// unserved has the test's own handler answer, or says that there is nothing.
func (x *exchange) unserved() {
	if own := x.srv.set.rest; own != nil {
		x.rewind()
		own.ServeHTTP(x, x.request)
		return
	}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := *x.request
		other.Method = method
		if _, pattern := x.srv.rest.mux.Handler(&other); pattern != "/" {
			x.write(methodNotAllowed)
			return
		}
	}
	x.write(notFound)
}

// id is a snowflake of the path. The bot's is BotID.
func (x *exchange) id(name string) events.Snowflake {
	return x.w.user(snowflake(x.request.PathValue(name)))
}

// number is a number of the query between two bounds, or what counts without one.
func (x *exchange) number(name string, least, most, without int) int {
	n, err := strconv.Atoi(x.request.URL.Query().Get(name))
	if err != nil {
		return without
	}
	return min(max(n, least), most)
}

// snowflake is an id in text, or 0.
func snowflake(text string) events.Snowflake {
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return events.Snowflake(id)
}

// OnCall has f look at every REST call before the server does; if f returns true it has answered in the
// server's place, and hooks that were set before are not asked. It is called on the call's goroutine, sees
// the path without /api and the version, and may call the server. A panic with http.ErrAbortHandler cuts
// the connection. remove ends it; a nil f removes all of them.
func (s *Server) OnCall(f func(http.ResponseWriter, *http.Request) (handled bool)) (remove func()) {
	if f == nil {
		return hook(s, &s.rest.hooks, nil)
	}
	return hook(s, &s.rest.hooks, func(x *exchange) bool {
		x.rewind()
		return f(x, x.request)
	})
}
