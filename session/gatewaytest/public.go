package gatewaytest

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// WithPublicURL sets the URL of the gateway that clients are told, such as wss://gateway.example.test, for a server behind a proxy. It
// is what GET /gateway and GET /gateway/bot answer, and READY's resume_gateway_url and the REST base are below it as well: the proxy
// passes everything on. A path in it is one that the proxy takes away. The scheme is ws or wss, whether or not the server itself has
// WithTLS, and the server's own Client and DialContext pass the proxy by.
//
// The default is where the server listens. If that is every address of the machine (0.0.0.0, ::), each client is told the host by which
// it has come: the Host of its request. No one else knows a name of this machine that serves the client, behind a mapped port or in another
// container.
func WithPublicURL(url string) Option { return func(s *settings) { s.publicURL = url } }

// publicURL reads the URL of a WithPublicURL, or says why it cannot be one.
func publicURL(text string) (u *url.URL, problem string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "":
		return nil, "it is no URL of a gateway: give one such as wss://gateway.example.test"
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, "give a URL without a user, a query or a fragment: clients add v and encoding"
	case unspecified(u.Hostname()):
		return nil, "no client can connect to " + u.Hostname() + ": give a host of this machine"
	}
	return u, ""
}

// locate sets the URLs at which the server is found.
func (s *Server) locate() {
	secure := ""
	if s.set.tls != nil {
		secure = "s"
	}
	host := s.net.Addr().String()
	name, port, err := net.SplitHostPort(host)
	if s.anywhere = err == nil && unspecified(name); s.anywhere {
		host = net.JoinHostPort("127.0.0.1", port) // it is one of them, and every machine has it
	}
	s.URL, s.APIURL, s.ResumeURL = "ws"+secure+"://"+host, "http"+secure+"://"+host+"/api/v10", "ws"+secure+"://"+s.net.resumeHost(host)+resumePath
	if public, problem := publicURL(s.set.publicURL); problem == "" {
		s.anywhere = false
		s.URL = strings.TrimSuffix(public.String(), "/")
		s.APIURL, s.ResumeURL = "http"+strings.TrimPrefix(s.URL, "ws")+"/api/v10", s.URL+resumePath
	}
	if s.set.resumeURL != "" {
		s.ResumeURL = s.set.resumeURL
	}
}

// urlFor is the gateway's URL, as the client that has made a request is told.
func (s *Server) urlFor(r *http.Request) string {
	if !s.anywhere {
		return s.URL
	}
	return at(s.URL, r)
}

// resumeURLFor is ResumeURL, as the client that has made a request is told.
func (s *Server) resumeURLFor(r *http.Request) string {
	if !s.anywhere || s.set.resumeURL != "" {
		return s.ResumeURL
	}
	return at(s.ResumeURL, r)
}

// at is a URL of the server's with the host by which a request has come: that of its Host or, where no client could connect to that, the
// address of this end of the connection.
func at(raw string, r *http.Request) string {
	u, err := url.Parse("//" + r.Host)
	host := r.Host
	if err != nil || u.Host != host || u.Hostname() == "" || unspecified(u.Hostname()) {
		host = r.Context().Value(http.LocalAddrContextKey).(net.Addr).String()
	}
	scheme, rest, _ := strings.Cut(raw, "://")
	_, path, _ := strings.Cut(rest, "/")
	return strings.TrimSuffix(scheme+"://"+host+"/"+path, "/")
}

// unspecified reports whether a host stands for every address of a machine.
func unspecified(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsUnspecified()
}
