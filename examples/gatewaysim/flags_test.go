package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

func noEnvironment(string) string { return "" }

// TestMistakenFlags: flags that are unknown, wrong or contradictory end it with status 2, before anything starts, and the text says what to do.
func TestMistakenFlags(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"-shrads 4":   "there is no flag -shrads: -help lists them",
		"-shards x":   "-help shows how it is written",
		"-shards":     "flag needs an argument: -shards: -help shows how it is written",
		"-shards 0":   "-shards: recommend at least 1",
		"-members -1": "-members: give 0 or more", "-heartbeat 0s": "-heartbeat: Hello tells milliseconds", "-replay -1": "-replay: give 0",
		"-resume-timeout -1s": "-resume-timeout: give 0", "-guilds -1": "-guilds: give 0", "-max-concurrency 0": "-max-concurrency: give at least 1", "-budget -1": "-budget: no number",
		"shards 4":                       `"shards" is no flag: flags begin with a hyphen`,
		"-intents GUILDZ":                `"GUILDZ" is no intent`,
		"-intents 131072":                `"131072" is no intent`,
		"-budget 5,6":                    "such as 1000,5,1h",
		"-budget 5,5,1h,1":               "such as 1000,5,1h",
		"-call-limit 5":                  "such as 5/2s",
		"-call-limit 0/1s":               "such as 5/2s",
		"-for -1s":                       "-for is negative",
		"-events -1":                     "-events is negative",
		"-events 1 -guilds 0":            "give -guilds and -members at least 1",
		"-say x -members 0":              "give -guilds and -members at least 1",
		"-say x -events 0":               "-say says nothing with -events 0",
		"-say=":                          "-say is empty",
		"-quiet -trace":                  "-quiet and -trace exclude each other",
		"-tls -tls-cert a -tls-key b":    "-tls and -tls-cert exclude each other",
		"-tls-cert a":                    "-tls-cert needs -tls-key as well",
		"-tls-key a":                     "-tls-key needs -tls-cert as well",
		"-tls-host a":                    "-tls-host needs -tls as well",
		"-tls-ca a":                      "-tls-ca needs -tls as well",
		"-tls-cert /no/a -tls-key /no/b": "-tls-cert and -tls-key: open /no/a",
		"-tls -tls-host https://a":       `"https://a" is no host for a certificate`,
		"-tls -tls-ca /no/such/ca.pem":   "-tls-ca: open /no/such/ca.pem",
		"-token a -token-file b":         "-token and -token-file exclude each other",
		"-token-file /no/such/token":     "-token-file: open /no/such/token",
		"-token-file " + empty:           "-token-file gives no token",
		"-token=":                        "-token is empty",
		"-public-url=":                   "-public-url is empty: give a value, or leave it out",
		"-scenario=":                     "-scenario is empty",
		"-tls -tls-ca=":                  "-tls-ca is empty",
		"-tls -tls-host=":                "-tls-host is empty",
		"-control-token=":                "-control-token is empty",
		"-public-url https://a":          "-public-url: it is no URL of a gateway",
		"-addr 192.0.2.1:1":              "-addr: listen tcp 192.0.2.1:1",
	} {
		var stdout, stderr bytes.Buffer
		if status := run(t.Context(), append([]string{"-addr", "127.0.0.1:0", "-control="}, strings.Fields(args)...), noEnvironment, &stdout, &stderr); status != unusable {
			t.Errorf("%s: status %d", args, status)
		}
		if text := stderr.String(); !strings.HasPrefix(text, "gatewaysim: ") || !strings.Contains(text, want) || strings.Count(text, "\n") != 1 || stdout.Len() > 0 {
			t.Errorf("%s: it says %q, want %q", args, text, want)
		}
	}
}

// TestFlagsAreTaken: what each flag says is in the options.
func TestFlagsAreTaken(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{
		"-budget", "10,5,1h", "-intents", "all,-GUILD_MEMBERS,-guild_presences", "-call-limit", "5/2s", "-tls", "-tls-host", "a.test,b.test", "-tls-host", "c.test", "-say", "!ping",
	}, noEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	if o.budget != (budget{10, 5, time.Hour}) || events.Intents(o.intents) != events.IntentsAll&^events.IntentGuildMembers&^events.IntentGuildPresences ||
		o.calls != (callLimit{5, 2 * time.Second}) || o.tlsHosts.String() != "a.test,b.test,c.test" || o.say != "!ping" || o.events != 1 {
		t.Errorf("the options are %+v", o)
	}
	for text, want := range map[string]events.Intents{
		"none": 0, "0": 0, "513": 513, "GUILDS,GUILD_MESSAGES": 513, "1,512": 513, "513,-GUILDS": 512, "ALL": events.IntentsAll, "33280": 1<<15 | 1<<9,
	} {
		var got intents
		if err := got.Set(text); err != nil || events.Intents(got) != want {
			t.Errorf("-intents %s: %v, %v", text, got, err)
		}
		var again intents // as -help shows it
		if err := again.Set(got.String()); err != nil || again != got {
			t.Errorf("-intents %s is shown as %s", text, got.String())
		}
	}
	for text, want := range map[string]budget{"7": {7, 7, 24 * time.Hour}, "7,0": {7, 0, 24 * time.Hour}, "7,7,30s": {7, 7, 30 * time.Second}} {
		var got budget
		if err := got.Set(text); err != nil || got != want {
			t.Errorf("-budget %s: %+v, %v", text, got, err)
		}
	}
}

// TestToken: the token comes from the flag, a file or the environment, in this order, and no text shows it.
func TestToken(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("of-the-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := func(name string) string {
		return map[string]string{"GATEWAYSIM_TOKEN": "of-the-environment"}[name]
	}
	for _, test := range []struct {
		args   []string
		getenv func(string) string
		want   string
	}{
		{nil, noEnvironment, ""}, {nil, environment, "of-the-environment"}, {[]string{"-token", "of-the-flag"}, environment, "of-the-flag"},
		{[]string{"-token-file", file}, environment, "of-the-file"},
	} {
		if o, err := parse(test.args, test.getenv); err != nil || o.token != test.want {
			t.Errorf("%q: %v", test.args, err)
		}
	}
	for _, args := range [][]string{{"-token", "Bot canary"}, {"-token", "canary canary"}, {"-control-token", "Bearer canary"}} {
		var stdout, stderr bytes.Buffer
		if status := run(t.Context(), args, noEnvironment, &stdout, &stderr); status != unusable || strings.Contains(stderr.String()+stdout.String(), "canary") {
			t.Errorf("%q: status %d, %s%s", args, status, &stdout, &stderr)
		}
	}
}

// TestHelp: -help has every flag and the exit statuses, -version a version, and both end it well.
func TestHelp(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{"-help": "Exit status: 0", "-h": "-resume-timeout duration", "-version": "gatewaysim "} {
		var stdout, stderr bytes.Buffer
		if status := run(t.Context(), []string{arg}, noEnvironment, &stdout, &stderr); status != 0 || !strings.Contains(stdout.String(), want) || stderr.Len() > 0 {
			t.Errorf("%s: status %d, %s%s", arg, status, &stdout, &stderr)
		}
	}
}
