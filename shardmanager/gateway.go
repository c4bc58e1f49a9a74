package shardmanager

import (
	"context"
	"net"
	"net/http"
)

// Gateway is a gateway other than Discord's, with its own ways to be reached: a
// *gatewaytest.Server is one. WithGateway asks all three once, when New is called.
type Gateway interface {
	// APIBase is the REST base whose /gateway/bot names the gateway: see WithAPIURL.
	APIBase() string
	// Client asks for it: see WithHTTPClient.
	Client() *http.Client
	// DialContext makes the connections: see WithNetDial.
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

// WithGateway sets where the gateway is and how it is reached: WithAPIURL, WithHTTPClient and
// WithNetDial in one. Each of those replaces its part of it if it comes later. The default is
// Discord's, over the machine's network.
func WithGateway(gw Gateway) Option {
	return func(c *config) {
		if c.noGateway = gw == nil || isNil(gw); c.noGateway {
			return
		}
		WithAPIURL(gw.APIBase())(c)
		WithHTTPClient(gw.Client())(c)
		WithNetDial(gw.DialContext)(c)
	}
}
