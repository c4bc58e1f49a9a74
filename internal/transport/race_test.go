//go:build race

package transport_test

// sizes divides what is large, under the race detector, which makes a run ten times as long.
const sizes = 5
