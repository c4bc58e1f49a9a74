package stack_test

import (
	"testing"

	"github.com/signalbox-go/signalbox/internal/stack"
)

// deep has frames enough that a young goroutine's stack grows on its way.
//
//go:noinline
func deep(n int, with [8]int) int {
	if n == 0 {
		return with[0]
	}
	with[n%8]++
	return deep(n-1, with) + with[1]
}

// BenchmarkGoroutine is what a goroutine costs that goes deep, as those of actors do.
func BenchmarkGoroutine(b *testing.B) {
	for name, reserve := range map[string]func(){"grows": func() {}, "reserves": stack.Reserve} {
		b.Run(name, func(b *testing.B) {
			done := make(chan int)
			for b.Loop() {
				go func() {
					reserve()
					done <- deep(14, [8]int{})
				}()
				<-done
			}
		})
	}
}

func TestReserveAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, stack.Reserve); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
