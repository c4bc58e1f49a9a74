//go:build !race

package shardmanager_test

const sizes = 1
