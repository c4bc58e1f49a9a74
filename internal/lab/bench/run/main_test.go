package main

import (
	"os"
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
	for _, name := range []string{"gateway", "floor", "signalbox", "actors.test"} {
		if _, err := os.Stat(dir + "/" + name); err != nil {
			t.Error(err)
		}
	}
}
