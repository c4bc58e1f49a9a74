// Package javascript checks what the bot's test is made of.
package javascript

import (
	"os"
	"testing"

	"github.com/signalbox-go/signalbox/session/gatewaytest/control"
)

// TestScenario: the bot's scenario can be used.
func TestScenario(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("scenario.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := control.ParseScenario(data); err != nil {
		t.Error(err)
	}
}
