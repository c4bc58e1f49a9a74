package shardmanager_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// secured is a gateway on a port, behind TLS, whose certificate a private CA has signed.
type secured struct {
	*gatewaytest.Server
	front   *httptest.Server
	options []shardmanager.Option // that lead there
	roots   *tls.Config           // that trust it
	clients atomic.Int64          // connections that came with a client's certificate
	kept    atomic.Int64          // requests that leave their connection open
}

func newSecured(t *testing.T, auth tls.ClientAuthType) *secured {
	t.Helper()
	s := &secured{Server: gatewaytest.NewServer(t, gatewaytest.WithExact())}
	inside, err := url.Parse(s.APIURL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: inside.Scheme, Host: inside.Host})
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	s.front = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) > 0 {
			s.clients.Add(1)
		}
		if !r.Close && r.Header.Get("Upgrade") == "" {
			s.kept.Add(1)
		}
		proxy.ServeHTTP(w, r)
	}))
	s.front.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.front.TLS = &tls.Config{ClientAuth: auth}
	s.front.StartTLS()
	t.Cleanup(s.front.Close)
	s.OnDiscovery(func(w http.ResponseWriter) bool {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"url": "wss" + strings.TrimPrefix(s.front.URL, "https"), "shards": 1,
			"session_start_limit": map[string]int{"total": 1000, "remaining": 1000, "reset_after": 1000, "max_concurrency": 1},
		})
		return true
	})
	s.options = []shardmanager.Option{
		shardmanager.WithAPIURL(s.front.URL + inside.Path), shardmanager.WithGatewayHosts("127.0.0.1"), shardmanager.WithLogger(zap.NewNop()),
	}
	s.roots = &tls.Config{RootCAs: x509.NewCertPool()}
	s.roots.RootCAs.AddCert(s.front.Certificate())
	return s
}

// try starts a bot there, and waits until it is ready.
func (s *secured) try(t *testing.T, opts ...shardmanager.Option) error {
	t.Helper()
	m, err := shardmanager.New("token", append(s.options, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer closeNow(t, m)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := m.Start(ctx); err != nil {
		return err
	}
	ctx, cancel = context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	return m.WaitReady(ctx)
}

// TestUntrustedCertificateEndsStart, with what to do, and without a retry.
func TestUntrustedCertificateEndsStart(t *testing.T) {
	t.Parallel()
	s := newSecured(t, tls.NoClientCert)
	began := time.Now()
	err := s.try(t)
	var failed *shardmanager.DiscoveryError
	var unknown x509.UnknownAuthorityError
	if !errors.As(err, &failed) || !failed.Fatal() || !errors.As(err, &unknown) ||
		!strings.Contains(err.Error(), "GET /api/v10/gateway/bot: the server's certificate is not trusted: ") || !strings.Contains(err.Error(), "RootCAs of WithTLS") {
		t.Errorf("Start: %v", err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	err = s.try(t, shardmanager.WithAPIURL(strings.Replace(s.APIURL, "http:", "https:", 1)))
	if !errors.As(err, &failed) || !failed.Fatal() || !strings.Contains(err.Error(), "does not speak TLS") {
		t.Errorf("a server without TLS: %v", err)
	}
}

// TestTLSHoldsForDiscoveryAndGateway: a private CA, a client's certificate, a version; and what the caller does to the
// configuration later changes nothing. No connection but the gateway's is kept open.
func TestTLSHoldsForDiscoveryAndGateway(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(cfg *tls.Config, own *tls.Certificate){
		"Certificates": func(cfg *tls.Config, own *tls.Certificate) { cfg.Certificates = []tls.Certificate{*own} },
		"GetClientCertificate": func(cfg *tls.Config, own *tls.Certificate) {
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSecured(t, tls.RequireAnyClientCert)
			cfg := s.roots.Clone()
			set(cfg, &s.front.TLS.Certificates[0]) // any will do
			cfg.MinVersion = tls.VersionTLS13
			m, err := shardmanager.New("token", append(s.options, shardmanager.WithTLS(cfg))...)
			if err != nil {
				t.Fatal(err)
			}
			cfg.RootCAs, cfg.Certificates, cfg.GetClientCertificate = nil, nil, nil
			start(t, m)
			closeNow(t, m)
			if n := s.clients.Load(); n != 2 || s.kept.Load() != 0 {
				t.Errorf("%d requests with the client's certificate, want that of discovery and that of the gateway; %d connections kept open", n, s.kept.Load())
			}
			err = s.try(t, shardmanager.WithTLS(s.roots))
			var failed *shardmanager.DiscoveryError
			if !errors.As(err, &failed) || !failed.Fatal() || !strings.Contains(err.Error(), "the TLS handshake was refused: ") {
				t.Errorf("without a client's certificate: %v", err)
			}
		})
	}
}

// TestHTTPClientHasItsOwnTLS: WithTLS changes nothing of a client that is given, in either order, and WaitReady names what is wrong
// when it is the gateway alone that is not trusted.
func TestHTTPClientHasItsOwnTLS(t *testing.T) {
	t.Parallel()
	s := newSecured(t, tls.NoClientCert)
	strict := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	trusting := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: s.roots}}
	var failed *shardmanager.DiscoveryError
	if err := s.try(t, shardmanager.WithHTTPClient(strict), shardmanager.WithTLS(s.roots)); !errors.As(err, &failed) || !failed.Fatal() {
		t.Errorf("a client that does not trust: %v", err)
	}
	if err := s.try(t, shardmanager.WithTLS(s.roots), shardmanager.WithHTTPClient(trusting)); err != nil {
		t.Errorf("both trust: %v", err)
	}
	err := s.try(t, shardmanager.WithHTTPClient(trusting))
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 shard: transport: dial: the server's certificate is not trusted") {
		t.Errorf("the gateway is not trusted: %v", err)
	}
}

// TestTLSIsSpokenOverNetDial: WithNetDial makes the connection, and TLS is checked as ever.
func TestTLSIsSpokenOverNetDial(t *testing.T) {
	t.Parallel()
	s := newSecured(t, tls.NoClientCert)
	var dials atomic.Int64
	dial := shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	})
	if err := s.try(t, shardmanager.WithTLS(s.roots), dial); err != nil || dials.Load() != 1 {
		t.Errorf("%v, %d dials: discovery is not NetDial's", err, dials.Load())
	}
	other := s.roots.Clone()
	other.ServerName = "other.example"
	if err := s.try(t, shardmanager.WithTLS(other), dial); err == nil || !strings.Contains(err.Error(), "it is for another name") {
		t.Errorf("a certificate for another name: %v", err)
	}
}

// TestNoTLSConfigurationIsRefused: it is an oversight, and one that comes later takes its place.
func TestNoTLSConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	var bad *shardmanager.OptionError
	if _, err := shardmanager.New("token", shardmanager.WithTLS(nil)); !errors.As(err, &bad) || bad.Option != "WithTLS" {
		t.Errorf("New: %v", err)
	}
	if _, err := shardmanager.New("token", shardmanager.WithTLS(nil), shardmanager.WithTLS(new(tls.Config))); err != nil {
		t.Errorf("New, with a configuration after it: %v", err)
	}
}

// TestFunctionsOfTLSMayPanic, and end their goroutine: that costs a connection, and not the process.
func TestFunctionsOfTLSMayPanic(t *testing.T) {
	t.Parallel()
	s := newSecured(t, tls.RequireAnyClientCert)
	for name, set := range map[string]func(cfg *tls.Config, fail func()){
		"GetClientCertificate": func(cfg *tls.Config, fail func()) {
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { fail(); return nil, nil }
		},
		"VerifyPeerCertificate": func(cfg *tls.Config, fail func()) {
			cfg.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { fail(); return nil }
		},
		"VerifyConnection": func(cfg *tls.Config, fail func()) {
			cfg.VerifyConnection = func(tls.ConnectionState) error { fail(); return nil }
		},
	} {
		for how, fail := range map[string]func(){"panic": func() { panic(canary) }, "Goexit": runtime.Goexit} {
			cfg := s.roots.Clone()
			ctx, cancel := context.WithCancel(t.Context())
			set(cfg, func() {
				time.AfterFunc(200*time.Millisecond, cancel) // it would try again without end
				fail()
			})
			m, err := shardmanager.New("token", append(s.options, shardmanager.WithTLS(cfg))...)
			if err != nil {
				t.Fatal(err)
			}
			err = m.Start(ctx)
			cancel()
			var panicked *shardmanager.PanicError
			if !errors.As(err, &panicked) || panicked.What != name+" of WithTLS" {
				t.Errorf("%s, %s: %v", name, how, err)
			}
			findSecret(t, name, err.Error(), canary)
		}
	}
}

// TestFunctionsOfTLSMayRefuse: what they return is why nothing is connected to.
func TestFunctionsOfTLSMayRefuse(t *testing.T) {
	t.Parallel()
	s := newSecured(t, tls.RequireAnyClientCert)
	no := errors.New("not this one")
	for name, set := range map[string]func(cfg *tls.Config, refuse func() error){
		"GetClientCertificate": func(cfg *tls.Config, refuse func() error) {
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return new(tls.Certificate), refuse() }
		},
		"VerifyPeerCertificate": func(cfg *tls.Config, refuse func() error) {
			cfg.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { return refuse() }
		},
		"VerifyConnection": func(cfg *tls.Config, refuse func() error) {
			cfg.VerifyConnection = func(tls.ConnectionState) error { return refuse() }
		},
	} {
		cfg := s.roots.Clone()
		cfg.Certificates = s.front.TLS.Certificates
		ctx, cancel := context.WithCancel(t.Context())
		set(cfg, func() error { time.AfterFunc(200*time.Millisecond, cancel); return no }) // it would try again without end
		m, err := shardmanager.New("token", append(s.options, shardmanager.WithTLS(cfg))...)
		if err != nil {
			t.Fatal(err)
		}
		err = m.Start(ctx)
		cancel()
		if !errors.Is(err, no) || s.clients.Load() != 0 {
			t.Errorf("%s: Start: %v; %d requests came", name, err, s.clients.Load())
		}
	}
}

// TestClientCertificateThatIsNil is refused with what to return instead.
func TestClientCertificateThatIsNil(t *testing.T) {
	t.Parallel()
	s := newSecured(t, tls.RequireAnyClientCert)
	cfg := s.roots.Clone()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		time.AfterFunc(200*time.Millisecond, cancel) // it would try again without end
		return nil, nil
	}
	m, err := shardmanager.New("token", append(s.options, shardmanager.WithTLS(cfg))...)
	if err != nil {
		t.Fatal(err)
	}
	if err = m.Start(ctx); err == nil || !strings.Contains(err.Error(), "new(tls.Certificate) sends none") {
		t.Errorf("Start: %v", err)
	}
}
