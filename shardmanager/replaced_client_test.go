package shardmanager_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/shardmanager"
)

// answering is an HTTP transport that answers everything with one status.
type answering int

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: int(a), Body: http.NoBody, Request: r}, nil
}

// TestDefaultClientThatWasReplacedIsAsked: whoever has given the process another way to the network means this library as well. It changes what the
// whole process uses, so nothing runs beside it.
func TestDefaultClientThatWasReplacedIsAsked(t *testing.T) {
	usual := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport, http.DefaultClient.Transport = usual, nil })
	for name, replace := range map[string]func(){
		"its client":    func() { http.DefaultClient.Transport = answering(http.StatusUnauthorized) },
		"its transport": func() { http.DefaultTransport = answering(http.StatusUnauthorized) },
	} {
		http.DefaultTransport, http.DefaultClient.Transport = usual, nil
		replace()
		m, err := shardmanager.New("token", shardmanager.WithAPIURL("https://gateway.invalid/api/v10"), shardmanager.WithLogger(zap.NewNop()))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // or it would ask for ever
		err = m.Start(ctx)
		if cancel(); !errors.Is(err, shardmanager.ErrAuthentication) {
			t.Errorf("%s: Start: %v", name, err)
		}
	}
}

// TestProxyThatRefusesIsNamed: the error says that it is the proxy which refuses, and Start ends at once if that will not pass. As above, it is given to the whole process.
func TestProxyThatRefusesIsNamed(t *testing.T) {
	usual := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = usual })
	for status, test := range map[int]struct {
		says  string
		fatal bool
	}{
		407: {"407 Proxy Authentication Required: put user and password into the proxy's URL", true},
		403: {"403 Forbidden: it must allow this host", true},
		404: {"404 Not Found", true},
		502: {"502 Bad Gateway", false},
		429: {"429 Too Many Requests", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			http.DefaultTransport = &http.Transport{
				Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.invalid:3128"}),
				DialContext: func(context.Context, string, string) (net.Conn, error) {
					asked++
					ours, theirs := net.Pipe()
					go func() {
						defer theirs.Close()
						if r, err := http.ReadRequest(bufio.NewReader(theirs)); err == nil && r.Method == http.MethodConnect {
							_, _ = fmt.Fprintf(theirs, "HTTP/1.1 %d s3cret\r\nContent-Length: 0\r\n\r\n", status)
						}
					}()
					return ours, nil
				},
			}
			m, err := shardmanager.New("token", shardmanager.WithAPIURL("https://gateway.invalid/api/v10"), shardmanager.WithLogger(zap.NewNop()))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			err = m.Start(ctx)
			var failed *shardmanager.DiscoveryError
			if !errors.As(err, &failed) || failed.Fatal() != test.fatal || (asked == 1) != test.fatal || strings.Contains(err.Error(), "s3cret") ||
				!strings.Contains(err.Error(), "GET /api/v10/gateway/bot: the proxy refused to connect, with status "+test.says) {
				t.Errorf("%d, asked %d times: Start: %v", status, asked, err)
			}
		})
	}
}
