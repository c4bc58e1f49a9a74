package session_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/session"
)

var meaning = map[session.State]string{
	session.Idle:          "not started",
	session.Connecting:    "dialling; 10 s at the most",
	session.AwaitingHello: "connected; the gateway has 10 s to say Hello",
	session.Queued:        "heartbeating, and waiting for a permit to Identify",
	session.Identifying:   "Identify is written; READY has 30 s to come",
	session.Resuming:      "Resume is written; what was missed comes again, and then RESUMED, each within 30 s of the last and all within 2 minutes",
	session.Ready:         "live: events come, send events go; to Ready again when the gateway begins another session by itself",
	session.Backoff:       "not connected; waiting to connect again; to Backoff again when the session is given up meanwhile",
	session.Closed:        "ended, for good",
}

// TestStateMachinePage keeps docs/state-machine.md the same as the table of legal moves.
func TestStateMachinePage(t *testing.T) {
	t.Parallel()
	const page = "../docs/state-machine.md"
	var b strings.Builder
	b.WriteString("# The state machine of a session\n\nThis page is written by a test from the table of legal moves in `session/state.go`; `make gen` writes it anew.\n")
	b.WriteString("Every transcript in `session/testdata` is a walk through it.\n\n```mermaid\nstateDiagram-v2\n    [*] --> Idle\n")
	for _, from := range session.States() {
		for _, to := range from.Next() {
			fmt.Fprintf(&b, "    %v --> %v\n", from, to)
		}
	}
	b.WriteString("    Closed --> [*]\n```\n\n| state | what it means |\n|---|---|\n")
	for _, state := range session.States() {
		fmt.Fprintf(&b, "| %v | %s |\n", state, meaning[state])
	}
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != b.String() {
		t.Errorf("%s is not current: run make gen (%v)", page, err)
	}
}
