package shardmanager_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
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
