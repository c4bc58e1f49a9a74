package shardmanager

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"

	"github.com/signalbox-go/signalbox/internal/transport"
)

// WithTLS sets how the gateway and GET /gateway/bot prove who they are, and how this bot does: private CAs (RootCAs), client
// certificates, MinVersion. It holds for every connection to the gateway, also for those of WithNetDial and WithGateway, and for discovery
// unless WithHTTPClient brings a client, which has its own. ServerName, if set, is what all of their certificates must be for. NextProtos
// has no effect on connections to the gateway. cfg is copied. The default is the system's roots; nil is an *OptionError.
func WithTLS(cfg *tls.Config) Option {
	return func(c *config) { c.tls, c.noTLS = cfg.Clone(), cfg == nil }
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
		own.TLSClientConfig, own.DialTLSContext, own.DialTLS = cfg.Clone(), nil, nil //nolint:staticcheck // both would go past cfg
	}
	client.Transport = own
	return &client
}
