package gatewaytest

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// gatewayBot answers GET /gateway/bot.
//
// Source: events/gateway#get-gateway-bot
func (s *Server) gatewayBot(w http.ResponseWriter, r *http.Request) {
	token, isBot := strings.CutPrefix(r.Header.Get("Authorization"), "Bot ")
	s.mu.Lock()
	s.stats.Discoveries++
	s.refill(time.Now())
	s.note(nil, Entry{Kind: Discovered})
	remaining, wait := max(0, s.remaining), time.Until(s.resetAt)
	accepted := isBot && s.accepts(token)
	s.mu.Unlock()
	switch {
	case ask(s, &s.discovery, w):
	case !accepted:
		w.(*exchange).write(unauthorized)
	default:
		writeJSON(w, map[string]any{
			"url": s.urlFor(r), "shards": s.set.shards,
			"session_start_limit": map[string]any{
				"total": s.set.total, "remaining": remaining, "reset_after": wait.Milliseconds(),
				"max_concurrency": s.set.concurrency,
			},
		})
	}
}

// gateway answers GET /gateway, which needs no token.
//
// Source: events/gateway#get-gateway
func (s *Server) gateway(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, map[string]string{"url": s.urlFor(r)})
}

// accepts reports whether a token is the bot's, and was not reset.
func (s *Server) accepts(token string) bool {
	return token != "" && !s.reset && (s.set.token == "" || token == s.set.token)
}

// refill starts the next period of the daily budget when this one is over.
func (s *Server) refill(now time.Time) {
	if !now.Before(s.resetAt) {
		s.remaining, s.resetAt = s.set.total, now.Add(24*time.Hour)
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}

// SetSessionStarts changes how many Identifies are left today.
func (s *Server) SetSessionStarts(remaining int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remaining = remaining
}
