package foreign_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/internal/foreign"
)

// TestCallTellsHowItEnded: an error as it is, and else what panicked, without what may be secret.
func TestCallTellsHowItEnded(t *testing.T) {
	t.Parallel()
	own := errors.New("own")
	var none []int
	for _, c := range []struct {
		do   func() error
		want string
	}{
		{func() error { return own }, "own"},
		{func() error { panic("a secret") }, "it panicked: a string, not shown"},
		{func() error { panic(struct{ token string }{"a secret"}) }, "it panicked: a value of type struct { token string }, not shown"},
		{func() error { panic(errors.New("a secret")) }, "it panicked: *errors.errorString"},
		{func() error { panic("actors: ours") }, "it panicked: actors: ours"},
		{func() error { _ = none[3]; return nil }, "it panicked: runtime error: index out of range [3] with length 0"},
		{func() error { runtime.Goexit(); return nil }, "it panicked: runtime.Goexit was called"},
		{func() error { panic("actors: " + strings.Repeat("x", 1000)) }, "it panicked: actors: " + strings.Repeat("x", 248) + "…"},
	} {
		if err := foreign.Call("it", c.do); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	if err := foreign.Call("it", func() error { return nil }); err != nil {
		t.Error(err)
	}
}

// TestCatchIsForPanicsAlone: what did not panic keeps its error.
func TestCatchIsForPanicsAlone(t *testing.T) {
	t.Parallel()
	own := errors.New("own")
	call := func(f func() error) (err error) {
		defer foreign.Catch("it", &err)
		return f()
	}
	if err := call(func() error { return own }); !errors.Is(err, own) {
		t.Error(err)
	}
	var panicked *foreign.PanicError
	if err := call(func() error { panic(own) }); !errors.As(err, &panicked) || errors.Is(err, own) {
		t.Error(err)
	}
}
