// Package user judges gate from another package.
package user

import (
	"errors"
	"testing"

	"example.com/small/gate"
)

func TestEnter(t *testing.T) {
	g := &gate.Gate{}
	for range 3 {
		if err := g.Enter(); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Enter(); !errors.Is(err, gate.ErrFull) || g.In != 3 {
		t.Errorf("got %v, and %d are in", err, g.In)
	}
}

func TestLine(t *testing.T) {
	if line := gate.Line(); line != 80 {
		t.Errorf("line %d", line)
	}
}
