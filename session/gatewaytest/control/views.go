package control

import (
	"encoding/json"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// stat is a number that GET /stats tells, and that a scenario may expect.
type stat struct {
	name string
	help string
	of   func(*gatewaytest.Server, gatewaytest.Stats) int
}

func count(name, help string, of func(gatewaytest.Stats) int) stat {
	return stat{name, help, func(_ *gatewaytest.Server, s gatewaytest.Stats) int { return of(s) }}
}

var stats = []stat{
	{"violations", "what Discord would have punished", func(s *gatewaytest.Server, _ gatewaytest.Stats) int { return len(s.Violations()) }},
	{"ready", "shards whose client is there", func(s *gatewaytest.Server, _ gatewaytest.Stats) int { ready, _ := readiness(s); return ready }},
	count("connections", "all so far", func(s gatewaytest.Stats) int { return s.Connections }),
	count("live", "connections now", func(s gatewaytest.Stats) int { return s.Live }),
	count("identifies", "answered with READY", func(s gatewaytest.Stats) int { return s.Identifies }),
	count("resumes", "answered with RESUMED", func(s gatewaytest.Stats) int { return s.Resumes }),
	count("refused", "Identifies and Resumes answered with op 9 or a close code", func(s gatewaytest.Stats) int { return s.Refused }),
	count("at_resume_url", "connections to the URL that READY tells for a Resume", func(s gatewaytest.Stats) int { return s.AtResumeURL }),
	count("rate_limited", "requests answered with RATE_LIMITED", func(s gatewaytest.Stats) int { return s.RateLimited }),
	count("frames", "payloads from clients", func(s gatewaytest.Stats) int { return s.Frames }),
	count("heartbeats", "from clients", func(s gatewaytest.Stats) int { return s.Heartbeats }),
	count("dispatched", "events made", func(s gatewaytest.Stats) int { return s.Dispatched }),
	count("ended", "connections that the client closed with 1000 or 1001", func(s gatewaytest.Stats) int { return s.Ended }),
	count("discoveries", "GET /gateway/bot", func(s gatewaytest.Stats) int { return s.Discoveries }),
	count("lateness_ms", "of the latest heartbeat, beyond its interval", func(s gatewaytest.Stats) int { return int(s.Lateness.Milliseconds()) }),
}

// readiness is how many shards of the newest total are ready, and how many there are to be.
func readiness(server *gatewaytest.Server) (ready, total int) {
	all := server.Shards()
	total = newestTotal(all)
	for _, s := range all {
		if s.Shard.Total == total && s.State == gatewaytest.ShardReady {
			ready++
		}
	}
	return ready, total
}

func statsOf(server *gatewaytest.Server) map[string]int {
	now, all := server.Stats(), make(map[string]int, len(stats))
	for _, s := range stats {
		all[s.name] = s.of(server, now)
	}
	return all
}

type shardView struct {
	Shard   events.ShardID         `json:"shard"`
	State   gatewaytest.ShardState `json:"state"`
	Since   time.Time              `json:"since"`
	Session int                    `json:"session"`
	Conn    int                    `json:"conn,omitempty"`
	Seq     int64                  `json:"seq"`
	Intents events.Intents         `json:"intents"`
	Muted   bool                   `json:"muted,omitempty"`
	Frozen  bool                   `json:"frozen,omitempty"`
	Lag     string                 `json:"lag,omitempty"`
	Guilds  []events.Snowflake     `json:"guilds"`
}

func shardsOf(server *gatewaytest.Server) []shardView {
	all := []shardView{}
	for _, s := range server.Shards() {
		v := shardView{s.Shard, s.State, s.Since, s.Session, s.Conn, s.Seq, s.Intents, s.Muted, s.Frozen, "", server.World().Guilds(s.Shard)}
		if v.Guilds == nil {
			v.Guilds = []events.Snowflake{}
		}
		if s.Lag > 0 {
			v.Lag = s.Lag.String()
		}
		all = append(all, v)
	}
	return all
}

func violationsOf(server *gatewaytest.Server) []happening {
	all := []happening{}
	for _, v := range server.Violations() {
		what := happening{At: v.At, Conn: v.Conn, Text: v.Rule + ": " + v.Detail}
		if v.Shard.Valid() {
			what.Shard = &v.Shard
		}
		all = append(all, what)
	}
	return all
}

type fileView struct {
	Field string `json:"field"`
	Name  string `json:"name"`
	Type  string `json:"type,omitempty"`
	Bytes int    `json:"bytes"`
}

type callView struct {
	At     time.Time       `json:"at"`
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Query  string          `json:"query,omitempty"`
	Route  string          `json:"route,omitempty"`
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body,omitempty"`
	Files  []fileView      `json:"files,omitempty"`
}

func callsOf(server *gatewaytest.Server) []callView {
	all := []callView{}
	for _, call := range server.Calls() {
		v := callView{At: call.At, Method: call.Method, Path: call.Path, Query: call.Query, Route: call.Route, Status: call.Status, Body: call.Body}
		for _, f := range call.Files {
			v.Files = append(v.Files, fileView{f.Field, f.Name, f.ContentType, len(f.Data)})
		}
		all = append(all, v)
	}
	return all
}

type interactionView struct {
	ID       events.Snowflake  `json:"id"`
	Made     time.Time         `json:"made"`
	Answered *time.Time        `json:"answered"` // null: not yet
	Callback int               `json:"callback,omitempty"`
	Data     json.RawMessage   `json:"data,omitempty"`
	Messages []json.RawMessage `json:"messages"`
}

// interactionOf is how an interaction stands. There is none of an id that the world does not know.
func interactionOf(server *gatewaytest.Server, id events.Snowflake) (view interactionView, found bool) {
	defer func() {
		if failed := recover(); failed != nil {
			if _, unknown := failed.(*gatewaytest.WorldError); !unknown {
				panic(failed)
			}
		}
	}()
	i := server.World().Interaction(id)
	view = interactionView{ID: i.ID, Made: i.Made, Callback: i.Callback, Data: i.Data, Messages: i.Messages}
	if !i.Answered.IsZero() {
		view.Answered = &i.Answered
	}
	if view.Messages == nil {
		view.Messages = []json.RawMessage{}
	}
	return view, true
}

type fieldView struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Allowed  string `json:"allowed"`
	Required bool   `json:"required,omitempty"`
	Help     string `json:"help"`
}

type verbView struct {
	Do     string      `json:"do"`
	Help   string      `json:"help"`
	Quick  bool        `json:"quick,omitempty"` // the page has a button for it
	Fields []fieldView `json:"fields"`
}

func orders() []verbView {
	var all []verbView
	for _, v := range verbs {
		view := verbView{v.name, v.help, v.quick, []fieldView{}}
		for _, f := range v.fields {
			view.Fields = append(view.Fields, fieldView{f.name, f.kind.name, f.kind.allowed, f.need, f.help})
		}
		all = append(all, view)
	}
	return all
}
