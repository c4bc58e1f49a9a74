package cutover_test

import (
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/internal/cutover"
)

// TestGuildWhoseOldSessionIsGoneIsCut: what the new one has shown, and the old one has not, is delivered.
func TestGuildWhoseOldSessionIsGoneIsCut(t *testing.T) {
	t.Parallel()
	g := cutover.Begin[int](limits, epoch)
	at := epoch
	event := func(seq int64, print uint64) cutover.Event[int] {
		at = at.Add(time.Second)
		return cutover.Event[int]{Of: int(print), Seq: seq, Print: print, At: at}
	}
	g.Old(event(1, 10))
	g.New(event(1, 10))
	g.New(event(2, 20))
	g.Want()
	if g.CutFlagged(at, time.Minute); g.Phase() != cutover.Opening {
		t.Fatalf("cut though nothing is known of it: %v", g.Phase())
	}
	g.Suppose()
	if g.CutFlagged(at, time.Minute); g.Phase() != cutover.Cut || !g.Place().Flagged {
		t.Fatalf("%v, %+v", g.Phase(), g.Place())
	}
	if flows := g.Flow(); len(flows) != 1 || flows[0].Of != 20 {
		t.Errorf("%v flows", flows)
	}
}
