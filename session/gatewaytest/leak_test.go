package gatewaytest_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when a goroutine outlives the tests of this package.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
