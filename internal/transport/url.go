package transport

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// URLError says why a URL is not connected to. It does not show the URL, which may be secret.
type URLError struct{ Problem string }

// Error tells the problem.
func (e *URLError) Error() string { return "transport: gateway URL refused: " + e.Problem }

const discord = "discord.gg"

// CheckURL parses a URL that the gateway or discovery gave, and refuses it unless the token may
// be sent there: the scheme is wss and the host is one of Discord's or of cfg.Hosts, or a
// subdomain. Plain ws is for loopback and for cfg.Hosts.
func CheckURL(raw string, cfg Config) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, &URLError{"it cannot be parsed"}
	}
	host := strings.ToLower(u.Hostname())
	listed := slices.ContainsFunc(cfg.Hosts, func(allowed string) bool {
		return within(host, allowed) || strings.EqualFold(u.Host, allowed)
	})
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
	case listed || loopback && u.Scheme == "ws":
		return u, nil
	case !within(host, discord):
		return nil, &URLError{"its host is not Discord's; allow it by WithGatewayHosts if the token may be sent there"}
	case u.Port() != "" && u.Port() != "443":
		return nil, &URLError{"its port is not 443"}
	}
	return u, nil
}

// within reports whether host is the domain or below it.
func within(host, domain string) bool {
	domain = strings.ToLower(domain)
	return host == domain || strings.HasSuffix(host, "."+domain)
}
