package session

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// quiet is a host that does nothing.
type quiet struct{}

func (quiet) Connect(uint64, events.Secret)             {}
func (quiet) Write(uint64, events.Opcode, []byte) error { return nil }
func (quiet) Close(uint64, events.CloseCode)            {}
func (quiet) Enqueue(uint64)                            {}
func (quiet) Dequeue(uint64)                            {}
func (quiet) Wake(time.Time)                            {}
func (quiet) Deliver(events.Raw, events.Meta) bool      { return false }
func (quiet) Part(uint64, events.Raw) bool              { return false }
func (quiet) Ended(Outcome)                             {}
func (quiet) Latency(_, _ time.Duration)                {}
func (quiet) Changed(Change)                            {}
func (quiet) Odd(error)                                 {}

// TestBecome tries every move there could be: the legal ones pass, the others panic.
func TestBecome(t *testing.T) {
	t.Parallel()
	for _, from := range States() {
		for _, to := range States() {
			m := &Machine{cursor: new(Cursor), host: quiet{}, state: from}
			var panicked any
			func() {
				defer func() { panicked = recover() }()
				m.become(to, time.Time{}, Change{})
			}()
			if legal := slices.Contains(from.Next(), to); legal != (panicked == nil) || legal && m.state != to || !legal && m.state != from {
				t.Errorf("%v → %v: legal %v, panic %v, now %v", from, to, legal, panicked, m.state)
			}
			if text, ok := panicked.(string); panicked != nil && (!ok || !strings.HasPrefix(text, "session: ")) {
				t.Errorf("panic: %v", panicked)
			}
		}
	}
}

// TestEveryInputIsDecided: the table has a decision for each kind of input in each state.
func TestEveryInputIsDecided(t *testing.T) {
	t.Parallel()
	if len(reactions) != len(kindNames) || Reidentify != InputKind(len(kindNames)-1) {
		t.Errorf("%d kinds of input have a row of reactions, %d a name, and the last is %d", len(reactions), len(kindNames), Reidentify)
	}
	for kind, row := range reactions {
		for state, react := range row {
			if react == nil {
				t.Errorf("nothing says what %v does in %v", InputKind(kind), State(state))
			}
		}
	}
}
