package actors

import (
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/tap"
)

// counting is a tap, and an observer, that counts what it hears.
type counting struct {
	n       int
	secrets tap.Secrets
}

func (c *counting) Begin(s tap.Secrets)                   { c.secrets = s }
func (c *counting) Open(events.ShardKey, uint64) tap.Conn { c.n++; return c }
func (c *counting) Read(time.Time, []byte)                { c.n++ }
func (c *counting) Write(events.Opcode, []byte)           { c.n++ }
func (c *counting) Lost(error)                            { c.n++ }
func (c *counting) Closed(events.CloseCode)               { c.n++ }
func (c *counting) OnCrash(ShardCrashed)                  { c.n++ }

// TestNobodyListensForNothing: without a tap, connections allocate nothing for one.
func TestNobodyListensForNothing(t *testing.T) {
	o := NewObservers(zap.NewNop())
	n := testing.AllocsPerRun(100, func() {
		if o.open(Key{}, 1) != nil {
			t.Error("somebody listens")
		}
		o.begin(nil)
		tell(o.crash, ObserverCrash.OnCrash, ShardCrashed{})
	})
	if n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}

// TestTapIsCalledWhereItHappens, also for what it observes, while another observer has a lane.
func TestTapIsCalledWhereItHappens(t *testing.T) {
	t.Parallel()
	c := new(counting)
	o := NewObservers(zap.NewNop(), c)
	l := newLink(Key{}, 1, nil, nil, &dialer{observers: o})
	tell(o.crash, ObserverCrash.OnCrash, ShardCrashed{})
	Tell(o, func(h ObserverCrash) { h.OnCrash(ShardCrashed{}) })
	if l.close(0); c.n != 4 {
		t.Errorf("it has heard %d times, want 4", c.n)
	}
	if l.close(0); c.n != 4 || o.Missed() != 0 {
		t.Error("an end is told twice")
	}
	if l.lose(nil); c.n != 4 {
		t.Error("what comes from a connection that is not wanted any more is told")
	}
}
