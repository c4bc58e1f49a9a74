package actors_test

import (
	"fmt"
	"testing"

	"github.com/signalbox-go/signalbox/actors"
)

// TestWhatHasNoNameIsShownByItsNumber: a mode or a role that there is not is refused by a plan, and the error shows it.
func TestWhatHasNoNameIsShownByItsNumber(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		value fmt.Stringer
		want  string
	}{
		{actors.Run, "run"}, {actors.Release, "release"}, {actors.Release + 1, "5"}, {actors.Mode(-1), "-1"},
		{actors.Serving, "serving"}, {actors.Retiring, "retiring"}, {actors.Retiring + 1, "3"}, {actors.Role(-7), "-7"},
	} {
		if got := test.value.String(); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
