package shardmanager_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/signalbox-go/signalbox/shardmanager"
)

// closes counts the answers whose bodies are open.
type closes struct {
	http.RoundTripper
	open *atomic.Int64
}

func (c closes) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := c.RoundTripper.RoundTrip(r)
	if err == nil {
		c.open.Add(1)
		response.Body = &openBody{response.Body, c.open}
	}
	return response, err
}

type openBody struct {
	io.ReadCloser
	open *atomic.Int64
}

func (b *openBody) Close() error {
	b.open.Add(-1)
	return b.ReadCloser.Close()
}

// TestBodiesOfAnswersAreClosed, whatever the answer: connections to the API would pile up.
func TestBodiesOfAnswersAreClosed(t *testing.T) {
	for _, status := range []int{200, 404, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				questionsOf(g, 1, func(w http.ResponseWriter) {
					w.WriteHeader(status)
					_, _ = io.WriteString(w, strings.Repeat(" ", 1<<16)) // and no gateway's
				})
				var open atomic.Int64
				client := *g.Client()
				client.Transport = closes{client.Transport, &open}
				m := newManager(t, g, shardmanager.WithHTTPClient(&client))
				if err := m.Start(t.Context()); err == nil != (status != 404) {
					t.Errorf("Start: %v", err)
				}
				if n := open.Load(); n != 0 {
					t.Errorf("%d bodies are open", n)
				}
			})
		})
	}
}
