package transport_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/internal/transport"
)

// TestAlertsThatPassAreNoProblemOfSettings: a server that has no memory left for a moment is asked again.
func TestAlertsThatPassAreNoProblemOfSettings(t *testing.T) {
	t.Parallel()
	for text, passes := range map[string]bool{
		"internal error": true, "user canceled": true, "bad record MAC": true,
		"certificate required": false, "protocol version not supported": false, "handshake failure": false,
	} {
		got := transport.TLSProblem(&net.OpError{Op: "remote error", Err: errors.New("tls: " + text)})
		if passes != (got == "") || !passes && !strings.Contains(got, text) {
			t.Errorf("%s: %q", text, got)
		}
	}
}
