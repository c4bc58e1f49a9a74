package gatewaytest_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// secure is virtual with a server that speaks TLS. Its certificate is made in the bubble, whose time is another.
func secure(t *testing.T, f func(*testing.T, *gatewaytest.Server), opts ...gatewaytest.Option) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config, _, err := gatewaytest.SelfSigned()
		if err != nil {
			t.Fatal(err)
		}
		f(t, gatewaytest.NewServer(t, append(opts, gatewaytest.WithVirtualNetwork(), gatewaytest.WithTLS(config))...))
	})
}

// secured connects to the gateway with TLS, and offers protocols by ALPN.
func secured(t *testing.T, g *gatewaytest.Server, protocols ...string) *client {
	t.Helper()
	// Not TLSClientConfig, from which the library takes NextProtos out.
	dialer := websocket.Dialer{NetDialTLSContext: tlsDial(g, &tls.Config{RootCAs: g.RootCAs(), ServerName: "localhost", NextProtos: protocols})}
	ws, _, err := dialer.DialContext(t.Context(), g.URL+"/?v=10&encoding=json", nil)
	if err != nil {
		t.Fatalf("offered %q: %v", protocols, err)
	}
	t.Cleanup(func() { ws.Close() })
	return &client{t, ws}
}

// TestTLS: with TLS a WebSocket connection is taken whatever its client has offered by ALPN, at the address that serves REST by HTTP/1.1 and HTTP/2.
func TestTLS(t *testing.T) {
	secure(t, func(t *testing.T, g *gatewaytest.Server) {
		if g.URL != "wss://127.0.0.1:443" || g.APIURL != "https://127.0.0.1:443/api/v10" || g.ResumeURL != "wss://127.0.0.2:443/resume" {
			t.Errorf("URLs %s %s %s", g.URL, g.APIURL, g.ResumeURL)
		}
		for i, offer := range [][]string{nil, {"http/1.1"}, {"h2", "http/1.1"}, {"h2"}, {"other"}} {
			c := secured(t, g, offer...)
			if p, code := c.next(); p.Op != 10 {
				t.Fatalf("offered %q: %+v, %d instead of Hello", offer, p, code)
			}
			c.send(identifyWith(513, i, 8))
			if p, code := c.next(); p.T != "READY" || !strings.Contains(string(p.D), `"resume_gateway_url":"wss://127.0.0.2:443/resume"`) {
				t.Errorf("offered %q: %s %s, %d", offer, p.T, p.D, code)
			}
			time.Sleep(6 * time.Second)
		}
		for _, second := range []bool{false, true} {
			rest := g.Client()
			rest.Transport.(*http.Transport).ForceAttemptHTTP2 = second
			request, err := http.NewRequestWithContext(t.Context(), "GET", g.APIURL+"/users/@me", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bot t")
			got, err := rest.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = got.Body.Close() // the status is all that matters
			if want := map[bool]int{false: 1, true: 2}[second]; got.StatusCode != 200 || got.ProtoMajor != want {
				t.Errorf("status %d by HTTP/%d, want 200 by %d", got.StatusCode, got.ProtoMajor, want)
			}
		}
		g.RequireNoViolations(t)
	}, gatewaytest.WithShards(8))
}

// TestTLSFaults: what a script does to a connection it does to one with TLS.
func TestTLSFaults(t *testing.T) {
	secure(t, func(t *testing.T, g *gatewaytest.Server) {
		c := secured(t, g)
		_, _ = c.next() // Hello
		c.send(identifyWith(513, 0, 1))
		_, _ = c.next() // READY
		g.Shard(0).Freeze(true)
		g.Shard(0).Dispatch("LATER", 1)
		before := g.Stats().Frames
		c.send(`{"op":1,"d":null}`)
		time.Sleep(time.Second)
		if now := g.Stats().Frames; now != before {
			t.Error("a frozen connection was read")
		}
		g.Shard(0).Freeze(false)
		if p, _ := c.next(); p.T != "LATER" {
			t.Errorf("after the thaw: %+v", p)
		}
		began := time.Now()
		g.Shard(0).Drop()
		for code := 0; code == 0; {
			if _, code = c.next(); code != 0 && code != -1 && code != websocket.CloseAbnormalClosure {
				t.Errorf("a dropped connection ended with %d", code)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("a drop took %v", took)
		}
	})
}

// TestSelfSigned: the certificate is for this machine and for the hosts that were asked for, and for no other; of the CA nothing but its
// certificate is given.
func TestSelfSigned(t *testing.T) {
	t.Parallel()
	config, ca, err := gatewaytest.SelfSigned("gateway.example.test", "192.0.2.7")
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) || strings.Contains(string(ca), "KEY") || strings.Count(string(ca), "BEGIN") != 1 {
		t.Fatalf("the CA is\n%s", ca)
	}
	leaf, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "::1": true, "gateway.example.test": true, "192.0.2.7": true, "example.test": false, "192.0.2.8": false,
	} {
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: pool}); (err == nil) != want {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, host := range []string{"", "a b", "bücher.example", "https://example.test", "example.test:443"} {
		if _, _, err := gatewaytest.SelfSigned(host); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q is no host", host)) {
			t.Errorf("%q: %v", host, err)
		}
	}
}

// opensslRefusal is a connection whose client refuses a certificate as OpenSSL does with TLS 1.3: with an alert that is not encrypted.
type opensslRefusal struct {
	net.Conn
	writes int
}

// Write implements net.Conn.
func (c *opensslRefusal) Write(p []byte) (int, error) {
	if c.writes++; c.writes == 1 { // ClientHello
		return c.Conn.Write(p)
	}
	_, err := c.Conn.Write([]byte{21, 3, 3, 0, 2, 2, 48}) // alert, fatal, unknown_ca
	return len(p), err
}

// TestUntrustedIsTold: a client that does not trust the certificate, or that does not speak TLS at all, is written down; one that goes is not.
func TestUntrustedIsTold(t *testing.T) {
	var mu sync.Mutex
	var told []string
	trace := gatewaytest.WithTrace(func(e gatewaytest.Entry) {
		mu.Lock()
		defer mu.Unlock()
		if e.Kind == gatewaytest.Unsecured {
			told = append(told, e.Text)
		}
	})
	secure(t, func(t *testing.T, g *gatewaytest.Server) {
		if _, err := tlsDial(g, &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost"})(t.Context(), "tcp", "localhost:443"); err == nil {
			t.Error("an empty pool trusts")
		}
		synctest.Wait()
		openssl, err := g.DialContext(t.Context(), "tcp", "localhost:443")
		if err != nil {
			t.Fatal(err)
		}
		defer openssl.Close()
		if err := tls.Client(&opensslRefusal{Conn: openssl}, &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost"}).Handshake(); err == nil {
			t.Error("an empty pool trusts")
		}
		synctest.Wait()
		plain, err := g.DialContext(t.Context(), "tcp", "localhost:443")
		if err != nil {
			t.Fatal(err)
		}
		defer plain.Close()
		_, _ = io.WriteString(plain, "GET /api/v10/gateway HTTP/1.1\r\nHost: localhost\r\n\r\n") // the answer says whether it arrived
		answer, err := http.ReadResponse(bufio.NewReader(plain), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if body, err := io.ReadAll(answer.Body); answer.StatusCode != 400 || err != nil || !strings.Contains(string(body), "use https:// and wss://") {
			t.Errorf("http at a port with TLS: %d %s %v", answer.StatusCode, body, err)
		}
		gone, err := g.DialContext(t.Context(), "tcp", "localhost:443")
		if err != nil {
			t.Fatal(err)
		}
		_ = gone.Close() // a look at whether somebody listens
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(told) != 3 || !strings.Contains(told[0], "does the client trust the CA") || !strings.Contains(told[1], "does the client trust the CA") || !slices.Contains(told, "this port speaks TLS: use https:// and wss://") {
			t.Errorf("told %q", told)
		}
	}, trace)
}
