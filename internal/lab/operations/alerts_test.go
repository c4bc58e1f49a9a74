package operations_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestEachAlertIsFiredByItsFaultAlone: a bot lives through the fault of each alert; that alert fires, and no other.
func TestEachAlertIsFiredByItsFaultAlone(t *testing.T) {
	t.Parallel()
	all := rules(t)
	wanted := make(map[string]bool)
	for _, rule := range all {
		for _, name := range names(t, rule.Expr) {
			wanted[name] = true
		}
		if _, there := faults[rule.Alert]; !there {
			t.Errorf("%s has no fault that fires it", rule.Alert)
		}
	}
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want []string
			if name != nothing {
				want = []string{name}
			}
			samples := live(t, f, wanted)
			firing := fired(t, all, samples)
			if got := slices.Sorted(maps.Keys(firing)); !slices.Equal(got, want) {
				t.Errorf("fired: %v, want %v", got, want)
			}
			for alert, at := range firing {
				if after := at.Sub(samples[0].at); after < 9*time.Minute && !f.unready {
					t.Errorf("%s fires before anything is wrong, after %v", alert, after)
				}
			}
		})
	}
}

// TestAlertsSayWhatToDo: each has a severity, and says what is so, what it means, and what to do.
func TestAlertsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for _, rule := range rules(t) {
		if s := rule.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity %q", rule.Alert, s)
		}
		for _, name := range []string{"summary", "description", "action"} {
			if !strings.HasSuffix(rule.Annotations[name], ".") {
				t.Errorf("%s: its %s is no sentence: %q", rule.Alert, name, rule.Annotations[name])
			}
		}
		if !strings.HasPrefix(rule.Alert, "Signalbox") {
			t.Errorf("%s: it does not say whose it is", rule.Alert)
		}
	}
}
