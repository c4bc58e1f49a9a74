package main

import (
	"os"
	"strings"
	"testing"
)

// TestProgramsOfTheBenchmarksBuild: all that a run starts is there.
func TestProgramsOfTheBenchmarksBuild(t *testing.T) {
	t.Chdir("..")
	dir, err := build(t.Context())
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gateway", "floor", "signalbox", "observed", "actors.test"} {
		if _, err := os.Stat(dir + "/" + name); err != nil {
			t.Error(err)
		}
	}
}

// TestAgainstComparesThisLibraryAlone: each of its clients with the same one of the older commit, and no metric is left out.
func TestAgainstComparesThisLibraryAlone(t *testing.T) {
	for _, s := range sections() {
		pairs, left := s.against()
		if !left {
			continue
		}
		if len(pairs.clients)%2 != 0 || len(pairs.goals) != len(pairs.clients)/2*len(s.metrics) {
			t.Errorf("%s: %d clients, %d goals", s.name, len(pairs.clients), len(pairs.goals))
		}
		for i := 0; i < len(pairs.clients); i += 2 {
			if old, now := pairs.clients[i], pairs.clients[i+1]; old.command != before+"/"+now.command || old.label == now.label {
				t.Errorf("%s: %v beside %v", s.name, old, now)
			}
		}
	}
}

// TestInterval: of 20 values it leaves out five at each end, as tables of the sign test say; of 6 none; of 50 seventeen.
func TestInterval(t *testing.T) {
	for n, left := range map[int]int{1: 0, 5: 0, 6: 0, 9: 1, 20: 5, 50: 17} {
		var list []float64
		for i := range n {
			list = append(list, float64(n-i))
		}
		if low, high := interval(list); low != float64(1+left) || high != float64(n-left) {
			t.Errorf("of 1 to %d: %v to %v", n, low, high)
		}
	}
}

// TestGoalWithoutAFigureIsNotHeld: a client that prints no such metric would meet any bound.
func TestGoalWithoutAFigureIsNotHeld(t *testing.T) {
	s := section{clients: []client{{"it", "it"}}}
	if row := s.judge(goal{"CPU", "cpu", "it", "", "≤", 2}, [][]result{{{}}}); !strings.Contains(row, "not measured") {
		t.Error(row)
	}
}
