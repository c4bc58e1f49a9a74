package transport_test

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/signalbox-go/signalbox/internal/transport"
)

// TestWrongCertificateIsRefused: nothing is sent to a server that cannot prove who it is.
//
// Failures: F13.
func TestWrongCertificateIsRefused(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	server.Config.ErrorLog = nil
	server.StartTLS()
	defer server.Close()
	addr := server.Listener.Addr().String()
	_, err := transport.Dial(t.Context(), "wss://"+addr+"/secret", transport.Config{Hosts: []string{addr}})
	var failed *transport.DialError
	if !errors.As(err, &failed) || strings.Contains(err.Error(), "secret") || asked.Load() != 0 {
		t.Errorf("Dial: %v; the server was asked %d times", err, asked.Load())
	}
}

// TestProxyAnswerWithoutAReasonIsAnError: the process survives an answer that the library panics on. The
// dial is made by a process of its own, since the proxy is read from the environment once.
//
// Failures: F15.
func TestProxyAnswerWithoutAReasonIsAnError(t *testing.T) {
	if os.Getenv("SIGNALBOX_TEST_DIAL") != "" {
		_, err := transport.Dial(t.Context(), "wss://gateway.discord.gg", transport.Config{})
		var failed *transport.DialError
		if !errors.As(err, &failed) {
			t.Errorf("Dial: %v", err)
		}
		return
	}
	t.Parallel()
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	var asked atomic.Int64
	go func() {
		for {
			c, err := proxy.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				asked.Add(1)
				_, _ = c.Write([]byte("HTTP/1.1 407\r\nContent-Length: 0\r\n\r\n"))
			}
			_ = c.Close()
		}
	}()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxyAnswerWithoutAReasonIsAnError$")
	child.Env = append(os.Environ(), "SIGNALBOX_TEST_DIAL=1", "HTTPS_PROXY=http://"+proxy.Addr().String(), "NO_PROXY=")
	if out, err := child.CombinedOutput(); err != nil || asked.Load() != 1 {
		t.Errorf("%v; the proxy was asked %d times\n%s", err, asked.Load(), out)
	}
}
