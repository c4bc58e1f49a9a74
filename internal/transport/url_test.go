package transport_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/internal/transport"
)

// TestWhereATokenMayBeSent: each host with each scheme, without and with a list of allowed hosts. wss is for Discord, for loopback and for
// what is listed; ws is for loopback and for what is listed; no other scheme is for anything.
func TestWhereATokenMayBeSent(t *testing.T) {
	t.Parallel()
	none := []string(nil)
	for _, test := range []struct {
		host    string
		allowed []string
		wss, ws bool
	}{
		{"discord.gg", none, true, false}, {"gateway.discord.gg", none, true, false}, {"GATEWAY.Discord.GG", none, true, false},
		{"a.b.discord.gg:443", none, true, false}, {"gateway.discord.gg:8443", none, false, false}, {"gateway.discord.gg:80", none, false, false},
		{"gateway.discord.gg.", none, false, false}, {"discord.gg.evil.example", none, false, false}, {"evildiscord.gg", none, false, false},
		{"discord.com", none, false, false}, {"gg", none, false, false},
		{"gateway.discord.gg", []string{"discord.gg"}, true, true}, {"gateway.discord.gg:8443", []string{"gateway.discord.gg"}, true, true},
		{"gateway.discord.gg:8443", []string{"gateway.discord.gg:8443"}, true, true}, {"gateway.discord.gg:8443", []string{"other.example"}, false, false},

		{"localhost", none, true, true}, {"LOCALHOST:8080", none, true, true}, {"127.0.0.1", none, true, true}, {"127.9.9.9:443", none, true, true},
		{"[::1]", none, true, true}, {"[::1]:443", none, true, true}, {"[::ffff:127.0.0.1]", none, true, true},
		{"localhost", []string{"localhost"}, true, true}, {"127.0.0.1:8443", []string{"127.0.0.1"}, true, true},
		{"127.0.0.1:8443", []string{"127.0.0.1:8443"}, true, true}, {"127.0.0.1:8444", []string{"127.0.0.1:8443"}, true, true},
		{"[::1]:443", []string{"::1"}, true, true}, {"localhost", []string{"127.0.0.1"}, true, true},
		{"localhost.evil.example", none, false, false}, {"a.localhost", none, false, false}, {"127.0.0.1.evil.example", none, false, false},
		{"0.0.0.0", none, false, false}, {"[::]", none, false, false}, {"128.0.0.1", none, false, false}, {"0x7f.0.0.1", none, false, false},

		{"evil.example", none, false, false}, {"evil.example:443", none, false, false}, {"10.1.2.3", none, false, false}, {"169.254.169.254", none, false, false},
		{"proxy.example", []string{"proxy.example"}, true, true}, {"proxy.example:8443", []string{"proxy.example"}, true, true},
		{"a.proxy.example", []string{"proxy.example"}, true, true}, {"A.PROXY.example", []string{"other.example", "Proxy.Example"}, true, true},
		{"proxy.example", []string{"a.proxy.example"}, false, false}, {"aproxy.example", []string{"proxy.example"}, false, false},
		{"proxy.example.evil.example", []string{"proxy.example"}, false, false}, {"proxy.example:8443", []string{"proxy.example:8443"}, true, true},
		{"proxy.example", []string{"proxy.example:8443"}, false, false}, {"a.proxy.example:8443", []string{"proxy.example:8443"}, false, false},
		{"proxy.example", []string{"proxy.example:443"}, true, false}, {"proxy.example", []string{"proxy.example:80"}, false, true},
		{"[2001:db8::1]", []string{"[2001:db8::1]:443"}, true, false}, {"proxy.example:443", []string{"proxy.example:443"}, true, true},
		{"10.1.2.3:8080", []string{"10.1.2.3:8080"}, true, true}, {"10.1.2.3:9", []string{"10.1.2.3:8080"}, false, false}, {"10.1.2.3:9", []string{"10.1.2.3"}, true, true},
	} {
		cfg := transport.Config{Hosts: test.allowed}
		for scheme, want := range map[string]bool{
			"wss": test.wss, "WSS": test.wss, "ws": test.ws, "Ws": test.ws, "http": false, "https": false, "wsss": false, "ftp": false, "": false,
		} {
			raw := scheme + "://" + test.host
			u, err := transport.CheckURL(raw, cfg)
			var refused *transport.URLError
			if (err == nil) != want || err != nil && !errors.As(err, &refused) || err == nil && u.Host != test.host {
				t.Errorf("%s, allowed %q: %v, want it to be allowed: %v", raw, test.allowed, err, want)
			}
			user := scheme + "://me@" + test.host
			if _, err := transport.CheckURL(user, cfg); err == nil {
				t.Errorf("%s is allowed", user)
			}
		}
	}
}

// Failures: F148.
func TestCheckURL(t *testing.T) {
	t.Parallel()
	cfg := transport.Config{Hosts: []string{"proxy.example", "10.1.2.3:8080"}}
	for _, good := range []string{
		"wss://gateway.discord.gg", "wss://gateway-us-east1-b.discord.gg/", "wss://gateway.discord.gg:443/?v=10", "ws://127.0.0.1:8080",
		"ws://localhost", "ws://[::1]:80/x", "wss://proxy.example:8443", "ws://proxy.example", "ws://a.proxy.example", "ws://10.1.2.3:8080", "WSS://GATEWAY.DISCORD.GG",
	} {
		if _, err := transport.CheckURL(good, cfg); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "wss://", "gateway.discord.gg", "http://gateway.discord.gg", "https://gateway.discord.gg", "ws://gateway.discord.gg",
		"wss://evil.example", "wss://discord.gg.evil.example", "wss://evildiscord.gg", "wss://gateway.discord.gg@evil.example",
		"wss://user:pass@gateway.discord.gg", "wss://169.254.169.254", "wss://10.1.2.3", "wss://gateway.discоrd.gg", "wss://gateway.discord.gg:22",
		"wss:gateway.discord.gg", "ws://10.1.2.3:9", "wss://127.0.0.1.evil.example", "ws://localhost.evil.example", "wss://gateway.discord.gg\x00",
	} {
		_, err := transport.CheckURL(bad, cfg)
		var refused *transport.URLError
		if !errors.As(err, &refused) {
			t.Errorf("%q: %v, want a URLError", bad, err)
		} else if strings.Contains(err.Error(), "evil") || strings.Contains(err.Error(), "pass") {
			t.Errorf("the error shows the URL: %v", err)
		}
	}
}

// TestRefusedURLSaysWhy: the first thing that is wrong with it.
func TestRefusedURLSaysWhy(t *testing.T) {
	t.Parallel()
	for url, why := range map[string]string{
		"wss://%zz": "it cannot be parsed", "": "it names no host", "wss://": "it names no host", "wss://:443": "it names no host", "ws:///path": "it names no host",
		"wss:gateway.discord.gg": "it names no host", "gateway.discord.gg": "it names no host", "wss://me@evil.example": "it has user information",
		"wss://gateway.discоrd.gg": "its host is not ASCII", "https://evil.example": "its scheme is neither wss nor ws",
		"ws://evil.example": "plain ws is only for loopback and for hosts that WithGatewayHosts allows", "ws://gateway.discord.gg": "plain ws is only for loopback and for hosts that WithGatewayHosts allows",
		"wss://evil.example:22": "its host is not Discord's; allow it by WithGatewayHosts if the token may be sent there", "wss://gateway.discord.gg:22": "its port is not 443",
	} {
		if _, err := transport.CheckURL(url, transport.Config{}); err == nil || err.Error() != "transport: gateway URL refused: "+why {
			t.Errorf("%q: %v, want %q", url, err, why)
		}
	}
}

// TestHostsThatCanBeAllowed, and what is said of each that cannot.
func TestHostsThatCanBeAllowed(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"gateway.example", "Gateway_1.Example", "localhost", "a-b.9.example:1", "gateway.example:65535", "10.1.2.3", "10.1.2.3:80", "::1", "[::1]", "[2001:db8::1]:443",
	} {
		if err := transport.CheckHost(good); err != nil {
			t.Errorf("%q %v", good, err)
		}
	}
	for why, all := range map[string][]string{
		"has a port that is none": {"gateway.example:", "gateway.example:0", "gateway.example:65536", "gateway.example:x", "[::1]:0"},
		"names no host":           {"", ":443", "[]"},
		"is not a host alone":     {"wss://gateway.example", "gateway.example/", "gateway.example?a", "gateway.example#a", "me@gateway.example"},
		"has a wildcard":          {"*", "*.example", "*.example:443"},
		"is no host name":         {".example", "example.", "a..example", "a b.example", "gätewäy.example", "a.{", "a.[", "a.`", "a.,", "1:2:3"},
	} {
		for _, bad := range all {
			if err := transport.CheckHost(bad); err == nil || !strings.HasPrefix(err.Error(), why) {
				t.Errorf("%q %v, want %q", bad, err, why)
			}
		}
	}
}

func ExampleCheckURL() {
	_, err := transport.CheckURL("wss://gateway.discord.gg@evil.example", transport.Config{})
	fmt.Println(err)
	// Output: transport: gateway URL refused: it has user information
}
