//go:build race

package sim_test

// usualSeeds are fewer under the race detector, which makes a run ten times as long.
const usualSeeds = 8

const raced = true
