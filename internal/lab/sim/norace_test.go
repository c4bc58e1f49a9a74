//go:build !race

package sim_test

const usualSeeds = 40

const raced = false
