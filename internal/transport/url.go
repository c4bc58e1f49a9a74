package transport

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// URLError says why a URL is not connected to. It does not show the URL, which may be secret.
type URLError struct{ Problem string }

// Error tells the problem.
func (e *URLError) Error() string { return "transport: gateway URL refused: " + e.Problem }

const discord = "discord.gg"

// CheckURL parses a URL that the gateway or discovery gave, and refuses it unless the token may
// be sent there: the scheme is wss and the host is one of Discord's or of cfg.Hosts, or a
// subdomain, or loopback. Plain ws is for loopback and for cfg.Hosts.
func CheckURL(raw string, cfg Config) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, &URLError{"it cannot be parsed"}
	}
	host := strings.ToLower(u.Hostname())
	listed := Listed(u, cfg.Hosts)
	ip := net.ParseIP(host)
	loopback := host == "localhost" || ip != nil && ip.IsLoopback()
	switch {
	case host == "" || u.Opaque != "":
		return nil, &URLError{"it names no host"}
	case u.User != nil:
		return nil, &URLError{"it has user information"}
	case strings.ContainsFunc(host, func(r rune) bool { return r > '~' }):
		return nil, &URLError{"its host is not ASCII"}
	case u.Scheme != "wss" && u.Scheme != "ws":
		return nil, &URLError{"its scheme is neither wss nor ws"}
	case u.Scheme == "ws" && !loopback && !listed:
		return nil, &URLError{"plain ws is only for loopback and for hosts that WithGatewayHosts allows"}
	case listed || loopback:
		return u, nil
	case !within(host, discord):
		return nil, &URLError{"its host is not Discord's; allow it by WithGatewayHosts if the token may be sent there"}
	case u.Port() != "" && u.Port() != "443":
		return nil, &URLError{"its port is not 443"}
	}
	return u, nil
}

// Listed reports whether a URL's host is one of hosts, or below it. One that is listed with a port stands for that port alone, also
// where the URL leaves it out, being its scheme's.
func Listed(u *url.URL, hosts []string) bool {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if port == "" {
		port = map[string]string{"wss": "443", "https": "443", "ws": "80", "http": "80"}[u.Scheme]
	}
	return slices.ContainsFunc(hosts, func(allowed string) bool {
		return within(host, strings.Trim(allowed, "[]")) || strings.EqualFold(net.JoinHostPort(host, port), allowed)
	})
}

var errNotAlone = errors.New(`is not a host alone: leave out scheme, path and user, as in "gateway.example" or "gateway.example:8443"`)

// CheckHost says why a host cannot be meant that is to be allowed: what CheckURL would never find, or would find too often.
func CheckHost(host string) error {
	if strings.Contains(host, "://") {
		return errNotAlone
	}
	name := host
	if h, port, err := net.SplitHostPort(host); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("has a port that is none")
		}
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	switch {
	case name == "":
		return errors.New(`names no host: use one such as "gateway.example"`)
	case net.ParseIP(name) != nil:
		return nil
	case strings.ContainsAny(name, "/?#@"):
		return errNotAlone
	case strings.Contains(name, "*"):
		return errors.New(`has a wildcard: name the domain, which allows what is below it as well`)
	}
	for _, label := range strings.Split(name, ".") {
		if label == "" || strings.ContainsFunc(label, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
		}) {
			return errors.New(`is no host name: use letters of ASCII, digits and hyphens, and dots between them only, as in "gateway.example"`)
		}
	}
	return nil
}

// within reports whether host is the domain or below it.
func within(host, domain string) bool {
	domain = strings.ToLower(domain)
	return host == domain || strings.HasSuffix(host, "."+domain)
}
