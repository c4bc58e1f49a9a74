package shardmanager_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// noted is a gateway that notes by which of its ways it was reached.
type noted struct {
	*gatewaytest.Server
	ways chan string
}

func (n noted) APIBase() string { return n.Server.APIBase() + "/" }

func (n noted) Client() *http.Client {
	return &http.Client{Transport: asked{n.Server, n.ways, "client"}}
}

func (n noted) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	n.ways <- "dial"
	return n.Server.DialContext(ctx, network, addr)
}

// asked is a transport that notes its name and what it was asked for.
type asked struct {
	g    *gatewaytest.Server
	ways chan string
	name string
}

func (a asked) RoundTrip(r *http.Request) (*http.Response, error) {
	a.ways <- a.name + " " + r.URL.Path
	r.URL.Path = "/api/v10/gateway/bot"
	return a.g.Client().Transport.RoundTrip(r)
}

// TestGatewayIsReachedByItsOwnWays: one option says where a gateway is and how it is reached. Whichever
// of it and the options for a part comes later has the last word, for that part alone.
func TestGatewayIsReachedByItsOwnWays(t *testing.T) {
	const usual = "/api/v10/gateway/bot"
	for name, test := range map[string]struct {
		other func(g noted) shardmanager.Option
		after []string // the ways, when other comes later
	}{
		"alone": {func(noted) shardmanager.Option { return shardmanager.WithSeed(1) }, []string{"client " + usual, "dial"}},
		"WithAPIURL": {func(noted) shardmanager.Option { return shardmanager.WithAPIURL("http://127.0.0.1/proxy") },
			[]string{"client /proxy/gateway/bot", "dial"}},
		"WithHTTPClient": {func(g noted) shardmanager.Option {
			return shardmanager.WithHTTPClient(&http.Client{Transport: asked{g.Server, g.ways, "other client"}})
		}, []string{"other client " + usual, "dial"}},
		"WithNetDial": {func(g noted) shardmanager.Option {
			return shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
				g.ways <- "other dial"
				return g.Server.DialContext(ctx, network, addr)
			})
		}, []string{"client " + usual, "other dial"}},
	} {
		for _, later := range []bool{true, false} {
			t.Run(name+map[bool]string{true: " after it", false: " before it"}[later], func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					g := noted{newGateway(t), make(chan string, 1000)}
					opts := []shardmanager.Option{test.other(g), shardmanager.WithGateway(g)}
					want := []string{"client " + usual, "dial"}
					if later {
						slices.Reverse(opts)
						want = test.after
					}
					m, err := shardmanager.New("token", opts...)
					if err != nil {
						t.Fatal(err)
					}
					start(t, m)
					closeNow(t, m)
					close(g.ways)
					var got []string
					for way := range g.ways {
						got = append(got, way)
					}
					if !slices.Equal(got, want) {
						t.Errorf("reached by %q, want %q", got, want)
					}
				})
			})
		}
	}
}

// TestNoGatewayIsRefused: New refuses a gateway that is nil, or a nil pointer, and names the option. One
// that comes later takes its place.
func TestNoGatewayIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var none *gatewaytest.Server
		for _, gw := range []shardmanager.Gateway{nil, none} {
			_, err := shardmanager.New("token", shardmanager.WithGateway(gw))
			var bad *shardmanager.OptionError
			if !errors.As(err, &bad) || bad.Option != "WithGateway" {
				t.Errorf("New: %v, want an OptionError for WithGateway", err)
			}
			if _, err := shardmanager.New("token", shardmanager.WithGateway(gw), shardmanager.WithGateway(newGateway(t))); err != nil {
				t.Errorf("New, with a gateway after it: %v", err)
			}
		}
	})
}

// TestNilStandsForTheDefault: a nil client and a nil logger are those that there are without the
// options. On a port, as the default client reaches no other gateway.
func TestNilStandsForTheDefault(t *testing.T) {
	t.Parallel()
	g := gatewaytest.NewServer(t, gatewaytest.WithExact())
	m, err := shardmanager.New("token", shardmanager.WithGateway(g), shardmanager.WithHTTPClient(nil), shardmanager.WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	start(t, m)
	closeNow(t, m)
	http.DefaultClient.CloseIdleConnections()
}

// TestGatewayWithTLS: a manager that trusts the simulated gateway's certificate is ready and resumes; one that
// does not is told which option to give.
func TestGatewayWithTLS(t *testing.T) {
	bubble(t, func(t *testing.T) {
		config, _, err := gatewaytest.SelfSigned("gateway.example.test")
		if err != nil {
			t.Fatal(err)
		}
		for _, opts := range [][]gatewaytest.Option{nil, {gatewaytest.WithPublicURL("wss://gateway.example.test")}} {
			g := newGateway(t, append(opts, gatewaytest.WithTLS(config))...)
			m := newManager(t, g, shardmanager.WithTLS(&tls.Config{RootCAs: g.RootCAs()}), shardmanager.WithGatewayHosts("gateway.example.test"))
			start(t, m)
			g.Shard(0).Drop()
			pass(time.Minute)
			if s := g.Stats(); s.Identifies != 1 || s.Resumes != 1 || s.AtResumeURL != 1 {
				t.Errorf("%s: %+v", g.URL, s)
			}
			g.RequireNoViolations(t)
			wary, err := shardmanager.New("token", shardmanager.WithGateway(g), shardmanager.WithLogger(zap.NewNop()), shardmanager.WithGatewayHosts("gateway.example.test"))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := errors.Join(wary.Start(ctx), wary.WaitReady(ctx)); err == nil || !strings.Contains(err.Error(), "RootCAs of WithTLS") {
				t.Errorf("%s: without WithTLS: %v", g.URL, err)
			}
			closeNow(t, wary)
		}
	})
}

// TestConnectionThatIsGivenUpBeforeItsTurnIsNotDialled: NetDial is not called for it, not even with a context that has ended.
func TestConnectionThatIsGivenUpBeforeItsTurnIsNotDialled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(4), gatewaytest.WithMaxConcurrency(4))
		dials := &dialLog{g: g}
		m := newManager(t, g, shardmanager.WithDialRate(1), shardmanager.WithNetDial(dials.dial))
		start(t, m)
		pass(time.Minute)
		dials.take()
		g.DropAll()
		pass(1500 * time.Millisecond)
		if at := dials.take(); len(at) == 0 || len(at) == 4 {
			t.Fatalf("dials at %v: some are to wait for their turn", at)
		}
		if err := m.Pause(t.Context(), 0, 1, 2, 3); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if at := dials.take(); len(at) != 0 {
			t.Errorf("%d dials of shards that are stopped", len(at))
		}
	})
}
