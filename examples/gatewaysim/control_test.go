package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

func scenario(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "scenario.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestExitStatus: how a run ends says how the bot did.
func TestExitStatus(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, scenario string
		misbehaves     bool
		status         int
	}{
		{"all is well", "- at: 10s\n  expect: {violations: 0, connections: 1}", false, 0},
		{"a violation", "- at: 10s\n  expect: {connections: 1}", true, 1},
		{"a step fails", "- wait: ready\n  within: 10s", false, 3},
		{"no scenario", "", false, 0},
		{"no scenario, and a violation", "", true, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := &outside{tell: func(_, line string) { t.Log(line) }}
			if test.scenario != "" {
				o.file = scenario(t, test.scenario)
			}
			if err := o.prepare(); err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				server := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork())
				dialer := websocket.Dialer{NetDialContext: server.DialContext}
				ws, _, err := dialer.DialContext(t.Context(), server.URL+"/?v=10&encoding=json", nil)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = ws.Close() }) // it has served
				if test.misbehaves {
					if err := ws.WriteMessage(websocket.TextMessage, []byte(`{"op":99}`)); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				if status := o.run(ctx, server, func(ctx context.Context) { <-ctx.Done() }); status != test.status {
					t.Errorf("the status is %d, want %d: %v", status, test.status, server.Violations())
				}
			})
		})
	}
}

func TestWhatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		o    outside
		says string
	}{
		{outside{file: "nowhere.yaml"}, "-scenario: open nowhere.yaml"},
		{outside{file: scenario(t, "- do: drop\n- do: drop\n  shard: -1")}, "line 1: drop: shard: it is missing"},
		{outside{addr: "0.0.0.0:0"}, "set a token, or listen on 127.0.0.1 (flags -control and -control-token"},
	} {
		if err := test.o.prepare(); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%+v: %v, want %s", test.o, err, test.says)
		}
	}
}

// TestControlAddress: what is printed can be opened, also where the port is on every address.
func TestControlAddress(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"127.0.0.1:0", "0.0.0.0:0", "localhost:0"} {
		told := make(map[string]string)
		o := &outside{addr: addr, token: "s3cret", tell: func(kind, line string) { told[kind] = line }}
		if err := o.prepare(); err != nil {
			t.Fatal(err)
		}
		server, err := gatewaytest.Start()
		if err != nil {
			t.Fatal(err)
		}
		o.run(t.Context(), server, func(context.Context) {})
		if !strings.HasPrefix(told["control"], "control    http://127.0.0.1:") || strings.Contains(told["control"], "s3cret") {
			t.Errorf("%s: %q", addr, told["control"])
		}
	}
}

// TestScenarioThatIsTooLong: what has stopped it is said in the words of the flags.
func TestScenarioThatIsTooLong(t *testing.T) {
	t.Parallel()
	told := make(map[string]string)
	o := &outside{file: scenario(t, "- at: 1h\n  do: outage"), tell: func(kind, line string) { told[kind] = line }}
	if err := o.prepare(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		status := o.run(ctx, gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork()), func(ctx context.Context) { <-ctx.Done() })
		if status != 3 || !strings.Contains(told["result"], "the time of -for was over: give it more, or leave -for out") {
			t.Errorf("status %d: %s", status, told["result"])
		}
	})
}
