package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestRunSaysWhatItKnows: each run asks for members and gets them, and what only a gateway in this process can tell is not claimed of
// another.
func TestRunSaysWhatItKnows(t *testing.T) {
	t.Parallel()
	elsewhere := gatewaytest.NewServer(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2), gatewaytest.WithGuildsPerShard(1))
	for name, test := range map[string]struct {
		settings
		want []string
	}{
		"here": {settings{shards: 2}, []string{"violations seen by the gateway: 0\n", `events sent: \d+ `}},
		"elsewhere": {settings{api: elsewhere.APIURL}, []string{
			"violations seen by the gateway: not known\n", "events sent: not known ", "is not known here"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			test.length, test.compress = 500*time.Millisecond, events.CompressionZlib
			held, err := run(t.Context(), &out, test.settings)
			if err != nil || !held {
				t.Errorf("held %v, %v", held, err)
			}
			for _, want := range append(test.want, `by shard \d/2: [1-9]\d* members`, ` member-`, `send events: [1-9]\d* asked   [1-9]\d* answered   0 without`) {
				if !regexp.MustCompile(want).MatchString(out.String()) {
					t.Errorf("it does not say %q", want)
				}
			}
			if t.Failed() {
				t.Log(out.String())
			}
		})
	}
	t.Run("without a guild", func(t *testing.T) {
		t.Parallel()
		bare := gatewaytest.NewServer(t)
		var out bytes.Buffer
		if _, err := run(t.Context(), &out, settings{api: bare.APIURL, length: 100 * time.Millisecond}); err != nil {
			t.Error(err)
		}
		if !strings.Contains(out.String(), "No member was asked for") {
			t.Errorf("it does not say that nobody was asked:\n%s", out.String())
		}
	})
}
