package session

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// counting is a session that is told of guilds.
type counting struct {
	quiet
	t       *testing.T
	now     time.Time
	intents events.Intents
	cursor  Cursor
	machine *Machine
	log     []string // of the session's events: seq is the index, from 1
}

func newCounting(t *testing.T, intents events.Intents) *counting {
	c := &counting{t: t, now: time.Unix(1_000_000, 0), intents: intents}
	c.connect()
	return c
}

// connect has a machine, as of another process, connect with what the cursor says.
func (c *counting) connect() {
	machine, err := NewMachine(Config{
		Shard: events.ShardID{Index: 0, Total: 1}, Identify: events.Identify{Token: "token", Intents: c.intents}, Rand: rand.New(rand.NewPCG(1, 2)), Cursor: &c.cursor,
	}, c)
	if err != nil {
		c.t.Fatal(err)
	}
	c.machine = machine
	c.step(Input{Kind: Start})
	c.greet()
}

// again waits until the machine connects again.
func (c *counting) again() {
	c.now = c.now.Add(time.Minute)
	c.step(Input{Kind: Tick})
	c.greet()
}

func (c *counting) greet() {
	c.step(Input{Kind: Connected, Conn: c.machine.Conn()})
	c.frame(`{"op":10,"d":{"heartbeat_interval":41250}}`)
	if c.machine.State() == Queued {
		c.step(Input{Kind: Granted, Conn: c.machine.Conn()})
	}
}

func (c *counting) step(in Input) { c.machine.Step(c.now, in) }

func (c *counting) frame(text string) {
	c.step(Input{Kind: Frame, Conn: c.machine.Conn(), Data: []byte(text), At: c.now})
}

func (c *counting) event(name, data string) {
	c.log = append(c.log, fmt.Sprintf(`{"t":%q,"s":%d,"op":0,"d":%s}`, name, len(c.log)+1, data))
	c.frame(c.log[len(c.log)-1])
}

// elsewhere resumes the session in another process, of which the latest events were not handled and come again.
func (c *counting) elsewhere(again int, change func(*Snapshot)) {
	stored := c.cursor.Snapshot(events.ShardID{Index: 0, Total: 1})
	stored.Seq = int64(len(c.log) - again)
	change(&stored)
	data, err := json.Marshal(stored)
	if err == nil {
		err = json.Unmarshal(data, &stored)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.cursor = stored.Cursor()
	c.connect()
	for _, missed := range c.log[len(c.log)-again:] {
		c.frame(missed)
	}
	c.event("RESUMED", `{}`)
}

func (c *counting) guilds() int { return c.cursor.Snapshot(events.ShardID{}).Guilds }

// do takes one word of a story: "in 5" and so on, with ids in between.
func (c *counting) do(step string) {
	verb, rest, _ := strings.Cut(step, " ")
	switch verb {
	case "ready":
		var named []string
		for _, id := range strings.Fields(rest) {
			named = append(named, `{"unavailable":true,"id":"`+id+`"}`)
		}
		c.log = nil
		c.event("READY", `{"guilds":[`+strings.Join(named, ",")+`],"session_id":"x","resume_gateway_url":"wss://resume.discord.gg"}`)
	case "lost":
		c.frame(`{"op":9,"d":false}`)
		c.again()
	case "unread": // a READY that cannot be read, twice
		c.frame(`{"op":`)
		c.again()
		c.frame(`{"op":`)
		c.log = nil
	case "in":
		c.event("GUILD_CREATE", `{"members":[{"user":{"id":"9"}}],"id":"`+rest+`","unavailable":false,"name":"`+strings.Repeat("x", 200)+`"}`)
	case "in-short":
		c.event("GUILD_CREATE", `{"id":"`+rest+`"}`)
	case "in-unavailable":
		c.event("GUILD_CREATE", `{"unavailable":true,"id":"`+rest+`"}`)
	case "out":
		c.event("GUILD_DELETE", `{"id":"`+rest+`","unavailable":true}`)
	case "gone":
		c.event("GUILD_DELETE", `{"id":"`+rest+`"}`)
	case "odd":
		c.event("GUILD_DELETE", rest)
	case "ack":
		c.now = c.now.Add(41250 * time.Millisecond)
		c.step(Input{Kind: Tick})
		c.frame(`{"op":11}`)
	case "elsewhere":
		var again int
		_, _ = fmt.Sscan(rest, &again)
		c.elsewhere(again, func(*Snapshot) {})
	case "older": // of a version that told nothing but how many there are
		c.elsewhere(0, func(s *Snapshot) { s.GuildsAway, s.GuildsSeq = 0, 0 })
	default:
		c.t.Fatalf("no such step: %q", step)
	}
}

// TestGuildsAreCounted: READY's guilds count, their coming does not; who joins, is removed, or is in an outage counts as it should, here and
// in the process that resumes the
func TestGuildsAreCounted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		story string
		want  int
	}{
		"none":                              {"ready", 0},
		"READY's":                           {"ready 5 6 7", 3},
		"one that is named twice":           {"ready 5 6 5", 2},
		"they come":                         {"ready 5 6; in 5; in 6", 2},
		"they come, and say little":         {"ready 5 6; in-short 5; in-short 6; in-short 7; gone 7; in-short 7", 3},
		"the first one of a bot":            {"ready; in 5", 1},
		"one joins":                         {"ready 5 6; in 6; in 5; in 7", 3},
		"one joins before they have come":   {"ready 5 6; in 7", 3},
		"and then they come":                {"ready 5 6; in 7; in 6; in 5", 3},
		"one is removed":                    {"ready 5 6; in 6; in 5; gone 5", 1},
		"and added again":                   {"ready 5 6; in 6; in 5; gone 5; in 5", 2},
		"removed before it has come":        {"ready 5 6; gone 5; in 6; in 7", 2},
		"all are removed":                   {"ready 5 6; gone 5; gone 6; gone 7", 0},
		"an outage":                         {"ready 5 6; in 5; in 6; out 5", 2},
		"that ends":                         {"ready 5 6; in 5; in 6; out 5; in 5; in 7", 3},
		"told of twice":                     {"ready 5 6; in 5; in 6; out 5; out 5; in 5; in 7", 3},
		"an outage as READY comes":          {"ready 5 6; in 6; out 5; in 7; in 5", 3},
		"told of by GUILD_CREATE":           {"ready 5 6; in 6; in-unavailable 5; in 5; in 7", 3},
		"removed in an outage":              {"ready 5 6; in 5; in 6; out 5; gone 5; in 7", 2},
		"removed in one that lasts":         {"ready 5 6; in 5; in 6; out 5; ack; ack; gone 5; in 7", 2},
		"joins in an outage":                {"ready 5; in 5; in-unavailable 7; in 7", 2},
		"nothing is said of which":          {"ready 5 6; in 5; in 6; odd {}; odd []; odd {\"id\":\"0\"}", 2},
		"not all come":                      {"ready 5 6 7; in 5; ack; ack; in 8; in 6; in 7", 4},
		"none comes":                        {"ready 5 6; ack; in 7; in 6; in 5", 3},
		"they come all the time":            {"ready 5 6 7; in 5; ack; gone 6; in 8; in 7", 3},
		"a session anew":                    {"ready 5 6; in 5; in 6; in 7; lost; ready 7 8; in 7; in 8", 2},
		"a session anew that is not there":  {"ready 5 6; in 5; in 6; lost", 2},
		"READY is not read":                 {"unread; in 5; in 6", 2},
		"and comes yet":                     {"unread; in 5; ready 5 6 7", 3},
		"elsewhere":                         {"ready 5 6; in 5; in 6; in 7; elsewhere 0; in 8; gone 5", 3},
		"elsewhere, and all comes again":    {"ready 5 6; in 5; in 6; in 7; gone 5; elsewhere 4", 2},
		"elsewhere, while they come":        {"ready 5 6; in 6; elsewhere 1; in 5; in 7", 3},
		"elsewhere, in an outage":           {"ready 5 6; in 5; in 6; out 6; elsewhere 0; in 6; in 7", 3},
		"elsewhere, one more in an outage":  {"ready 5 6; in 5; in 6; out 6; elsewhere 0; out 5; in 6; in 5; in 7", 3},
		"elsewhere, all removed":            {"ready 5 6; elsewhere 0; gone 5; gone 6; in 7", 1},
		"elsewhere, still unavailable":      {"ready 5; elsewhere 0; in-unavailable 5; in 5; in 7", 2},
		"elsewhere, twice":                  {"ready 5 6; in 5; in 6; in 7; elsewhere 2; elsewhere 3; in 8", 4},
		"from an older version":             {"ready 5 6; in 5; in 6; older; in 7; gone 5", 2},
		"and anew from there":               {"ready 5 6; older; in 5; in 6; lost; ready 5 6; in 5; in 6", 2},
		"missed: removed, of which no id":   {"ready 5 6 8; ack; in 8; gone 5; in 6; in 7", 2}, // 3 are there
		"missed: two outages, and no id":    {"ready 5 6; ack; out 5; in 7; in 6; in 5", 2},    // 3 are there
		"missed: READY that was not read":   {"unread; in 5; out 6; in 6", 1},                  // 2 are there
		"missed: two outages in two places": {"ready 5; elsewhere 0; out 5; in 5; in 7", 1},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			c := newCounting(t, events.IntentGuilds)
			for step := range strings.SplitSeq(test.story, "; ") {
				c.do(step)
			}
			if got := c.guilds(); got != test.want {
				t.Errorf("%s: %d guilds, want %d", test.story, got, test.want)
			}
		})
	}
}

// TestGuildsWithoutTheIntent: READY tells of them all the same, and nothing is kept for what will not come.
func TestGuildsWithoutTheIntent(t *testing.T) {
	t.Parallel()
	c := newCounting(t, events.IntentGuildMessages)
	c.do("ready 5 6 7")
	if got := c.cursor.Snapshot(events.ShardID{}); got.Guilds != 3 || got.GuildsAway != 0 {
		t.Errorf("%d guilds, of which %d are to come", got.Guilds, got.GuildsAway)
	}
}

// TestGuildsAreNotKept: when they have come there is nothing left of them.
func TestGuildsAreNotKept(t *testing.T) {
	t.Parallel()
	c, ready := newCounting(t, events.IntentGuilds), "ready"
	for id := range 1000 {
		ready += fmt.Sprint(" ", 1+id)
	}
	c.do(ready)
	for id := range 995 {
		c.do(fmt.Sprint("in ", 1+id))
	}
	if g := c.cursor.guilds; len(g.away) != 5 || cap(g.away) > 4*5 {
		t.Errorf("%d are away, and there is room for %d", len(g.away), cap(g.away))
	}
	if c.do("ack"); cap(c.cursor.guilds.away) == 0 {
		t.Error("they are forgotten while others come")
	}
	if c.do("ack"); cap(c.cursor.guilds.away) > 0 || c.guilds() != 1000 {
		t.Errorf("%d guilds, and room for %d", c.guilds(), cap(c.cursor.guilds.away))
	}
	c = newCounting(t, events.IntentGuilds)
	c.do("ready 5")
	if c.do("in-short 5"); cap(c.cursor.guilds.away) > 0 {
		t.Error("one that says little is away still")
	}
}

// TestGuildsAreCountedExactly: whatever comes, in whatever order, the count is that of a set of ids.
func TestGuildsAreCountedExactly(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 3))
		c := newCounting(t, events.IntentGuilds)
		there := map[int]bool{} // false: it has not come, or is in an outage
		var story []string
		do := func(step string, args ...any) {
			story = append(story, fmt.Sprintf(step, args...))
			c.do(story[len(story)-1])
		}
		ready := "ready"
		for range random.IntN(30) {
			id := 1 + random.IntN(40)
			there[id] = false
			ready += fmt.Sprint(" ", id)
		}
		do("%s", ready)
		away := func() (n int) {
			for _, is := range there {
				if !is {
					n++
				}
			}
			return n
		}
		for range 100 {
			id := 1 + random.IntN(40)
			is, known := there[id]
			switch dice := random.IntN(20); {
			case dice == 0 && away() == 0: // which of them are away is not known elsewhere
				do("elsewhere %d", random.IntN(len(c.log)-1)) // READY was handled
			case dice == 0 && away() < len(there):
				do("ack") // some have come, and come still
				do("%s %d", map[bool]string{true: "out", false: "in"}[known], id)
				there[id] = !known
			case known && !is && dice < 8:
				do("out %d", id)
			case known && dice < 10:
				do("gone %d", id)
				delete(there, id)
			case known && is:
				do("out %d", id)
				there[id] = false
			case !known && dice < 3:
				do("in-unavailable %d", id)
				there[id] = false
			default:
				do("in %d", id)
				there[id] = true
			}
			if got := c.guilds(); got != len(there) {
				t.Fatalf("seed %d: %d guilds, want %d: %s", seed, got, len(there), strings.Join(story, "; "))
			}
		}
	}
}
