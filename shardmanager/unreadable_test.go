package shardmanager_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/shardmanager"
)

// unreadable is an error whose text cannot be read.
type unreadable struct{}

func (unreadable) Error() string { panic("no text") }

// broken is an HTTP client's transport that fails so.
type broken struct{}

func (broken) RoundTrip(*http.Request) (*http.Response, error) { return nil, unreadable{} }

// TestWaitReadySurvivesErrorsThatCannotBeRead: they are the user's code.
func TestWaitReadySurvivesErrorsThatCannotBeRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newManager(t, newGateway(t), shardmanager.WithHTTPClient(&http.Client{Transport: broken{}}))
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan error, 1)
		go func() { over <- m.Start(ctx) }()
		pass(5 * time.Second)
		waits, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := m.WaitReady(waits); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "Start goes on") || !strings.Contains(err.Error(), "whose text cannot be read") {
			t.Errorf("WaitReady: %v", err)
		}
		cancel()
		if err := <-over; err == nil {
			t.Error("it has started")
		}
	})
}
