//go:build race

package shardmanager_test

// sizes divides what is large, under the race detector: it makes a run ten times as long, and sees in a small fleet what it sees in a large one.
const sizes = 5
