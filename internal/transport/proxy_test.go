package transport_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/internal/transport"
)

// through is a choice of a proxy.
func through(t *testing.T, proxy string) func(*http.Request) (*url.URL, error) {
	t.Helper()
	u, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	return func(*http.Request) (*url.URL, error) { return u, nil }
}

// serve gives each connection to f, until the test ends.
func serve(t *testing.T, f func(net.Conn)) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); all.Wait() })
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { defer conn.Close(); f(conn) })
		}
	})
	return listener.Addr().String()
}

// TestRefusalsOfProxiesAreTold, with their status; and no word of theirs, nor the password.
func TestRefusalsOfProxiesAreTold(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer string
		status int
		reason string
	}{
		"407":               {"HTTP/1.1 407 s3cret\r\nContent-Length: 6\r\n\r\ns3cret", 407, "the proxy refused to connect, with status 407 Proxy Authentication Required: put user and password into the proxy's URL"},
		"403":               {"HTTP/1.1 403 s3cret\r\n\r\n", 403, "the proxy refused to connect, with status 403 Forbidden: it must allow this host"},
		"502":               {"HTTP/1.0 502 Bad\r\n\r\n", 502, "the proxy refused to connect, with status 502 Bad Gateway"},
		"without a reason":  {"HTTP/1.1 407\r\n\r\n", 407, "the proxy refused to connect, with status 407 Proxy Authentication Required: put user and password into the proxy's URL"},
		"an unknown status": {"HTTP/1.1 799 s3cret\r\n\r\n", 799, "the proxy refused to connect, with status 799"},
		"nothing":           {"", 0, "the proxy: the connection ended during the handshake"},
		"no HTTP":           {"220 s3cret.example ESMTP\r\n", 0, "the proxy: the answer is not HTTP"},
		"a broken header":   {"HTTP/1.1 200 OK\r\ns3cret\r\n\r\n", 0, "the proxy: the answer is not HTTP"},
		"too much":          {"HTTP/1.1 200 OK\r\n\r\nhello", 0, "the proxy: it speaks before it is spoken to"},
		"a header for ever": {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 100<<10), 0, "the proxy: the connection ended during the handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan string, 1)
			addr := serve(t, func(conn net.Conn) {
				request, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				asked <- request.Method + " " + request.Host + " " + request.Header.Get("Proxy-Authorization")
				_, _ = io.WriteString(conn, test.answer)
			})
			_, err := transport.Dial(t.Context(), "wss://gateway.discord.gg", transport.Config{Proxy: through(t, "http://me:s3cret@"+addr)})
			var failed *transport.DialError
			if !errors.As(err, &failed) || failed.Status != test.status || err.Error() != "transport: dial: "+test.reason {
				t.Errorf("Dial: %v, status %v", err, failed)
			}
			if got := <-asked; got != "CONNECT gateway.discord.gg:443 Basic bWU6czNjcmV0" {
				t.Errorf("the proxy was asked %q", got)
			}
		})
	}
}

// TestProxyThatCannotBeReachedIsNamed: that it is the proxy, and not the gateway, and in which way.
func TestProxyThatCannotBeReachedIsNamed(t *testing.T) {
	t.Parallel()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	for _, scheme := range []string{"http", "https", "socks5", "socks5h"} {
		_, err := transport.Dial(t.Context(), "wss://gateway.discord.gg", transport.Config{Proxy: through(t, scheme+"://"+gone.Addr().String())})
		if err == nil || err.Error() != "transport: dial: the proxy: dial: connect: connection refused" {
			t.Errorf("%s: %v", scheme, err)
		}
	}
	_, err = transport.Dial(t.Context(), "wss://gateway.discord.gg", transport.Config{
		Proxy: func(*http.Request) (*url.URL, error) { return nil, errors.New("s3cret") },
	})
	if err == nil || err.Error() != "transport: dial: the proxy: the environment's setting cannot be used" {
		t.Errorf("a setting that cannot be used: %v", err)
	}
}

// TestSilentProxyCostsItsTimeAlone: ctx ends the wait for a proxy that says nothing.
func TestSilentProxyCostsItsTimeAlone(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "https", "socks5"} {
		addr := serve(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := transport.Dial(ctx, "wss://gateway.discord.gg", transport.Config{Proxy: through(t, scheme+"://"+addr)})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

// TestDialThroughAProxyIsCancelled while the proxy says nothing: at once, and that is what the error says.
func TestDialThroughAProxyIsCancelled(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "https", "socks5"} {
		ctx, cancel := context.WithCancel(t.Context())
		addr := serve(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1)) // it was asked
			cancel()
			_, _ = io.Copy(io.Discard, conn)
		})
		began := time.Now()
		_, err := transport.Dial(ctx, "wss://gateway.discord.gg", transport.Config{Proxy: through(t, scheme+"://"+addr)})
		cancel()
		if !errors.Is(err, context.Canceled) || err.Error() != "transport: dial: cancelled" || time.Since(began) > 8*time.Second {
			t.Errorf("%s: %v after %v", scheme, err, time.Since(began))
		}
	}
}

// tunnels is an HTTP proxy that lets everything through to one address.
func tunnels(t *testing.T, to string) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer client.Close()
		server, err := net.Dial("tcp", to)
		if err != nil {
			t.Error(err)
			return
		}
		defer server.Close()
		_, _ = io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
		_, _ = io.Copy(client, server)
	})
}

// TestGatewayIsReachedThroughAProxy, with TLS to the gateway, and with TLS to the proxy and through it to the gateway.
func TestGatewayIsReachedThroughAProxy(t *testing.T) {
	t.Parallel()
	gateway, cfg := tlsPeer(t, func(ws *websocket.Conn, _ *http.Request) {
		_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"op":10}`))
	})
	target := strings.TrimPrefix(gateway, "wss://")
	plain, secured := httptest.NewServer(tunnels(t, target)), httptest.NewTLSServer(tunnels(t, target))
	t.Cleanup(plain.Close)
	t.Cleanup(secured.Close)
	cfg.Compression = "none"
	for _, proxy := range []string{plain.URL, secured.URL} {
		cfg.Proxy = through(t, proxy)
		conn, err := transport.Dial(t.Context(), gateway, cfg)
		if err != nil {
			t.Errorf("%s: %v", proxy, err)
			continue
		}
		if data, err := conn.Read(); string(data) != `{"op":10}` {
			t.Errorf("%s: %q, %v", proxy, data, err)
		}
		conn.Close(0, "")
	}
	cfg.TLS = nil
	_, err := transport.Dial(t.Context(), gateway, cfg)
	if err == nil || !strings.HasPrefix(err.Error(), "transport: dial: the proxy: the server's certificate is not trusted") {
		t.Errorf("a proxy whose certificate is not trusted: %v", err)
	}
}

// TestRefusalsOfSOCKSProxiesAreTold, without an address.
func TestRefusalsOfSOCKSProxiesAreTold(t *testing.T) {
	t.Parallel()
	for want, answers := range map[string][]string{
		"rejected username/password": {"\x05\x02", "\x01\x01"},
		"requires authentication":    {"\x05\xff"},
		"host unreachable":           {"\x05\x00", "\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00"},
	} {
		addr := serve(t, func(conn net.Conn) {
			room := make([]byte, 512)
			for _, answer := range answers {
				if _, err := conn.Read(room); err != nil {
					return
				}
				_, _ = io.WriteString(conn, answer)
			}
			_, _ = io.Copy(io.Discard, conn)
		})
		_, err := transport.Dial(t.Context(), "wss://gateway.discord.gg", transport.Config{Proxy: through(t, "socks5://me:s3cret@"+addr)})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), addr) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestTLSProblemsSayWhatToDo: who is not trusted, who speaks no TLS, and who refuses us.
func TestTLSProblemsSayWhatToDo(t *testing.T) {
	t.Parallel()
	trusted, cfg := tlsPeer(t, func(*websocket.Conn, *http.Request) {})
	demanding := httptest.NewUnstartedServer(http.NotFoundHandler())
	demanding.Config.ErrorLog = log.New(io.Discard, "", 0)
	demanding.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}
	demanding.StartTLS()
	t.Cleanup(demanding.Close)
	plain := peer(t, func(*websocket.Conn, *http.Request) {})
	hosts := []string{"127.0.0.1"}
	for name, test := range map[string]struct {
		url  string
		tls  *tls.Config
		want string
	}{
		"unknown authority":    {trusted, nil, "add its CA to RootCAs of WithTLS"},
		"another name":         {trusted, &tls.Config{RootCAs: cfg.TLS.RootCAs, ServerName: "other.example"}, "it is for another name"},
		"another time":         {trusted, &tls.Config{RootCAs: cfg.TLS.RootCAs, Time: func() time.Time { return time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC) }}, "look at this machine's clock"},
		"no TLS":               {"wss" + strings.TrimPrefix(plain, "ws"), nil, "the server does not speak TLS"},
		"client's certificate": {"wss" + strings.TrimPrefix(demanding.URL, "https"), cfg.TLS, "the TLS handshake was refused: "},
		"too old":              {"wss" + strings.TrimPrefix(demanding.URL, "https"), &tls.Config{RootCAs: cfg.TLS.RootCAs, MinVersion: tls.VersionTLS13}, "the TLS handshake was refused: "},
	} {
		_, err := transport.Dial(t.Context(), test.url, transport.Config{Hosts: hosts, TLS: test.tls})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(err.Error(), "other.example") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTLSConfigIsTheCallers: it is not changed, and what it says of protocols above TLS does not count.
func TestTLSConfigIsTheCallers(t *testing.T) {
	t.Parallel()
	url, cfg := tlsPeer(t, func(*websocket.Conn, *http.Request) {})
	cfg.TLS.NextProtos = []string{"h2", "http/1.1"}
	conn, err := transport.Dial(t.Context(), url, cfg)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close(0, "")
	if cfg.TLS.ServerName != "" || len(cfg.TLS.NextProtos) != 2 {
		t.Errorf("changed: %q, %q", cfg.TLS.ServerName, cfg.TLS.NextProtos)
	}
}

// TestProxyIsChosenByTheWayToTheGateway: as for https with TLS, and as for http without, since that is what HTTPS_PROXY and HTTP_PROXY tell apart.
func TestProxyIsChosenByTheWayToTheGateway(t *testing.T) {
	t.Parallel()
	for gateway, want := range map[string]string{"wss://gateway.discord.gg": "https", "ws://127.0.0.1:1": "http"} {
		var asked *url.URL
		_, err := transport.Dial(t.Context(), gateway, transport.Config{Proxy: func(r *http.Request) (*url.URL, error) {
			asked = r.URL
			return nil, errors.New("no proxy today")
		}})
		if err == nil || asked == nil || asked.Scheme != want || "ws"+strings.TrimPrefix(asked.Scheme, "http")+"://"+asked.Host != gateway {
			t.Errorf("%s: a proxy was asked for %v: %v", gateway, asked, err)
		}
	}
}
