package control

import (
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

var hostField = field{"host", oneOf("all", "resume"), false, "resume: only the URL that READY tells for a Resume; the default is all"}

// serverVerbs are orders about everything.
var serverVerbs = []verb{
	{
		name: "outage", help: "refuses connections, and cuts those there are", quick: true, fields: []field{hostField, onField, forField}, check: checkLasting,
		do: byHost("outage", (*gatewaytest.Server).Outage, (*gatewaytest.Server).OutageAt),
	},
	{
		name: "hang", help: "takes new connections and does not answer them; others go on", quick: true, fields: []field{hostField, onField, forField}, check: checkLasting,
		do: byHost("hang", (*gatewaytest.Server).Hang, (*gatewaytest.Server).HangAt),
	},
	{name: "forget-sessions", help: "ends all sessions: a Resume is answered with op 9; connections go on", quick: true, do: func(_ *Control, w *work) error {
		w.server.ForgetSessions()
		return nil
	}},
	{
		name: "budget", help: "changes how many Identifies are left today",
		fields: []field{{"remaining", numberKind(0, 1<<30, "a number"), true, "how many are left"}},
		do: func(_ *Control, w *work) error {
			w.server.SetSessionStarts(w.number("remaining", 0))
			return nil
		},
	},
	{
		name: "allow-intents", help: "changes which intents the application may ask for; sessions that have others go on",
		fields: []field{{"intents", intentsKind, true, "an Identify with others is closed with 4014"}},
		do: func(_ *Control, w *work) error {
			w.server.SetAllowedIntents(w.args["intents"].(events.Intents))
			return nil
		},
	},
	{
		name: "no-hello", help: "says no Hello on new connections", fields: []field{onField, forField}, check: checkLasting,
		do: func(c *Control, w *work) error {
			w.hooks("no-hello", func() func() { return c.server.OnConnect(func(int) bool { return true }) })
			return nil
		},
	},
	{
		name: "ignore", help: "answers no payload of an opcode, such as 2 (Identify), 6 (Resume) or 8 (Request Guild Members)",
		fields: []field{
			{"op", numberKind(0, 255, "an opcode"), true, "the opcode"},
			{"shard", shardKind, false, "of which shards; the default is all, also before Identify"}, onField, forField,
		},
		check: checkLasting, do: ignore,
	},
	{
		name: "limit-calls", help: "answers REST calls with 429",
		fields: []field{
			{"route", routeKind, false, "a route as GET /calls has it, or one path; the default is all calls, as a global limit"}, onField,
			{"for", durationKind, false, "how long: retry_after tells what is left of it"},
		},
		check: func(a args) *OrderError {
			if a.on() && !a.has("for") {
				return wrong("for", "it is missing: say how long, such as 5s; retry_after tells what is left of it")
			}
			return checkLasting(a)
		},
		do: func(_ *Control, w *work) error {
			if w.on() {
				until := w.done.At.Add(w.duration("for"))
				w.done.Until = &until
			}
			w.server.LimitCalls(w.text("route"), w.duration("for"))
			return nil
		},
	},
	{
		name: "fail-calls", help: "has REST calls fail, or be answered late",
		fields: []field{
			{"route", routeKind, false, "a pattern as net/http's ServeMux has them; the default is all calls"},
			{"status", kind{"number", "a status from 400 to 599, or 0", readStatus}, false, "of the answer; 0 cuts the connection; the default is 502, and with after none: the call is only late"},
			{"body", anyKind, false, "of the answer"},
			{"after", durationKind, false, "how late"},
			{"times", numberKind(1, 1<<30, "a number"), false, "of how many calls; the default is of all"},
			onField, forField,
		},
		check: func(a args) *OrderError {
			if a.has("body") && a.number("status", 0) == 0 {
				return wrong("body", "give a status as well: a call that is only late, or cut, has the server's own answer or none")
			}
			return checkLasting(a)
		},
		do: failCalls,
	},
}

// byHost is a fault of all addresses, or of the one that READY tells for a Resume.
func byHost(name string, all func(*gatewaytest.Server, bool), at func(*gatewaytest.Server, string, bool)) func(*Control, *work) error {
	return func(_ *Control, w *work) error {
		if w.text("host") == "resume" {
			w.lasts(name+" resume", func(on bool) { at(w.server, w.server.ResumeURL, on) })
		} else {
			w.lasts(name, func(on bool) { all(w.server, on) })
		}
		return nil
	}
}

func ignore(c *Control, w *work) error {
	op := events.Opcode(w.number("op", 0))
	chosen, some := w.args["shard"].(shards)
	w.hooks(fmt.Sprint("ignore ", op), func() func() {
		return c.server.OnFrame(func(f gatewaytest.Frame) bool {
			return f.Op == op && (!some || chosen.all || f.Shard.Valid() && slices.Contains(chosen.indices, f.Shard.Index))
		})
	})
	return nil
}

func readStatus(v any) (any, bool) {
	n, ok := whole(v)
	return n, ok && (n == 0 || n >= 400 && n <= 599)
}

// failCalls has a hook answer calls, in place of another one of the same route.
func failCalls(c *Control, w *work) error {
	route, after := w.text("route"), w.duration("after")
	answers := w.has("status") || after == 0
	status := w.number("status", http.StatusBadGateway)
	body := []byte(`{"message":"the simulator was told to fail this call","code":0}`)
	if w.has("body") {
		body = payload(w.args["body"])
	}
	var left atomic.Int64
	left.Store(int64(w.number("times", 1<<40)))
	chosen := http.NewServeMux()
	if route != "" {
		chosen.HandleFunc(route, func(http.ResponseWriter, *http.Request) {})
	}
	w.hooks("fail-calls "+route, func() func() {
		return c.server.OnCall(func(rw http.ResponseWriter, r *http.Request) bool {
			if _, pattern := chosen.Handler(r); route != "" && pattern != route || left.Add(-1) < 0 {
				return false
			}
			if after > 0 && !c.wait(r, after) || answers && status == 0 {
				panic(http.ErrAbortHandler) // it cuts the connection
			}
			if answers {
				rw.Header().Set("Content-Type", "application/json")
				rw.WriteHeader(status)
				_, _ = rw.Write(body) // the client may have gone
			}
			return answers
		})
	})
	return nil
}

// wait keeps a call waiting, and reports whether who called and the server are still there.
func (c *Control) wait(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-c.server.Done():
	}
	return false
}
