package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestCutOffErrorSaysWhatWasLeft, and what to do: it counts all events, names five handlers at the most, and says that the rest goes on only
// where it does.
func TestCutOffErrorSaysWhatWasLeft(t *testing.T) {
	t.Parallel()
	handlers := func(n int) (all []shardmanager.CutOff) {
		for i := range n {
			all = append(all, shardmanager.CutOff{Handler: fmt.Sprintf("handler-%d", i+1), Running: 1, Waiting: i})
		}
		return all
	}
	unsaved := &shardmanager.UnsavedError{Shards: 3, Err: errors.New("disk full")}
	const drain, background, store = "(WithDrain)", "goes on in the background", "the sessions of 3 shards were not saved as they ended: disk full"
	for name, c := range map[string]struct {
		err    *shardmanager.CutOffError
		says   []string
		silent []string
		causes []error
	}{
		"nothing":       {&shardmanager.CutOffError{}, []string{"shardmanager: closed"}, []string{drain, background, "saved", "handled"}, nil},
		"one event":     {&shardmanager.CutOffError{Handlers: handlers(1)}, []string{"1 event was not handled, of handler-1 (1 in hand, 0 waited): ", drain}, []string{background, "saved", "others"}, nil},
		"five handlers": {&shardmanager.CutOffError{Handlers: handlers(5)}, []string{"15 events were not handled, of handler-1 (1 in hand, 0 waited), ", "handler-5 (1 in hand, 4 waited): ", drain}, []string{background, "others"}, nil},
		"more": {
			&shardmanager.CutOffError{Handlers: handlers(7)}, []string{"28 events were not handled, of handler-1 (1 in hand, 0 waited), ", "handler-5 (1 in hand, 4 waited), 2 others: ", drain},
			[]string{background, "handler-6", "handler-7"}, nil,
		},
		"a store that fails": {&shardmanager.CutOffError{Unsaved: unsaved}, []string{store}, []string{drain, background}, []error{unsaved, unsaved.Err}},
		"a context that ended": {
			&shardmanager.CutOffError{Err: context.Canceled}, []string{background, "the context of Close has ended (give it one of its own): context canceled"},
			[]string{drain, "saved"}, []error{context.Canceled},
		},
		"all of it": {&shardmanager.CutOffError{handlers(2), unsaved, context.Canceled}, []string{"3 events were", drain, store, background, "context canceled"}, nil, []error{unsaved, unsaved.Err, context.Canceled}},
	} {
		text := c.err.Error()
		for _, part := range c.says {
			if !strings.Contains(text, part) {
				t.Errorf("%s: %q does not say %q", name, text, part)
			}
		}
		for _, part := range c.silent {
			if strings.Contains(text, part) {
				t.Errorf("%s: %q says %q", name, text, part)
			}
		}
		for _, cause := range c.causes {
			if !errors.Is(c.err, cause) {
				t.Errorf("%s: %v is no cause", name, cause)
			}
		}
		if n := len(c.err.Unwrap()); (n == 0) != (len(c.causes) == 0) {
			t.Errorf("%s: %d causes", name, n)
		}
	}
}
