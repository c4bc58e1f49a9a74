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
	for name, reserve := range map[string]func(){"grows": func() {}, "reserves": stack.Reserve4K} {
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
	for name, reserve := range map[string]func(){"4 KiB": stack.Reserve4K, "1 KiB": stack.Reserve1K} {
		if n := testing.AllocsPerRun(100, reserve); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
