package shardmanager_test

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestWithoutALoggerWarningsGoToStderr: what a bot's author sees who has chosen no logger: warnings and errors, each on one line.
// zap.NewNop silences them. The bot is a process of its own, since stderr belongs to the process.
func TestWithoutALoggerWarningsGoToStderr(t *testing.T) {
	switch os.Getenv("SIGNALBOX_TEST_STDERR") {
	case "default":
		warn(t)
		return
	case "silent":
		warn(t, shardmanager.WithLogger(zap.NewNop()))
		return
	}
	t.Parallel()
	for mode, want := range map[string][]string{
		"default": {"WARN\tGET /gateway/bot failed: trying again\t", "status 503", "WARN\tshard disconnected"},
		"silent":  nil,
	} {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWithoutALoggerWarningsGoToStderr$")
		child.Env = append(os.Environ(), "SIGNALBOX_TEST_STDERR="+mode)
		var said strings.Builder
		child.Stderr = &said
		if err := child.Run(); err != nil {
			t.Errorf("%s: %v\n%s", mode, err, said.String())
		}
		for _, each := range want {
			if !strings.Contains(said.String(), each) {
				t.Errorf("%s: stderr lacks %q:\n%s", mode, each, said.String())
			}
		}
		for line := range strings.Lines(said.String()) {
			if len(want) == 0 || !strings.Contains(line, "\tWARN\t") && !strings.Contains(line, "\tERROR\t") {
				t.Errorf("%s: stderr has the line %q", mode, line)
			}
		}
	}
}

// warn is a bot to which things happen that it warns of.
func warn(t *testing.T, opts ...shardmanager.Option) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		asked := 0
		g.OnDiscovery(func(w http.ResponseWriter) bool {
			asked++
			if asked == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return asked == 1
		})
		m, err := shardmanager.New("token", append(opts, shardmanager.WithGateway(g))...)
		if err != nil {
			t.Fatal(err)
		}
		defer closeNow(t, m)
		start(t, m)
		g.Shard(0).Drop()
		pass(time.Minute)
	})
}
