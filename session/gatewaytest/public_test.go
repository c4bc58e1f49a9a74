package gatewaytest_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// tlsDial makes connections with TLS, as they are.
func tlsDial(g *gatewaytest.Server, config *tls.Config) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := g.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		secured := tls.Client(c, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		return secured, nil
	}
}

// TestPublicURL: clients are told the URL of the proxy in front, everywhere.
func TestPublicURL(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		if g.URL != "wss://gateway.example.test/sim" || g.APIURL != "https://gateway.example.test/sim/api/v10" || g.ResumeURL != "wss://gateway.example.test/sim/resume" {
			t.Errorf("URLs %s %s %s", g.URL, g.APIURL, g.ResumeURL)
		}
		for _, path := range []string{"/gateway", "/gateway/bot"} {
			if got := passedOn(t, g, "/api/v10"+path); got != g.URL {
				t.Errorf("%s tells %q", path, got)
			}
		}
		dialer := websocket.Dialer{NetDialContext: g.DialContext}
		ws, _, err := dialer.DialContext(t.Context(), "ws://gateway.example.test/?v=10&encoding=json", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ws.Close() })
		if url := resumeURL(t, &client{t, ws}); url != g.ResumeURL {
			t.Errorf("READY tells %q", url)
		}
	}, gatewaytest.WithPublicURL("wss://gateway.example.test/sim/"))
}

// passedOn asks for a gateway as a proxy would.
func passedOn(t *testing.T, g *gatewaytest.Server, path string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", "http://gateway.example.test"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bot t")
	response, err := g.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var got struct{ URL string }
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	return got.URL
}

// resumeURL identifies, and is what READY tells.
func resumeURL(t *testing.T, c *client) string {
	t.Helper()
	_, _ = c.next() // Hello
	c.send(identifyWith(0, 0, 1))
	p, code := c.next()
	var ready struct {
		URL string `json:"resume_gateway_url"`
	}
	if err := json.Unmarshal(p.D, &ready); err != nil || p.T != "READY" {
		t.Fatalf("%+v, %d instead of READY: %v", p, code, err)
	}
	return ready.URL
}

// TestPublicURLIsChecked: a URL that no client can use is refused, with what to give instead.
func TestPublicURLIsChecked(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"gateway.example.test": "such as wss://", "https://gateway.example.test": "such as wss://", "wss://": "such as wss://", "wss://a b": "such as wss://",
		"wss://gateway.example.test/?v=10": "without a user, a query", "wss://me@gateway.example.test": "without a user, a query",
		"ws://0.0.0.0:8080": "no client can connect to 0.0.0.0", "ws://[::]:8080": "no client can connect to ::",
	} {
		_, err := gatewaytest.Start(gatewaytest.WithPublicURL(url))
		var option *gatewaytest.OptionError
		if !errors.As(err, &option) || option.Option != "WithPublicURL" || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", url, err)
		}
	}
	for option, want := range map[string]gatewaytest.Option{"it is nil": gatewaytest.WithTLS(nil), "it has no Certificates": gatewaytest.WithTLS(new(tls.Config))} {
		if _, err := gatewaytest.Start(want); err == nil || !strings.Contains(err.Error(), "WithTLS: "+option) {
			t.Errorf("WithTLS: %v, want %q", err, option)
		}
	}
}

// TestEveryAddress: a server that listens everywhere tells each client the host by which it has come, and never one that nobody can connect to.
func TestEveryAddress(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"0.0.0.0:0", "[::]:0", ":0"} {
		g := gatewaytest.NewServer(t, gatewaytest.WithAddr(listen))
		_, port, _ := strings.Cut(strings.TrimPrefix(g.URL, "ws://"), ":")
		own := "ws://127.0.0.1:" + port
		if g.URL != own || g.APIURL != "http://127.0.0.1:"+port+"/api/v10" || g.ResumeURL != own+"/resume" {
			t.Errorf("%s: URLs %s %s %s", listen, g.URL, g.APIURL, g.ResumeURL)
		}
		for host, want := range map[string]string{
			"gatewaysim:8080": "ws://gatewaysim:8080", "gatewaysim": "ws://gatewaysim", "192.0.2.7:" + port: "ws://192.0.2.7:" + port, "[2001:db8::7]:80": "ws://[2001:db8::7]:80",
			"0.0.0.0:" + port: own, "[::]:" + port: own,
		} {
			if got := discover(t, "127.0.0.1:"+port, "HTTP/1.1\r\nHost: "+host); got != want {
				t.Errorf("%s: with Host: %s it tells %q, want %q", listen, host, got, want)
			}
		}
		if got := discover(t, "127.0.0.1:"+port, "HTTP/1.0"); got != own {
			t.Errorf("%s: without Host it tells %q", listen, got)
		}
		ws, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://localhost:"+port+"/?v=10&encoding=json", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ws.Close() })
		if url := resumeURL(t, &client{t, ws}); url != "ws://localhost:"+port+"/resume" {
			t.Errorf("%s: READY tells %q", listen, url)
		}
	}
}

// discover is what GET /gateway tells on a connection to addr, of a request with the rest of its head.
func discover(t *testing.T, addr, head string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "GET /api/v10/gateway %s\r\n\r\n", head); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var got struct{ URL string }
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		t.Fatalf("%s: %v", head, err)
	}
	return got.URL
}

// TestOutageOfAPort: a port is one address, whatever its server tells clients.
func TestOutageOfAPort(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]gatewaytest.Option{
		"everywhere": gatewaytest.WithAddr("0.0.0.0:0"), "behind a proxy": gatewaytest.WithPublicURL("wss://gateway.example.test"),
	} {
		g := gatewaytest.NewServer(t, option)
		open := func() (*websocket.Conn, error) {
			dialer := websocket.Dialer{NetDialContext: g.DialContext}
			ws, _, err := dialer.DialContext(t.Context(), "ws://127.0.0.1/?v=10&encoding=json", nil)
			if err == nil {
				t.Cleanup(func() { ws.Close() })
			}
			return ws, err
		}
		ws, err := open()
		if err != nil {
			t.Fatal(err)
		}
		c := &client{t, ws}
		_, _ = c.next() // Hello
		g.OutageAt(g.URL, true)
		if _, code := c.next(); code == 0 {
			t.Errorf("%s: a connection outlives the outage", name)
		}
		if _, err := open(); err == nil {
			t.Errorf("%s: a connection in an outage", name)
		}
		g.OutageAt(g.URL, false)
		if _, err := open(); err != nil {
			t.Errorf("%s: after the outage: %v", name, err)
		}
	}
}
