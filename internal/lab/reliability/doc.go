// Package reliability keeps docs/reliability.md: which failure is covered by which test. A test says so
// itself, in the last line of its comment:
//
//	// Failures: F16, F18.
//
// The failures are in entries.txt. The page is written by the package's test.
package reliability
