package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// ProxyError says that an HTTP proxy has refused to connect.
type ProxyError struct{ Status int }

// Error tells the status, and what to do if that is known.
func (e *ProxyError) Error() string {
	text := fmt.Sprintf("the proxy refused to connect, with status %s", statusText(e.Status))
	switch e.Status {
	case http.StatusProxyAuthRequired:
		text += ": put user and password into the proxy's URL"
	case http.StatusForbidden:
		text += ": it must allow this host"
	}
	return text
}

// statusText is a status and its usual reason. The server's own words are not shown.
func statusText(status int) string {
	if text := http.StatusText(status); text != "" {
		return fmt.Sprintf("%d %s", status, text)
	}
	return fmt.Sprint(status)
}

// throughProxyError is what failed on the way to the proxy, or there.
type throughProxyError struct{ err error }

func (e *throughProxyError) Error() string { return "the proxy: " + e.err.Error() }
func (e *throughProxyError) Unwrap() error { return e.err }

// direct dials through no proxy.
var direct = new(net.Dialer).DialContext

// throughProxy connects to addr, through the proxy for the URL, if there is one. HTTP proxies are spoken to here, since the WebSocket
// library hides the status of a refusal and knows no https to the proxy; to others it is connected, and they are the library's to speak to.
func throughProxy(ctx context.Context, u *url.URL, addr string, cfg *Config) (conn net.Conn, theirs *url.URL, err error) {
	proxy, err := proxyFor(u, cfg)
	switch {
	case err != nil: // which may quote its password
		return nil, nil, &throughProxyError{errors.New("the environment's setting cannot be used")}
	case proxy == nil:
		conn, err = direct(ctx, "tcp", addr)
		return conn, nil, err
	case proxy.Scheme == "http" || proxy.Scheme == "https":
		conn, err = tunnel(ctx, direct, proxy, addr, cfg.TLS)
	case proxy.Scheme == "socks5" || proxy.Scheme == "socks5h":
		same := *proxy
		theirs, same.Scheme = &same, "socks5" // the library resolves no names: they are the proxy's to resolve either way
		conn, err = direct(ctx, "tcp", proxyAddr(proxy))
	default:
		return nil, nil, errors.New("proxy: unknown scheme: " + proxy.Scheme)
	}
	if err != nil {
		return nil, nil, &throughProxyError{err}
	}
	return conn, theirs, nil
}

// proxyAddr is where a proxy is. A URL that names no port means the usual one of its scheme, as it does to net/http, which reaches the REST API.
func proxyAddr(proxy *url.URL) string {
	port := proxy.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[proxy.Scheme]
	}
	return net.JoinHostPort(proxy.Hostname(), port)
}

// proxyFor is the proxy for the URL; nil: there is none.
func proxyFor(u *url.URL, cfg *Config) (*url.URL, error) {
	asked := *u
	asked.Scheme = "https"
	if u.Scheme == "ws" {
		asked.Scheme = "http"
	}
	choose := cfg.Proxy
	if choose == nil {
		choose = http.ProxyFromEnvironment
	}
	return choose(&http.Request{URL: &asked})
}

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

const proxyAnswer = 64 << 10 // bytes of a proxy's answer that are read

// tunnel asks an HTTP proxy for a connection to addr.
func tunnel(ctx context.Context, dial dialFunc, proxy *url.URL, addr string, cfg *tls.Config) (conn net.Conn, err error) {
	conn, err = dial(ctx, "tcp", proxyAddr(proxy))
	if err != nil {
		return nil, err
	}
	socket := conn
	defer func() {
		if err != nil {
			_ = socket.Close()
		}
	}()
	stop := context.AfterFunc(ctx, func() { _ = socket.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if !stop() {
			err = context.Cause(ctx)
		}
	}()
	if proxy.Scheme == "https" {
		secured := tls.Client(conn, tlsConfig(cfg, proxy.Hostname()))
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		conn = secured
	}
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{"User-Agent": {UserAgent}}}
	if proxy.User != nil {
		password, _ := proxy.User.Password()
		request.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(proxy.User.Username()+":"+password)))
	}
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	answer := bufio.NewReader(io.LimitReader(conn, proxyAnswer))
	response, err := http.ReadResponse(answer, request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK { // its body ends with the connection
		return nil, &ProxyError{response.StatusCode}
	}
	if answer.Buffered() > 0 {
		return nil, errors.New("it speaks before it is spoken to")
	}
	return conn, nil
}

// tlsConfig is a copy of cfg for a server of the name, which speaks HTTP/1.1: that is where WebSocket and CONNECT live.
func tlsConfig(cfg *tls.Config, name string) *tls.Config {
	if cfg == nil {
		cfg = new(tls.Config)
	}
	cfg = cfg.Clone()
	if cfg.ServerName == "" {
		cfg.ServerName = name
	}
	cfg.NextProtos = []string{"http/1.1"}
	return cfg
}
