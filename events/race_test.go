//go:build race

package events_test

// raced: the race detector is on, and makes a run ten times as long.
const raced = true
