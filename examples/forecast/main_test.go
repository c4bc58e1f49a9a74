package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestForecastsComeTrue in virtual time, and what is printed says so.
func TestForecastsComeTrue(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]int{"as foreseen": atOnce, "fewer at once": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				gateway := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(keys))
				var out bytes.Buffer
				if err := tell(t.Context(), &out, gateway); err != nil {
					t.Errorf("%v", err)
				}
				said := out.String()
				for _, want := range []string{"cold start of 24 shards: ", "recovery of 24 shards: 2.3s, no Identify, 24 Resumes", "rolling restart of 24 shards: ", "reshard to 48 shards: ", "976 of 1000 left"} {
					if !strings.Contains(said, want) {
						t.Errorf("it does not say %q:\n%s", want, said)
					}
				}
				if strings.Count(said, "  holds\n") != 3 {
					t.Errorf("%s", said)
				}
			})
		})
	}
}

// TestForecastThatDoesNotHoldIsSaid: somebody else restarts a shard meanwhile, so that a Resume is more than was foreseen.
func TestForecastThatDoesNotHoldIsSaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gateway := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(atOnce))
		var once sync.Once
		gateway.OnEntry(func(e gatewaytest.Entry) {
			if e.Kind == gatewaytest.Resumed && e.Shard.Index == 3 {
				once.Do(func() { go gateway.Shard(3).Drop() })
			}
		})
		var out bytes.Buffer
		if err := tell(t.Context(), &out, gateway); err == nil || !strings.Contains(out.String(), "DOES NOT HOLD") {
			t.Errorf("%v\n%s", err, out.String())
		}
	})
}
