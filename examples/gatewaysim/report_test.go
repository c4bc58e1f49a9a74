package main

import "testing"

// TestTraceHidesSecretsInOddPlaces, as in a payload of a client that is being written.
func TestTraceHidesSecretsInOddPlaces(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]string{
		`{"d":{"token":"canary","Session_ID":"canary"},"n":12345678901234567890}`: `{"d":{"Session_ID":"…","token":"…"},"n":12345678901234567890}`,
		`[{"token":"canary"},7]`:   `[{"token":"…"},7]`,
		`{"token":{"x":"canary"}}`: `{"token":"…"}`,
		`"canary"`:                 ``, `canary`: ``, ``: ``, `7`: `7`, `null`: `null`, `true`: `true`,
	} {
		if got := string(withoutSecrets([]byte(payload))); got != want {
			t.Errorf("%s is printed as %s, want %s", payload, got, want)
		}
	}
}
