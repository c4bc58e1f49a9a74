package main

import (
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestWhereItIsComesFirst, also where a client is quicker.
func TestWhereItIsComesFirst(t *testing.T) {
	t.Parallel()
	server, err := gatewaytest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	var printed strings.Builder
	r := newReport(&printed, new(options))
	r.entry(gatewaytest.Entry{Kind: gatewaytest.Violated, Conn: 1, Text: "early"})
	r.listening(server)
	r.entry(gatewaytest.Entry{Kind: gatewaytest.Violated, Conn: 1, Text: "late"})
	r.close()
	if lines := strings.Split(printed.String(), "\n"); len(lines) != 5 || !strings.HasPrefix(lines[0], "REST base") || !strings.HasSuffix(lines[2], "early") || !strings.HasSuffix(lines[3], "late") {
		t.Errorf("%q", lines)
	}
}

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
