package actors

import "testing"

// TestObserversThatAreNotThereCostNothing: not even the memory of what they would be told.
func TestObserversThatAreNotThereCostNothing(t *testing.T) {
	var all Observers
	change := StateChanged{}
	if n := testing.AllocsPerRun(100, func() { tell(all.state, ObserverState.OnState, change) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
