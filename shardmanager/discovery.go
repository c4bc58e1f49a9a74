package shardmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/internal/transport"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// ErrAuthentication is what a token that Discord does not accept ends in.
var ErrAuthentication = errors.New("shardmanager: Discord does not accept the token: check it in the developer portal")

// DiscoveryError says why GET /gateway/bot gave no answer to work with.
type DiscoveryError struct {
	Status int       // of HTTP; 0: there was no answer
	Until  time.Time // not zero: asking again before is useless, and counts against the bot
	Err    error
}

// Error tells status, wait and cause.
func (e *DiscoveryError) Error() string {
	text := "shardmanager: GET /gateway/bot"
	if e.Status != 0 {
		text += fmt.Sprintf(": status %d", e.Status)
	}
	if !e.Until.IsZero() {
		text += fmt.Sprintf(": ask again after %v", e.Until.Format(time.RFC3339))
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap is the cause.
func (e *DiscoveryError) Unwrap() error { return e.Err }

const (
	discoveryBody    = 64 << 10 // bytes of an answer that are read
	discoveryTimeout = 15 * time.Second
	discoveryBase    = 500 * time.Millisecond
	discoveryCap     = 30 * time.Second
	discoveryPause   = 500 * time.Millisecond // between two requests at the least, whoever asks: no more than 3 in any second
	patience         = time.Minute            // a longer Retry-After is the caller's to wait for
)

// gateway is what GET /gateway/bot answers.
//
// Source: events/gateway#get-gateway-bot
type gateway struct {
	URL    string `json:"url"`
	Shards int    `json:"shards"`
	Limit  struct {
		Total          int   `json:"total"`
		Remaining      int   `json:"remaining"`
		ResetAfter     int64 `json:"reset_after"` // milliseconds
		MaxConcurrency int   `json:"max_concurrency"`
	} `json:"session_start_limit"`
}

func (g gateway) sessionStart() ratelimit.SessionStart {
	const day = 24 * 60 * 60 * 1000
	return ratelimit.SessionStart{
		Total: g.Limit.Total, Remaining: g.Limit.Remaining, MaxConcurrency: g.Limit.MaxConcurrency,
		ResetAfter: time.Duration(min(max(g.Limit.ResetAfter, 0), day)) * time.Millisecond,
	}
}

// discover asks until it has an answer, ctx ends, or asking again would be useless.
func (m *Manager) discover(ctx context.Context) (gateway, error) {
	jitter := rand.Int64N
	if m.cfg.seed != 0 {
		jitter = rand.New(rand.NewPCG(m.cfg.seed, 0)).Int64N
	}
	for attempt := 0; ; attempt++ {
		found, err := m.askGateway(ctx)
		if err == nil {
			return found, nil
		}
		var failed *DiscoveryError
		if !errors.As(err, &failed) {
			return gateway{}, err
		}
		bound := min(discoveryBase<<min(attempt, 16), discoveryCap)
		wait := time.Duration(jitter(int64(bound)))
		if !failed.Until.IsZero() {
			wait = max(wait, time.Until(failed.Until)) // which may be no wait at all
		} else if failed.Status >= 400 && failed.Status < 500 {
			return gateway{}, err
		}
		if deadline, ok := ctx.Deadline(); wait > patience || ok && time.Until(deadline) < wait {
			return gateway{}, err
		}
		m.log.Warn("discovery failed", zap.Error(err), zap.Duration("retry_in", wait))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(err, cause) {
				err = fmt.Errorf("%w: %w", cause, err)
			}
			return gateway{}, err
		}
	}
}

// askTurn waits until the next request may go out.
func (m *Manager) askTurn(ctx context.Context) error {
	m.mu.Lock()
	wait := max(time.Until(m.nextAsk), 0)
	m.nextAsk = time.Now().Add(wait + discoveryPause)
	m.mu.Unlock()
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (m *Manager) askGateway(ctx context.Context) (gateway, error) {
	if err := m.askTurn(ctx); err != nil {
		return gateway{}, &DiscoveryError{Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, discoveryTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.cfg.apiURL+"/gateway/bot", nil)
	if err != nil {
		return gateway{}, err
	}
	request.Header.Set("Authorization", "Bot "+m.cfg.identify.Token.Reveal())
	request.Header.Set("User-Agent", transport.UserAgent)
	client := *m.cfg.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	var response *http.Response
	var body []byte
	// All of it is the user's code: the transport, the cookie jar, and the body that the transport has made.
	err = foreign.Call("the client of WithHTTPClient", func() (err error) {
		answer, err := client.Do(request)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		response = answer
		body, err = io.ReadAll(io.LimitReader(answer.Body, discoveryBody))
		return err
	})
	if response == nil {
		return gateway{}, &DiscoveryError{Err: err}
	}
	failed := &DiscoveryError{Status: response.StatusCode, Err: err}
	switch {
	case response.StatusCode == http.StatusUnauthorized:
		return gateway{}, ErrAuthentication
	case response.StatusCode != http.StatusOK:
		failed.Until = retryAfter(response.Header)
		return gateway{}, failed
	case err != nil:
		return gateway{}, failed
	}
	var found gateway
	if err := json.Unmarshal(body, &found); err != nil {
		failed.Err = fmt.Errorf("unreadable answer: %w", err)
		return gateway{}, failed
	}
	if found.URL == "" || found.Shards < 1 || found.Limit.Total < 1 {
		failed.Err = errors.New("the answer lacks url, shards or session_start_limit: is WithAPIURL the REST base?")
		return gateway{}, failed
	}
	if found.Shards > maxShards {
		failed.Err = fmt.Errorf("it recommends %d shards: more than %d are a mistake; name the total by WithShards", found.Shards, maxShards)
		return gateway{}, failed
	}
	if _, err := transport.CheckURL(found.URL, transport.Config{Hosts: m.cfg.hosts}); err != nil {
		return gateway{}, fmt.Errorf("shardmanager: the gateway's URL: %w", err)
	}
	return found, nil
}

// retryAfter reads the header, in seconds; zero: there is none.
func retryAfter(header http.Header) time.Time {
	const day = 24 * 60 * 60
	seconds, err := strconv.ParseFloat(header.Get("Retry-After"), 64)
	if err != nil || !(seconds >= 0) {
		return time.Time{}
	}
	return time.Now().Add(time.Duration(min(seconds, day) * float64(time.Second)))
}
