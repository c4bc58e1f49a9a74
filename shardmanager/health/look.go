package health

import (
	"context"
	"errors"
	"strings"

	"github.com/signalbox-go/signalbox/internal/foreign"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// looked is how a Manager as a whole stands.
type looked struct {
	alive bool
	state State  // "": it runs, and its shards say more
	text  string // why it does not; "": it does
}

const mostText = 200 // bytes of an error

// errAsked ends the context of a question that is to wait for nothing.
var errAsked = errors.New("asked")

// look asks a Manager what waits for nobody, and costs nothing.
func look(m *shardmanager.Manager) looked {
	phase := m.Phase()
	ends := m.Err()
	switch phase {
	case shardmanager.PhaseClosed:
		switch {
		case errors.Is(ends, shardmanager.ErrHandedOver):
			return looked{false, HandedOver, "the process that follows has all shards, and this Manager has ended: end the process"}
		case ends != nil:
			return looked{false, Closed, "it has ended, and says: " + oneLine(ends)}
		}
		return looked{false, Closed, "it was closed: start another Manager, or end the process"}
	case shardmanager.PhaseNotStarted:
		return looked{true, NotStarted, "Start was not called yet"}
	case shardmanager.PhaseStarting:
		if m.Supervisor() == nil {
			return looked{true, Starting, startText(m.WaitReady(asked()))}
		}
		return looked{alive: true}
	case shardmanager.PhaseRunning:
		return looked{alive: true}
	}
	switch {
	case errors.Is(ends, shardmanager.ErrHandedOver):
		return looked{true, HandedOver, "the process that follows has all shards, and this Manager ends"}
	case ends != nil:
		return looked{false, Closing, "it cannot go on, and ends: " + oneLine(ends)}
	}
	return looked{true, Closing, "it was asked to end: handlers finish what they have, and sessions are saved"}
}

// asked is a context that has ended.
func asked() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errAsked)
	return ctx
}

// startText is why Start has not come further, of what WaitReady says.
func startText(err error) string {
	if err != nil {
		if _, why, found := strings.Cut(oneLine(err), errAsked.Error()+": "); found {
			return why
		}
	}
	return "Start goes on"
}

// oneLine is the text of an error on one line, of bounded length. It may be the user's code.
func oneLine(err error) (text string) {
	if foreign.Call("Error", func() error { text = err.Error(); return nil }) != nil {
		return "an error whose text cannot be read"
	}
	if len(text) > mostText {
		text = text[:mostText-len("…")] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}
