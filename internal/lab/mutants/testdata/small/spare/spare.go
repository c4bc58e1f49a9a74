// Package spare has little that can be mutated.
package spare

// Room is for as many as fit.
func Room(n int) []int { return make([]int, n, 16) }
