package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/filestore"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const guild events.Snowflake = 613425648685547541

// life is a bot that runs until end is called; end returns what run did.
type life struct {
	*bot
	gateway *gatewaytest.Server
	end     func() error

	mu   sync.Mutex
	got  []string
	told []string // that systemd was
}

// begin starts a bot whose handlers do something more with each message.
func begin(t *testing.T, gateway *gatewaytest.Server, file string, more ...func()) *life {
	l := &life{gateway: gateway}
	l.bot = &bot{token: "token", file: file, log: zap.NewNop(), message: func(ctx context.Context, e *events.MessageCreate, _ events.Meta) {
		for _, do := range more {
			do()
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.got = append(l.got, e.ID.String())
	}, notify: func(state string) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.told = append(l.told, state)
		return nil
	}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.run(ctx, shardmanager.WithGateway(gateway)) }()
	l.end = func() error { cancel(); return <-done }
	return l
}

// probe is what a readiness probe is told.
func (l *life) probe() int { return l.ask("/readyz") }

// dead reports whether a liveness probe is told that it is.
func (l *life) dead() bool { return l.ask("/livez") >= http.StatusBadRequest }

func (l *life) ask(path string) int {
	answer := httptest.NewRecorder()
	l.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	return answer.Code
}

// TestDeploy: a deploy costs no Identify and no event.
func TestDeploy(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "bot.db")
	synctest.Test(t, func(t *testing.T) {
		gateway := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithGuilds(guild))
		first := begin(t, gateway, file)
		time.Sleep(time.Minute)
		if code := first.probe(); code != http.StatusOK {
			t.Errorf("the probe is told %d of a bot that is ready", code)
		}
		gateway.Shard(0).Drop()
		time.Sleep(10 * time.Millisecond)
		if code := first.probe(); code != http.StatusOK {
			t.Errorf("the probe is told %d of a shard that reconnects", code)
		}
		time.Sleep(time.Minute)
		one := gateway.World().Message(guild, gatewaytest.Message{Content: "before"})
		time.Sleep(time.Second)
		if err := first.end(); err != nil {
			t.Fatal(err)
		}
		if code := first.probe(); code != http.StatusServiceUnavailable {
			t.Errorf("the probe is told %d of a bot that has ended", code)
		}
		two := gateway.World().Message(guild, gatewaytest.Message{Content: "while nobody is there"})

		second := begin(t, gateway, file)
		time.Sleep(time.Minute)
		if err := second.end(); err != nil {
			t.Fatal(err)
		}
		if got := slices.Concat(first.got, second.got); !slices.Equal(got, []string{one.String(), two.String()}) {
			t.Errorf("got %v, want %v and %v", got, one, two)
		}
		if stats := gateway.Stats(); stats.Identifies != 1 || stats.Resumes != 2 {
			t.Errorf("%d Identifies and %d Resumes, want 1 and 2", stats.Identifies, stats.Resumes)
		}
		gateway.RequireNoViolations(t)
	})
}

// TestEndBeforeReady: a signal while the gateway cannot be reached is no failure.
func TestEndBeforeReady(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "bot.db")
	synctest.Test(t, func(t *testing.T) {
		gateway := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork())
		gateway.Outage(true)
		l := begin(t, gateway, file)
		time.Sleep(time.Minute)
		if code := l.probe(); code != http.StatusServiceUnavailable {
			t.Errorf("the probe is told %d of a bot that is not connected", code)
		}
		if l.dead() {
			t.Error("an outage is taken for death")
		}
		if err := l.end(); err != nil {
			t.Error(err)
		}
	})
}

// TestBudget: a bot whose Identifies are used up waits for more, and does not end.
func TestBudget(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "bot.db")
	synctest.Test(t, func(t *testing.T) {
		gateway := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithSessionStarts(1000, 50, 3*time.Hour))
		l := begin(t, gateway, file)
		time.Sleep(time.Hour)
		if code := l.probe(); code != http.StatusServiceUnavailable {
			t.Errorf("the probe is told %d of a bot that may not identify", code)
		}
		if l.dead() {
			t.Error("a budget that is used up is taken for death")
		}
		time.Sleep(4 * time.Hour)
		if code := l.probe(); code != http.StatusOK {
			t.Errorf("the probe is told %d after the budget was whole again", code)
		}
		if err := l.end(); err != nil {
			t.Error(err)
		}
	})
}

// TestShardEnds: a shard that ends for good ends the bot, so that it is started again.
func TestShardEnds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		code events.CloseCode
		exit int
	}{{events.CloseShardingRequired, 1}, {events.CloseAuthenticationFailed, exitConfig}, {events.CloseDisallowedIntents, exitConfig}} {
		file := filepath.Join(t.TempDir(), "bot.db")
		synctest.Test(t, func(t *testing.T) {
			gateway := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork())
			l := begin(t, gateway, file)
			time.Sleep(time.Minute)
			gateway.Shard(0).Close(test.code)
			time.Sleep(time.Minute)
			if exit := exitCode(l.end()); exit != test.exit {
				t.Errorf("after %d the exit code is %d, want %d", test.code, exit, test.exit)
			}
		})
	}
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	_, option := shardmanager.New("")
	for _, test := range []struct {
		err  error
		exit int
	}{
		{nil, 0},
		{option, exitConfig},
		{shardmanager.ErrAuthentication, exitConfig},
		{&shardmanager.NoIntentError{}, exitConfig},
		{&shardmanager.IntentsError{}, exitConfig},
		{filestore.ErrKey, exitConfig},
		{filestore.ErrVersion, exitConfig},
		{filestore.ErrOtherKey, exitConfig},
		{&session.CloseError{Code: events.CloseInvalidIntents}, exitConfig},
		{&session.CloseError{Code: events.CloseInvalidShard}, 1},
		{filestore.ErrBusy, 1},
		{&shardmanager.DiscoveryError{}, 1},
		{&shardmanager.CutOffError{}, 1},
		{&ratelimit.BudgetError{}, 1},
		{errors.New("anything else"), 1},
	} {
		if exit := exitCode(fmt.Errorf("wrapped: %w", errors.Join(test.err))); test.err != nil && exit != test.exit {
			t.Errorf("%v: the exit code is %d, want %d", test.err, exit, test.exit)
		}
	}
	if exit := exitCode(nil); exit != 0 {
		t.Errorf("the exit code of a bot that was asked to end is %d", exit)
	}
}
