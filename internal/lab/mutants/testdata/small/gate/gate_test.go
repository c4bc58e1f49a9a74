package gate

import "testing"

func TestFirst(t *testing.T) {
	if got := First([]int{-1, 4, 5}); got != 4 {
		t.Errorf("got %d", got)
	}
	if got := First(nil); got != -1 {
		t.Errorf("got %d", got)
	}
}

func TestOdd(t *testing.T) {
	if got := Odd([]int{1, 2, 3, -1, 5}); got != 4 {
		t.Errorf("got %d", got)
	}
}
