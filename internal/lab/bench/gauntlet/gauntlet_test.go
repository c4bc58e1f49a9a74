package main

import "testing"

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

// TestShowTellsUnstableCells: a verdict that changes between runs is never shown as a pass.
func TestShowTellsUnstableCells(t *testing.T) {
	t.Parallel()
	runs := [][][]outcome{{{{failed, "once"}}}, {{{passed, "then"}}}}
	if got := show(0, 0, runs); got != "**unstable, passed 1 of 2** then" {
		t.Error(got)
	}
}
