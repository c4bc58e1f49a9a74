// Package gate is mutated by the tests of the tool: it has a place for each operator.
package gate

import (
	"errors"
	"log/slog"
	"runtime"
	"time"
)

// Limit is a constant of the package: mutants of it are builds of their own.
const Limit = 3

// Wait is a duration.
const Wait = 5 * time.Second

// ErrFull is returned when the gate is full.
var ErrFull = errors.New("full")

// Gate lets some through.
type Gate struct {
	In  int
	log *slog.Logger
}

// Enter lets one in.
func (g *Gate) Enter() error {
	if g.In >= Limit {
		return ErrFull
	}
	g.In++
	return nil
}

// Odd sums what is odd: it has a label and a result that is assigned with := again.
func Odd(all []int) (sum int) {
	sum, left := 0, len(all)
outer:
	for _, n := range all {
		switch {
		case n < 0:
			break outer
		case n%2 == 0:
			continue
		}
		sum += n
		left--
		if left == 0 {
			break
		}
	}
	return sum
}

// First is the first that is neither negative nor too late.
func First(all []int) int {
next:
	for _, n := range all {
		if !(n >= 0) {
			continue next
		}
		return n
	}
	return -1
}

// Note only logs.
func (g *Gate) Note(loud bool) {
	g.log.Debug("asked", "left", Limit-g.In)
	if loud {
		g.log.Info("noted", "in", g.In+1)
	}
}

// Unused is run by no test.
func Unused(ready bool) bool { return ready && Wait > 0 }

// Line is where it stands: copies of its body move it.
func Line() int {
	_, _, line, _ := runtime.Caller(0)
	return line
}
