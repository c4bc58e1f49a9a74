package main

import (
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestQuickScenarios runs the quickest scenarios against signalbox, so that the gauntlet keeps
// building and means what it says. They take real time: they are the only ones here that do.
func TestQuickScenarios(t *testing.T) {
	for _, s := range scenarios {
		if !s.quick {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			o, err := s.run(libraries[0])
			if err != nil {
				t.Fatal(err)
			}
			if o.Verdict != passed {
				t.Errorf("%s: %s", o.Verdict, o.Figure)
			}
		})
	}
}

// TestNames: scenarios and libraries are chosen by names that are their own.
func TestNames(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, s := range scenarios {
		if seen[s.name] || s.limit == 0 || s.title == "" {
			t.Errorf("scenario %q is there twice, or has no limit or title", s.name)
		}
		seen[s.name] = true
	}
	if !named("burst,4004", "4004") || named("burst", "4004") || !named("", "4004") {
		t.Error("-only does not choose by name")
	}
}

// TestRecoveriesAreAGroup: make gauntlet stays short.
func TestRecoveriesAreAGroup(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		group, only    string
		slow, recovery bool
		want           bool
	}{
		{"", "", false, false, true},
		{"", "", true, false, true},
		{"", "", true, true, false},
		{"slow", "", false, false, false},
		{"slow", "", true, false, true},
		{"recovery", "", true, false, false},
		{"recovery", "", false, true, true},
		{"slow", "", true, true, false},
		{"alone", "", true, false, false},
		{"alone", "", false, true, true},
		{"recovery", "this", false, false, true},
		{"slow", "this", false, false, true},
		{"recovery", "other", false, true, false},
	} {
		if got := (scenario{name: "this", group: tt.group}).chosen(tt.only, tt.slow, tt.recovery); got != tt.want {
			t.Errorf("%+v: %t", tt, got)
		}
	}
}

// TestRecoveriesOfAFewShards are those of the table, but short. They take real time, as do those above.
func TestRecoveriesOfAFewShards(t *testing.T) {
	t.Parallel()
	for name, happens := range map[string]func(*fleet){
		"one after another": apart(6, 300*time.Millisecond, gatewaytest.Script.Drop),
		"again and again":   apart(4, 1200*time.Millisecond, gatewaytest.Script.Reconnect),
		"an outage":         outage(500 * time.Millisecond),
		"all at once":       cutAll(2, time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const shards, rest = 3, 3 * time.Second // a READY that was not read yet cannot be resumed
			o, err := recovery{shards, rest, happens, 10 * time.Second, 20 * time.Second}.run(libraries[0])
			if err != nil {
				t.Fatal(err)
			}
			if o.Verdict != passed {
				t.Errorf("%s: %s", o.Verdict, o.Figure)
			}
			t.Log(o.Figure)
		})
	}
}

// TestRecoveryIsJudged by its median, its longest, by who is missing, and by what it cost.
func TestRecoveryIsJudged(t *testing.T) {
	t.Parallel()
	took := []time.Duration{1 * time.Second, 2 * time.Second, 9 * time.Second}
	for _, tt := range []struct {
		took           []time.Duration
		missing, spent int
		half, most     time.Duration
		want           verdict
		figure         string
	}{
		{took, 0, 0, 2 * time.Second, 9 * time.Second, passed, "p50 2.000 s, p99 9.000 s, max 9.000 s; losses 3, Identifies spent 0"},
		{took, 0, 0, time.Second, 9 * time.Second, failed, "p50 2.000 s, p99 9.000 s, max 9.000 s; losses 3, Identifies spent 0"},
		{took, 0, 0, 2 * time.Second, 8 * time.Second, failed, "p50 2.000 s, p99 9.000 s, max 9.000 s; losses 3, Identifies spent 0"},
		{took, 0, 1, 2 * time.Second, 9 * time.Second, failed, "p50 2.000 s, p99 9.000 s, max 9.000 s; losses 3, Identifies spent 1"},
		{took, 1, 0, 2 * time.Second, 9 * time.Second, failed, "p50 2.000 s, p99 9.000 s, max 9.000 s; losses 4, Identifies spent 0, never back 1"},
		{nil, 5, 0, time.Hour, time.Hour, failed, "losses 5, none made good; Identifies spent 0"},
	} {
		if o := judgeRecovery(tt.took, tt.missing, tt.spent, tt.half, tt.most); o.Verdict != tt.want || o.Figure != tt.figure {
			t.Errorf("%+v: %+v", tt, o)
		}
	}
}

// TestShowTellsUnstableCells: a verdict that changes between runs is never shown as a pass.
func TestShowTellsUnstableCells(t *testing.T) {
	t.Parallel()
	runs := [][][]outcome{{{{failed, "once"}}}, {{{passed, "then"}}}}
	if got := show(0, 0, runs); got != "**unstable, passed 1 of 2** then" {
		t.Error(got)
	}
}
