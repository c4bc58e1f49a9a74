package dashboard

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/signalbox-go/signalbox/internal/foreign"
)

// right is what a request may do.
type right int

const (
	none  right = iota
	empty       // have what is public
	look
	control
)

const (
	notLocal = "this dashboard has no authentication configured, and so it answers only this machine, directly, by the name localhost or a loopback address: " +
		"configure WithToken or WithAuthentication to reach it from elsewhere or through a proxy"
	otherSite  = "another site has made this request: open the dashboard itself"
	wantsToken = "give the dashboard's token, as \"Authorization: Bearer …\""
	notLetIn   = "the program's own authentication does not let you in"
)

// forwarding are beginnings of headers by which a proxy shows that it is one.
var forwarding = []string{"Forwarded", "Via", "X-Forwarded", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "Cf-", "Fastly-", "X-Cluster-Client-Ip", "X-Original-", "X-Envoy-",
	"X-Appengine-", "X-Amzn-", "X-Azure-", "X-Request-Id", "Cdn-Loop"}

// local reports whether the request comes from this machine, and from no proxy on it that lets itself be seen as one. A name that was made to lead here (DNS rebinding) is none of
// ours, and HTTP/1.0 is spoken by proxies alone.
func local(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() || !r.ProtoAtLeast(1, 1) {
		return false
	}
	for name := range r.Header {
		if slices.ContainsFunc(forwarding, func(begin string) bool { return strings.HasPrefix(name, begin) }) {
			return false
		}
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.Unmap().IsLoopback()
}

// equal compares tokens in a time that tells nothing of them, not even their length.
func equal(given, want string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// bearer is the token that a request has, or "".
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// rightOf is what a request may do, and why it may not do more.
func (d *Dashboard) rightOf(r *http.Request) (is right, status int, problem string) {
	token := bearer(r)
	byToken, byControl := d.cfg.hasToken && equal(token, d.cfg.token), d.cfg.hasControl && equal(token, d.cfg.control)
	switch {
	case byControl:
		return control, 0, ""
	case byToken:
		return look, 0, ""
	case d.cfg.hasAuthentic:
		if d.lets(r) {
			return look, 0, ""
		}
		return none, http.StatusForbidden, notLetIn
	case d.cfg.hasToken:
		return empty, http.StatusUnauthorized, wantsToken
	case !local(r):
		return none, http.StatusForbidden, notLocal
	}
	return look, 0, ""
}

// lets asks the program's own authentication.
func (d *Dashboard) lets(r *http.Request) (yes bool) {
	err := foreign.Call("WithAuthentication's function", func() error {
		yes = d.cfg.authentic(r)
		return nil
	})
	return err == nil && yes
}

// guarded lets through who may read, and to what is public, which tells nothing of the bot, also who has not given a token yet. Verbs are guarded once more.
func (d *Dashboard) guarded(next http.Handler, isPublic func(*http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		is, status, problem := d.rightOf(r)
		public := isPublic(r)
		switch site := r.Header.Get("Sec-Fetch-Site"); {
		case is == none:
			refuse(w, status, problem)
		case !public && (site == "cross-site" || site == "same-site"):
			refuse(w, http.StatusForbidden, otherSite)
		case is == empty && !public:
			h.Set("WWW-Authenticate", "Bearer")
			refuse(w, status, problem)
		default:
			next.ServeHTTP(w, r)
		}
	})
}
