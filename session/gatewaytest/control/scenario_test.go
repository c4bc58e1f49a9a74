package control_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/session/gatewaytest/control"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestMistakesOfAScenario: all are found before anything starts, each with its line.
func TestMistakesOfAScenario(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		says []string
	}{
		{"# nothing", []string{"a scenario is one list of steps; this has 0 documents"}},
		{"- wait: ready\n---\n- wait: ready", []string{"this has 2 documents"}},
		{"do: drop", []string{"line 1: a scenario is a list of steps"}},
		{"[]", []string{"a scenario is a list of steps"}},
		{"- wait: ready\n- {", []string{"the scenario is no YAML", "L3.C1"}},
		{"- wait: ready\n- drop", []string{"line 2: a step is an object"}},
		{"- wait: ready\n- at: 1s", []string{"line 2: a step has one of do, wait and expect"}},
		{"- wait: ready\n  do: drop", []string{"line 1: a step has only one of do, wait and expect"}},
		{"- do: drop\n  shard: 1\n  within: 5s", []string{"line 3: within: only a wait takes time"}},
		{"- do: drop\n  shards: 1", []string{"line 1: drop: shard: it is missing", "line 2: drop: shards: there is no such field: use shard, total"}},
		{"- do: explode", []string{`line 1: explode: do: "explode" is no order: use one of reconnect`}},
		{"- at: soon\n  do: outage\n- at: 5s\n  do: outage\n  for: 5", []string{`line 1: at: "soon" will not do: give a duration`, "line 5: outage: for: 5 will not do"}},
		{"- at: 5s\n  do: outage\n- at: 2s\n  do: outage", []string{"line 3: at: 2s is before the step above, which is at 5s"}},
		{"- do: outage\n  do: hang", []string{"line 2: do: it is there twice"}},
		{"- do: send\n  shard: 0\n  payload: &a [*a]", []string{"line 3: anchors and aliases are not read here"}},
		{"- do: send\n  shard: 0\n  payload: .inf", []string{`line 3: ".inf" is no number that JSON has`}},
		{"- do: send\n  shard: 0\n  payload: " + strings.Repeat("[", 200) + strings.Repeat("]", 200), []string{"nested too deeply"}},
		{"- wait: soon", []string{`line 1: wait: "soon" will not do: give ready, or conditions`}},
		{"- wait: {}", []string{`line 1: wait: {} will not do`}},
		{"- wait: {readi: 1}", []string{`line 1: wait: readi: there is no such field: use violations, ready, connections`}},
		{"- wait: {ready: many}", []string{`wait: ready: "many" will not do: give "all", a number, or a comparison such as ">=2"`}},
		{"- wait: {resumes: '!2'}", []string{`wait: resumes: "!2" will not do: give a number, or a comparison`}},
		{"- expect: {violations: 0}\n  forever: true", []string{`line 2: forever: there is no such field: use at, within, wait or expect`}},
		{"- expect: {calls: {rout: x, status: ok}}", []string{`expect: calls: rout: there is no such field: use route, status`, `expect: calls: route: it is missing`, `expect: calls: status: "ok" will not do`}},
	} {
		_, err := control.ParseScenario([]byte(test.text))
		for _, says := range test.says {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%q: %v, want %s", test.text, err, says)
			}
		}
		var wrong *control.OrderError
		if err != nil && strings.Contains(err.Error(), "is no YAML") == errors.As(err, &wrong) {
			t.Errorf("%q: the error is a %T", test.text, err)
		}
	}
}

// withBot runs f beside a bot of two shards that answers !ping.
func withBot(t *testing.T, f func(*testing.T, *control.Control)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithShards(2), gatewaytest.WithGuildsPerShard(1))
		m, err := shardmanager.New("token", shardmanager.WithGateway(server), shardmanager.WithLogger(zap.NewNop()),
			shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages|events.IntentMessageContent))
		if err != nil {
			t.Fatal(err)
		}
		shardmanager.On(m, func(ctx context.Context, e *events.MessageCreate, _ events.Meta) {
			if e.Content != "!ping" {
				return
			}
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.APIURL+"/channels/"+e.ChannelID.String()+"/messages", strings.NewReader(`{"content":"pong"}`))
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("Authorization", "Bot token")
			answer, err := server.Client().Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			_ = answer.Body.Close() // nothing is read of it
		})
		port := control.New(server)
		time.AfterFunc(time.Second, func() {
			if err := m.Start(t.Context()); err != nil {
				t.Error(err)
			}
		})
		f(t, port)
		time.Sleep(2 * time.Second) // a scenario may end before the bot has begun
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// evening is the scenario of the documentation.
const evening = "../../../examples/gatewaysim/scenario.yaml"

func run(t *testing.T, port *control.Control, text string) (control.Result, string) {
	t.Helper()
	scenario, err := control.ParseScenario([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	result := scenario.Run(t.Context(), port, func(line string) { lines.WriteString(line + "\n") })
	return result, lines.String()
}

func TestScenario(t *testing.T) {
	text, err := os.ReadFile(evening)
	if err != nil {
		t.Fatal(err)
	}
	withBot(t, func(t *testing.T, port *control.Control) {
		result, lines := run(t, port, string(text))
		if result.Err != nil || result.Status() != 0 || result.Done != 8 || result.Steps != 8 || result.Took < 68*time.Second || result.Took > 2*time.Minute {
			t.Errorf("%+v\n%s", result, lines)
		}
		for _, says := range []string{"line 2: wait ready=all: after ", "line 3: drop shard=1\n", `line 8: message shard=0 content=!ping`, "line 19: expect identifies=4, ready=all, resumes>=3, violations=0: so it is"} {
			if !strings.Contains(lines, says) {
				t.Errorf("no %q in\n%s", says, lines)
			}
		}
		if says := result.String(); !strings.Contains(says, "8 of 8 steps in ") || !strings.Contains(says, ": 0 violations, 4 identifies, ") {
			t.Errorf("the summary: %s", says)
		}
		t.Log("\n" + lines + result.String())
	})
}

// TestConditions: numbers are held against each kind of comparison, and calls count from the latest order.
func TestConditions(t *testing.T) {
	withBot(t, func(t *testing.T, port *control.Control) {
		result, lines := run(t, port, `
- wait: {ready: 2, identifies: "=2"}
- expect: {connections: 2, live: ">1", resumes: "<1", refused: "<=0", discoveries: ">= 1"}
- {do: message, shard: 0, content: "!ping"}
- wait: {calls: {route: "POST /channels/{channel_id}/messages", body: {content: pong}, status: 200, count: 1}}
- {do: message, shard: 0, content: nothing}
- at: 10s
  expect: {calls: {route: "POST /channels/{channel_id}/messages", count: 0}}
`)
		if result.Status() != 0 {
			t.Errorf("%v\n%s", result, lines)
		}
	})
}

// TestScenariosThatFail: a step that fails ends the scenario, and says what is so instead.
func TestScenariosThatFail(t *testing.T) {
	for _, test := range []struct {
		name, text string
		done       int
		took       time.Duration
		says       string
	}{
		{"never ready", "- wait: {ready: 3}\n  within: 10s\n- do: outage", 0, 10 * time.Second, "line 1: wait: ready=3: not within 10s: ready is 2"},
		{"no session", "- expect: {ready: all}", 0, 0, "line 1: expect: ready=all: no shard has had a session"},
		{"not all yet", "- at: 3s\n  expect: {ready: all, identifies: 1}", 0, 3 * time.Second, "ready=all: 1 of 2 shards are ready"},
		{"not so", "- at: 20s\n  expect: {identifies: 3, resumes: 0}", 0, 20 * time.Second, "line 1: expect: identifies=3: identifies is 2"},
		{"no shard", "- wait: ready\n- do: drop\n  shard: 7", 1, 0, "line 2: drop: shard: shard 7 has had no session"},
		{"no such call", "- wait: ready\n- {do: message, shard: 0, content: '!ping'}\n- at: 1s\n  expect: {calls: {route: 'POST /channels/{channel_id}/messages', body: {content: ping}}}", 2, 0,
			`line 3: expect: calls of "POST /channels/{channel_id}/messages" with {"content":"ping"} >=1: there were 0 since the latest order; the latest other one was answered with 200 and had {"content":"pong"}`},
		{"a call of before", "- wait: ready\n- {do: message, shard: 0, content: '!ping'}\n- wait: {calls: {route: 'POST /channels/{channel_id}/messages'}}\n- {do: message, shard: 0, content: '?'}\n- expect: {calls: {route: 'POST /channels/{channel_id}/messages'}}", 4, 0,
			`there were 0 since the latest order`},
	} {
		t.Run(test.name, func(t *testing.T) {
			withBot(t, func(t *testing.T, port *control.Control) {
				result, lines := run(t, port, test.text)
				var wrong *control.OrderError
				if result.Status() != 3 || result.Done != test.done || !errors.As(result.Err, &wrong) || !strings.Contains(result.Err.Error(), test.says) {
					t.Errorf("%d done, %v\n%s", result.Done, result.Err, lines)
				}
				if test.took != 0 && result.Took != test.took {
					t.Errorf("it took %v", result.Took)
				}
				if !strings.Contains(result.String(), "failed: line ") {
					t.Errorf("the summary: %v", result)
				}
			})
		})
	}
}

// TestScenarioWithAViolation: the bot did something wrong, though every step could be carried out.
func TestScenarioWithAViolation(t *testing.T) {
	virtual(t, func(b *bundle) {
		b.shards[0].send(`{"op":99}`)
		synctest.Wait()
		result, _ := run(b.t, b.port, "- {do: typing, shard: 0, user: 1}")
		if result.Status() != 1 || result.Err != nil || len(result.Violations) != 1 || !strings.Contains(result.String(), "violation: ") {
			t.Errorf("%d: %v", result.Status(), result)
		}
		if result, _ := run(b.t, b.port, "- expect: {violations: 0}"); result.Status() != 3 {
			t.Errorf("%d: %v", result.Status(), result)
		}
	})
}

func TestScenarioThatIsStopped(t *testing.T) {
	virtual(t, func(b *bundle) {
		scenario, err := control.ParseScenario([]byte("- at: 1h\n  do: outage"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
		defer cancel()
		result := scenario.Run(ctx, b.port, nil)
		if result.Status() != 3 || !errors.Is(result.Err, context.DeadlineExceeded) || result.Took != time.Minute {
			t.Errorf("stopped by its context: %+v", result)
		}
		time.AfterFunc(time.Minute, b.Close)
		if result = scenario.Run(b.t.Context(), b.port, nil); result.Status() != 3 || !strings.Contains(result.Err.Error(), "the server was closed") || result.Took != time.Minute {
			t.Errorf("stopped by the server: %+v", result)
		}
	})
}
