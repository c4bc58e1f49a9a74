//go:build !race

package transport_test

const sizes = 1
