package actors

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"time"
)

func numbered(n uint64) (change StateChanged) {
	change.Conn = n
	return change
}

// TestWatchGoesOnWhereItWasLeft: a second range over the sequence is not silent, and misses nothing that came between.
func TestWatchGoesOnWhereItWasLeft(t *testing.T) {
	t.Parallel()
	var c changes
	done := make(chan struct{})
	c.add(numbered(1)) // before anybody watches
	seq := c.watch(t.Context(), done)
	for n := range uint64(6) {
		c.add(numbered(n + 2))
	}
	var seen []uint64
	take := func(most int) {
		for change := range seq {
			if seen = append(seen, change.Conn); most == 1 {
				return
			}
			most--
		}
	}
	take(2)
	c.add(numbered(8))
	take(1)
	close(done)
	take(100)
	if want := []uint64{2, 3, 4, 5, 6, 7, 8}; !slices.Equal(seen, want) {
		t.Errorf("%v, want %v", seen, want)
	}
}

// TestWatcherThatPanicsLosesOneChange: whoever recovers and ranges again goes on with the next.
func TestWatcherThatPanicsLosesOneChange(t *testing.T) {
	t.Parallel()
	var c changes
	done := make(chan struct{})
	seq := c.watch(t.Context(), done)
	for n := range uint64(3) {
		c.add(numbered(n + 1))
	}
	close(done)
	var seen []uint64
	func() {
		defer func() { _ = recover() }()
		for change := range seq {
			panic(change)
		}
	}()
	for change := range seq {
		seen = append(seen, change.Conn)
	}
	if !slices.Equal(seen, []uint64{2, 3}) {
		t.Errorf("seen afterwards: %d", seen)
	}
}

// TestWatchThatIsNeverRangedOverKeepsNothing, once nobody can range over it any more.
func TestWatchThatIsNeverRangedOverKeepsNothing(t *testing.T) {
	t.Parallel()
	var c changes
	kept := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.latest)
	}
	seq := c.watch(context.Background(), nil)
	c.add(numbered(1))
	if kept() != 1 {
		t.Fatal("nothing is kept for one who watches")
	}
	runtime.KeepAlive(seq)
	seq = nil
	for deadline := time.Now().Add(10 * time.Second); kept() > 0; {
		if time.Now().After(deadline) {
			t.Fatal("what nobody will see is kept")
		}
		runtime.GC()
		runtime.Gosched()
	}
	if c.add(numbered(2)); kept() != 0 {
		t.Error("more is kept")
	}
	_ = seq
}
