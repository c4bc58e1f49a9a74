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

	"github.com/gorilla/websocket"
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

// useProxy has dialer go through the proxy for the URL, if there is one. HTTP proxies are spoken to here, since the
// WebSocket library hides the status of a refusal and knows no https to the proxy; the others by the library.
func useProxy(dialer *websocket.Dialer, u *url.URL, cfg Config) (netDial dialFunc, err error) {
	asked := *u
	asked.Scheme = "https"
	if u.Scheme == "ws" {
		asked.Scheme = "http"
	}
	choose := cfg.Proxy
	if choose == nil {
		choose = http.ProxyFromEnvironment
	}
	proxy, err := choose(&http.Request{URL: &asked})
	switch {
	case err != nil:
		return nil, &throughProxyError{errors.New("the environment's setting cannot be used")} // err may quote its password
	case proxy == nil:
		return direct, nil
	case proxy.Scheme == "http" || proxy.Scheme == "https":
		return func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := tunnel(ctx, direct, proxy, addr, cfg.TLS)
			if err != nil {
				return nil, &throughProxyError{err}
			}
			return conn, nil
		}, nil
	case proxy.Scheme == "socks5h": // the library resolves no names: they are the proxy's to resolve either way
		same := *proxy
		same.Scheme = "socks5"
		proxy = &same
	}
	dialer.Proxy = http.ProxyURL(proxy)
	return func(ctx context.Context, network, addr string) (net.Conn, error) { // to the proxy
		conn, err := direct(ctx, network, addr)
		if err != nil {
			return nil, &throughProxyError{err}
		}
		return conn, nil
	}, nil
}

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

const proxyAnswer = 64 << 10 // bytes of a proxy's answer that are read

// tunnel asks an HTTP proxy for a connection to addr.
func tunnel(ctx context.Context, dial dialFunc, proxy *url.URL, addr string, cfg *tls.Config) (conn net.Conn, err error) {
	port := proxy.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[proxy.Scheme]
	}
	conn, err = dial(ctx, "tcp", net.JoinHostPort(proxy.Hostname(), port))
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
