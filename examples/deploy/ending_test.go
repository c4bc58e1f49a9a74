package main

import (
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestEndingWithHandlers: whoever asks, or listens, is told at once that the bot ends; then handlers have their time, and one that takes no end costs no more than what the
// bot is given to stop.
func TestEndingWithHandlers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		takes time.Duration
		ends  time.Duration // how long the end takes
		exit  int
	}{
		"slow":            {8 * time.Second, 8 * time.Second, 0},
		"without any end": {time.Hour, drain, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "bot.db")
			synctest.Test(t, func(t *testing.T) {
				gateway := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithGuilds(guild))
				l := begin(t, gateway, file, func() { time.Sleep(test.takes) })
				time.Sleep(time.Minute)
				gateway.World().Message(guild, gatewaytest.Message{Content: "work"})
				time.Sleep(time.Millisecond)
				began, ended := time.Now(), make(chan error, 1)
				go func() { ended <- l.end() }()
				time.Sleep(10 * time.Millisecond)
				if code := l.probe(); code != http.StatusServiceUnavailable {
					t.Errorf("the probe is told %d of a bot that ends", code)
				}
				l.mu.Lock()
				if want := []string{isReady, isEnding}; !slices.Equal(l.told, want) {
					t.Errorf("systemd was told %q, want %q", l.told, want)
				}
				l.mu.Unlock()
				err := <-ended
				if exit := exitCode(err); exit != test.exit {
					t.Errorf("it ends with %v, exit code %d, want %d", err, exit, test.exit)
				}
				var cut *shardmanager.CutOffError
				if took := time.Since(began); took < test.ends-time.Second || took > test.ends+5*time.Second || errors.As(err, &cut) != (test.exit == 1) {
					t.Errorf("the end took %v, want about %v: %v", took, test.ends, err)
				}
				time.Sleep(test.takes)
			})
		})
	}
}
