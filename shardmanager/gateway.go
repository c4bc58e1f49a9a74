package shardmanager

import (
	"context"
	"net"
	"net/http"
	"reflect"
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
		if c.noGateway = isNil(gw); c.noGateway {
			return
		}
		WithAPIURL(gw.APIBase())(c)
		WithHTTPClient(gw.Client())(c)
		WithNetDial(gw.DialContext)(c)
	}
}

// isNil sees a nil pointer too: that of a server which was never started, or of a store that could not be opened.
func isNil(value any) bool {
	if value == nil {
		return true
	}
	v := reflect.ValueOf(value)
	return v.Kind() == reflect.Pointer && v.IsNil()
}
