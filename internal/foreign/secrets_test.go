package foreign_test

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/internal/foreign"
)

type badError struct{}

func (badError) Error() string { panic("of this one as well") }

// TestTextWithoutTellsWhatAnErrorSays, and no secret: however it is written, and no part of it that is of use.
func TestTextWithoutTellsWhatAnErrorSays(t *testing.T) {
	t.Parallel()
	const secret = "MTk4NjIyNDgz.Cl2FMQ.ZnCjm1XVW7vRze4b/7Cq4se7kKWs"
	for name, c := range map[string]struct {
		reason any
		want   string
	}{
		"an error":           {errors.New("the database is gone"), "*errors.errorString: the database is gone"},
		"a string":           {"the database is gone", "a string, not shown"},
		"a number":           {7, "a value of type int, not shown"},
		"its Error panics":   {badError{}, "foreign_test.badError"},
		"a runtime error":    {func() (r any) { defer func() { r = recover() }(); _ = []int{}[len(secret)]; return nil }(), "runtime error: index out of range [48] with length 0"},
		"the secret":         {errors.New("GET " + secret + ": no"), "*errors.errorString: GET [secret]: no"},
		"a short one, whole": {errors.New("it is tok."), "*errors.errorString: it is [secret]."},
		"in a URL":           {errors.New("?t=" + url.QueryEscape(secret) + "&v=10"), "*errors.errorString: ?t=[secret]&v=10"},
		"a part":             {errors.New("ends in " + secret[len(secret)-12:]), "*errors.errorString: ends in [secret]"},
		"long":               {errors.New(strings.Repeat("x", 1000)), "*errors.errorString: " + strings.Repeat("x", 256-len("*errors.errorString: ")) + "…"},
	} {
		if got := foreign.TextWithout(c.reason, secret, "tok"); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for before := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte("bot"[:before] + secret))
		got := foreign.Without(text, secret)
		for i := 0; i+12 <= len(text); i++ {
			if part := text[i : i+12]; strings.Contains(got, part) && i > 8 {
				t.Errorf("%q is left of %q: %q", part, text, got)
			}
		}
	}
	if got := foreign.Without("nothing of it", "", secret); got != "nothing of it" {
		t.Errorf("%q", got)
	}
}
