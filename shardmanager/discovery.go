package shardmanager

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// ErrAuthentication is what a token that Discord does not accept ends in.
var ErrAuthentication = errors.New("shardmanager: Discord does not accept the token: check it in the developer portal")

// DiscoveryError says why GET /gateway/bot gave no answer to work with.
type DiscoveryError struct {
	Path   string    // of the URL that was asked; empty: /gateway/bot
	Status int       // of HTTP; 0: there was no answer
	Until  time.Time // not zero: asking again before is useless, and counts against the bot
	Err    error     // what is wrong and, if that is known, what to do
	fatal  bool
}

// Fatal reports whether asking again is useless until somebody mends something: the URL, a certificate, a proxy's setting. Start
// ends at once then.
func (e *DiscoveryError) Fatal() bool { return e.fatal }

// Error tells path, status, wait and cause.
func (e *DiscoveryError) Error() string {
	text := "shardmanager: GET " + cmp.Or(e.Path, "/gateway/bot")
	if e.Status != 0 {
		text += fmt.Sprintf(": status %d", e.Status)
	}
	if !e.Until.IsZero() {
		text += fmt.Sprintf(": ask again after %v", e.Until.Format(time.RFC3339))
	}
	if e.Err != nil {
		text += ": " + oneLine(e.Err.Error(), 400)
	}
	return text
}

// Unwrap is the cause.
func (e *DiscoveryError) Unwrap() error { return e.Err }

// HookDiscovery is told of each question of GET /gateway/bot: by Start, by Forecast before that, and later when shards are in trouble, or before more shards are advised.
type HookDiscovery interface{ OnDiscovery(Discovery) }

// Discovery is one question of GET /gateway/bot.
type Discovery struct {
	Attempt int // 1 is the first of Start; one that is asked later is a first as well
	Took    time.Duration
	Err     error     // ErrAuthentication, or a *DiscoveryError; nil: it was answered
	Retry   time.Time // when Start asks again; zero: it does not
}

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
	Shards whole  `json:"shards"`
	Limit  struct {
		Total          whole `json:"total"`
		Remaining      whole `json:"remaining"`
		ResetAfter     whole `json:"reset_after"` // milliseconds
		MaxConcurrency whole `json:"max_concurrency"`
	} `json:"session_start_limit"`
}

// whole is a whole number, in any notation that JSON has.
type whole int64

var errWhole = errors.New("a number in it is no whole one")

// UnmarshalJSON implements json.Unmarshaler.
func (w *whole) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var n float64
	if json.Unmarshal(data, &n) != nil || n != math.Trunc(n) || math.Abs(n) > 1<<53 {
		return errWhole
	}
	*w = whole(n)
	return nil
}

func (w whole) int() int { return int(min(max(w, 0), math.MaxInt32)) }

func (g gateway) sessionStart() ratelimit.SessionStart {
	const day = 24 * 60 * 60 * 1000
	return ratelimit.SessionStart{
		Total: g.Limit.Total.int(), Remaining: g.Limit.Remaining.int(), MaxConcurrency: g.Limit.MaxConcurrency.int(),
		ResetAfter: time.Duration(min(max(g.Limit.ResetAfter, 0), day)) * time.Millisecond,
	}
}

// shards are how many there are, and which of them run here.
func (c *config) shards(found gateway) (total int, ids []int) {
	if total = c.total; total == 0 {
		total = found.Shards.int()
	}
	if c.ids != nil {
		return total, c.ids
	}
	return total, upTo(total)
}

// upTo are the indexes of so many shards.
func upTo(total int) []int {
	all := make([]int, total)
	for i := range all {
		all[i] = i
	}
	return all
}

// discover asks until it has an answer, ctx ends, or asking again would be useless.
func (m *Manager) discover(ctx context.Context) (gateway, error) {
	jitter := rand.Int64N
	if m.cfg.seed != 0 {
		jitter = rand.New(rand.NewPCG(m.cfg.seed, 0)).Int64N
	}
	var before error // the latest failure
	for attempt := 0; ; attempt++ {
		began := time.Now()
		found, err := m.askGateway(ctx)
		told := Discovery{Attempt: attempt + 1, Took: time.Since(began), Err: err}
		if ctx.Err() != nil && before != nil { // this one may say no more than that the time is up
			err = errors.Join(before, err)
		}
		var failed *DiscoveryError
		if err == nil || !errors.As(err, &failed) || failed.fatal {
			m.asked(told)
			return found, err
		}
		before = err
		bound := min(discoveryBase<<min(attempt, 16), discoveryCap)
		wait := max(time.Duration(jitter(int64(bound))), time.Until(failed.Until)) // which may be no wait at all
		deadline, ok := ctx.Deadline()
		late := ok && time.Until(deadline) < wait
		if wait > patience || late || ctx.Err() != nil {
			m.asked(told)
			if late && ctx.Err() == nil {
				return gateway{}, fmt.Errorf("%w (the next try would begin too late: %w)", err, context.DeadlineExceeded)
			}
			return gateway{}, endedBy(ctx, err)
		}
		told.Retry = time.Now().Add(wait)
		m.asked(told)
		m.log.Warn("GET /gateway/bot failed: trying again", zap.Error(err), zap.Duration("retry_in", wait))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return gateway{}, endedBy(ctx, err)
		}
	}
}

// endedBy is err, and why ctx has ended, if it has.
func endedBy(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w (%w)", err, cause)
	}
	return err
}

// asked tells of a question.
func (m *Manager) asked(d Discovery) {
	m.startWaits(d.Err)
	actors.Tell(m.observers, func(h HookDiscovery) { h.OnDiscovery(d) })
}

// startWaits notes why Start has not come further; nil: there is no reason.
func (m *Manager) startWaits(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unready = err
}

// askTurn waits until the next request may go out: first come, first served. Who leaves before holds up nobody.
func (m *Manager) askTurn(ctx context.Context) error {
	select {
	case m.turn <- struct{}{}:
	case <-ctx.Done():
		return &DiscoveryError{Err: context.Cause(ctx)}
	}
	defer func() { <-m.turn }()
	m.mu.Lock()
	next := m.nextAsk
	m.mu.Unlock()
	select {
	case <-time.After(time.Until(next)):
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return &DiscoveryError{Err: context.Cause(ctx)}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nextAsk = time.Now().Add(discoveryPause)
	return nil
}
