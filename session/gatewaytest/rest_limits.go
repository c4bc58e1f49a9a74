package gatewaytest

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// limits are how often a bot may call: a number of calls in a window that begins with its first. Each
// bucket has its own, and all together have one.
//
// Source: topics/rate-limits
type limits struct {
	calls   int
	per     time.Duration
	buckets map[string]*window
	global  window
	until   map[string]time.Time // see LimitCalls
}

type window struct {
	begun time.Time
	used  int
}

const (
	globalCalls  = 50 // a second
	sweptBuckets = 1000
)

func newLimits(calls int, per time.Duration) limits {
	return limits{calls: calls, per: per, buckets: make(map[string]*window), until: make(map[string]time.Time)}
}

// take counts a call in a window, and says how many are left (negative: it is one too many) and when the next window begins.
func (b *window) take(now time.Time, calls int, per time.Duration) (left int, reset time.Time) {
	if now.Sub(b.begun) >= per {
		*b = window{begun: now}
	}
	if left, reset = calls-b.used-1, b.begun.Add(per); left >= 0 {
		b.used++
	}
	return left, reset
}

// bucket is the window of a route and what in its path is limited on its own.
//
// Source: topics/rate-limits#rate-limits: channel_id, guild_id, and webhook_id with its token.
func (l *limits) bucket(route string, r *http.Request, now time.Time) *window {
	key := route
	for _, name := range []string{"channel_id", "guild_id", "interaction_id", "application_id", "token"} {
		key += " " + r.PathValue(name)
	}
	if len(l.buckets) > sweptBuckets {
		for key, b := range l.buckets {
			if now.Sub(b.begun) >= l.per {
				delete(l.buckets, key)
			}
		}
	}
	if l.buckets[key] == nil {
		l.buckets[key] = new(window)
	}
	return l.buckets[key]
}

// limit counts a call, and tells the bot how many more it may make. Those about interactions are not bound to the global limit.
func (x *exchange) limit(route route) (reply, bool) {
	l := &x.srv.rest.limits
	if !route.open {
		if left, reset := l.global.take(x.now, globalCalls, time.Second); left < 0 {
			return x.tooMany(reset, "global"), true
		}
	}
	left, reset := l.bucket(route.pattern, x.request, x.now).take(x.now, l.calls, l.per)
	x.tellLimit(route.pattern, l.calls, max(left, 0), reset)
	if left < 0 {
		return x.tooMany(reset, "user"), true
	}
	return reply{}, false
}

// tellLimit sets the headers of a bucket.
//
// Source: topics/rate-limits#header-format
func (x *exchange) tellLimit(route string, limit, left int, reset time.Time) {
	name := fnv.New64a()
	_, _ = name.Write([]byte(route)) // it never fails
	h := x.Header()
	h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(left))
	h.Set("X-RateLimit-Reset", fmt.Sprintf("%.3f", float64(reset.UnixMilli())/1000))
	h.Set("X-RateLimit-Reset-After", fmt.Sprintf("%.3f", reset.Sub(x.now).Seconds()))
	h.Set("X-RateLimit-Bucket", fmt.Sprintf("%016x", name.Sum64()))
}

// tooMany refuses a call until later.
//
// Source: topics/rate-limits#exceeding-a-rate-limit
func (x *exchange) tooMany(until time.Time, scope string) reply {
	wait, h := until.Sub(x.now).Seconds(), x.Header()
	h.Set("Retry-After", fmt.Sprintf("%.0f", math.Ceil(wait)))
	h.Set("X-RateLimit-Scope", scope)
	if scope == "global" {
		h.Set("X-RateLimit-Global", "true")
	}
	return reply{http.StatusTooManyRequests, object{
		"message": "You are being rate limited.", "retry_after": json.Number(fmt.Sprintf("%.3f", wait)), "global": scope == "global",
	}}
}

// forced answers a call of which a test has said that it is one too many.
func (x *exchange) forced() bool {
	s, l := x.srv, &x.srv.rest.limits
	s.mu.Lock()
	var until time.Time
	scope := "user"
	for _, key := range []string{"", x.route, x.request.Method + " " + x.request.URL.Path} {
		if at, set := l.until[key]; set && at.After(until) && x.now.Before(at) {
			until = at
			if key == "" {
				scope = "global"
			}
		}
	}
	s.mu.Unlock()
	if until.IsZero() {
		return false
	}
	if scope == "user" {
		x.tellLimit(x.route, l.calls, 0, until)
	}
	x.write(x.tooMany(until, scope))
	return true
}

// LimitCalls has calls be answered with 429, and told to come again after the time that is left of retryAfter,
// until that is over: those of a route (as [Call].Route has it), or of one path ("POST /channels/1/messages"), or
// all, as a global limit, if the route is "". 0 ends it.
func (s *Server) LimitCalls(route string, retryAfter time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest.limits.until[strings.TrimSpace(route)] = time.Now().Add(retryAfter)
}
