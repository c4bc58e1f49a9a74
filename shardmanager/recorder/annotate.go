package recorder

import (
	"context"
	"runtime/trace"

	"github.com/signalbox-go/signalbox/actors"
)

// category is under which runtime/trace shows what is written there.
const category = "signalbox"

// annotate writes what is seldom into an execution trace, if somebody has one taken: it never begins one, since a process has only one.
func annotate(key actors.Key, kind eventKind, from, to string) {
	if !trace.IsEnabled() {
		return
	}
	text := "shard " + key.String() + ": " + eventNames[kind]
	if from != "" {
		text += " " + from
	}
	if to != "" {
		text += " to " + to
	}
	trace.Log(context.Background(), category, text)
}
