package shardmanager

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"

	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/internal/transport"
)

// WithTLS sets how the gateway and GET /gateway/bot prove who they are, and how this bot does: private CAs (RootCAs), client
// certificates, MinVersion. It holds for every connection to the gateway, also for those of WithNetDial and WithGateway, and for discovery
// unless WithHTTPClient brings a client, which has its own. ServerName, if set, is what all of their certificates must be for. NextProtos
// has no effect on connections to the gateway. cfg is copied; its functions are called on many goroutines, and what they panic with costs
// that connection and is told as a PanicError. The default is the system's roots; nil is an *OptionError.
func WithTLS(cfg *tls.Config) Option {
	return func(c *config) { c.tls, c.noTLS = guarded(cfg), cfg == nil }
}

var errNoCertificate = errors.New("GetClientCertificate of WithTLS returned neither a certificate nor an error; new(tls.Certificate) sends none")

// guarded is a copy of cfg whose functions may panic: net/http calls them on goroutines of its own, where that would end the process.
func guarded(cfg *tls.Config) *tls.Config {
	cfg = cfg.Clone()
	if cfg == nil {
		return nil
	}
	if f := cfg.GetClientCertificate; f != nil {
		cfg.GetClientCertificate = func(info *tls.CertificateRequestInfo) (certificate *tls.Certificate, err error) {
			err = foreign.Call("GetClientCertificate of WithTLS", func() (err error) { certificate, err = f(info); return err })
			if certificate == nil && err == nil {
				err = errNoCertificate // which crypto/tls panics with
			}
			return certificate, err
		}
	}
	if f := cfg.VerifyPeerCertificate; f != nil {
		cfg.VerifyPeerCertificate = func(raw [][]byte, chains [][]*x509.Certificate) error {
			return foreign.Call("VerifyPeerCertificate of WithTLS", func() error { return f(raw, chains) })
		}
	}
	if f := cfg.VerifyConnection; f != nil {
		cfg.VerifyConnection = func(state tls.ConnectionState) error {
			return foreign.Call("VerifyConnection of WithTLS", func() error { return f(state) })
		}
	}
	return cfg
}

// defaultClient is the client of those who bring none. It keeps no connection open: questions are rare.
func defaultClient(cfg *tls.Config) *http.Client {
	client := *http.DefaultClient
	usual, ok := http.DefaultTransport.(*http.Transport)
	if cfg == nil && (client.Transport != nil || !ok) {
		return &client // somebody has replaced the default, and gets what he wants
	}
	if !ok {
		usual = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	}
	own := usual.Clone()
	own.DisableKeepAlives = true
	own.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
		if answer.StatusCode != http.StatusOK {
			return &transport.ProxyError{Status: answer.StatusCode}
		}
		return nil
	}
	if cfg != nil {
		own.TLSClientConfig, own.DialTLSContext = cfg.Clone(), nil
		//lint:ignore SA1019 a dialler that is set by its old name would go past cfg as well
		own.DialTLS = nil
	}
	client.Transport = own
	return &client
}
