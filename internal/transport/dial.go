package transport

import (
	"bytes"
	"context"
	"crypto/fips140"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/foreign"
)

// Dial connects, under ctx and for at most 10 s. The URL is checked as by CheckURL.
//
// Thousands may be under way at once, and then most of what they take is stacks. So the steps are functions of their own, and what one
// needs is not on the stack while the next one waits.
func Dial(ctx context.Context, rawURL string, cfg Config) (*Conn, error) {
	u, err := target(rawURL, &cfg)
	if err != nil {
		return nil, err
	}
	if by, is := ctx.Deadline(); !is || time.Until(by) > dialTimeout {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, dialTimeout) //seam:handshake-deadline
		defer cancel()
	}
	w, proxy, err := reach(ctx, u, &cfg)
	if err != nil {
		return nil, dialError(late(ctx, err), nil)
	}
	ws, err := upgrade(ctx, u, w, proxy, cfg.TLS)
	if err != nil {
		return nil, err
	}
	return newConn(ws, w, &cfg), nil
}

// target is the URL that is dialled.
func target(rawURL string, cfg *Config) (*url.URL, error) {
	u, err := CheckURL(rawURL, *cfg)
	if err != nil {
		return nil, err
	}
	query := u.Query()
	query.Set("v", strconv.Itoa(events.Version))
	query.Set("encoding", "json")
	query.Del("compress")
	if c := cfg.compression(); c == events.CompressionZlib || c == events.CompressionZstd {
		query.Set("compress", string(c))
	}
	u.RawQuery = query.Encode()
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

// late is the error of a dial. The socket has its deadline from ctx as well, and may have noticed before.
func late(ctx context.Context, err error) error {
	if by, is := ctx.Deadline(); is && !time.Now().Before(by) {
		return context.DeadlineExceeded
	}
	return err
}

// reach connects to the server, or to the proxy with which the WebSocket library is to speak.
func reach(ctx context.Context, u *url.URL, cfg *Config) (w *wire, proxy *url.URL, err error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"ws": "80", "wss": "443"}[u.Scheme]
	}
	addr := net.JoinHostPort(u.Hostname(), port)
	var raw net.Conn
	if cfg.NetDial != nil {
		raw, err = theirs(ctx, cfg.NetDial, addr)
	} else {
		raw, proxy, err = throughProxy(ctx, u, addr, cfg)
	}
	if err != nil {
		return nil, nil, err
	}
	return &wire{Conn: raw}, proxy, nil
}

// theirs has the user's code dial.
func theirs(ctx context.Context, netDial dialFunc, addr string) (raw net.Conn, err error) {
	err = foreign.Call("NetDial", func() (err error) { raw, err = netDial(ctx, "tcp", addr); return err })
	if err == nil && raw == nil {
		err = errNoConn
	}
	return raw, err
}

// header is what each upgrade says of us. The library copies it.
var header = http.Header{"User-Agent": {UserAgent}}

// upgrade makes a WebSocket connection of w, which it closes if it fails.
func upgrade(ctx context.Context, u *url.URL, w *wire, proxy *url.URL, secure *tls.Config) (ws *websocket.Conn, err error) {
	dialer := &websocket.Dialer{
		NetDialContext:  func(context.Context, string, string) (net.Conn, error) { return w, nil },
		WriteBufferPool: &writeBuffers, ReadBufferSize: readBuffer,
	}
	if u.Scheme == "wss" {
		dialer.TLSClientConfig = tlsConfig(secure, u.Hostname())
	} else { // TLS has a buffer of its own, and what it says last is not waited for
		w.asks = requests.Get().(*bytes.Buffer)
		defer w.asked()
	}
	if proxy != nil {
		dialer.Proxy = http.ProxyURL(proxy)
	}
	// The library panics on some answers of an HTTP proxy.
	defer func() {
		if r := recover(); r != nil {
			ws, err = nil, &DialError{reason: "the server's answer is not HTTP", err: foreign.Panicked("the WebSocket library", r)}
		}
	}()
	// The library heeds ctx's deadline during the upgrade, but not that ctx is cancelled.
	stop := context.AfterFunc(ctx, func() { _ = w.Close() })
	var response *http.Response
	// A SHA-1 is part of WebSocket's handshake, and nothing rests on it. What TLS may use is as it is with enforcement.
	fips140.WithoutEnforcement(func() { ws, response, err = dialer.DialContext(ctx, u.String(), header) })
	switch {
	case !stop(): // ctx has ended, and the connection with it
		if err == nil {
			_ = ws.Close()
		}
		err = ctx.Err()
	case err != nil && response == nil:
		err = late(ctx, err)
	}
	if err != nil {
		_ = w.Close() // the library may have failed before it asked for it
		return nil, dialError(err, response)
	}
	return ws, nil
}
