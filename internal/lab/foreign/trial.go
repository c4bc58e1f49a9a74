package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// token is no bot's. Its first part is the id of its user, as in a real one, which some libraries read.
const token = "OTAwMDAwMDAwMDAwMDAwMDAx.x.y"

// Limits.
const (
	toStart   = time.Minute      // until it is ready
	toTell    = 10 * time.Second // an event, or an answer
	perShard  = 7 * time.Second  // for each Identify more, of which there is one in 5 s
	spacing   = 5 * time.Second  // of Identifies: no library should have to wait for what another order has spent
	calm      = time.Second      // after it has returned
	listening = 2 * time.Second  // for what it does wrong at the end
)

// members is how many a guild has, in several chunks.
const members = 1200

// bot is what a trial is about: a client that runs.
type bot interface {
	stop()
	done() <-chan struct{} // closed when it has ended
	last() string          // how it ended, once it has
}

// outcome is one row of the table.
type outcome struct {
	library     string
	version     string
	shards      int
	compression string
	absent      string // why there was no trial
	ready       int    // shards
	messages    int    // shards
	members     int    // in all guilds
	back        []comeback
	wrong       []string
}

// comeback is what the shards did after one order.
type comeback struct{ resumed, began, nothing, away, lost int }

// trial is one client against a gateway of its own.
type trial struct {
	server   *gatewaytest.Server
	guilds   []events.Snowflake // one for each shard
	bot      bot
	comeback time.Duration // how long it has to return

	lock    sync.Mutex
	changed chan struct{} // closed at the next change, and made anew
	told    state
}

// state is what is known so far of a client.
type state struct {
	version, absent string
	ready           map[int]bool
	messages        map[string]line // by content
	members         map[string]int  // by guild
	notes           map[string]int
	began, resumed  []int     // how often, for each shard
	latest          time.Time // when one began
	live            []int     // number of the connection, for each shard; 0: none
}

// orders are what is done to all shards, one after the other, and whether a session outlives it.
var orders = []struct {
	name string
	do   func(gatewaytest.Script)
	kept bool
}{
	{"op 7", gatewaytest.Script.Reconnect, true},
	{"drop", gatewaytest.Script.Drop, true},
	{"op 9 true", func(s gatewaytest.Script) { s.InvalidSession(true) }, true},
	{"op 9 false", func(s gatewaytest.Script) { s.InvalidSession(false) }, false},
}

// try runs one trial. The bot is started by start, which is told the REST base, without a version, and where to tell what it gets. Of
// what the library does wrong there is no error.
func try(ctx context.Context, shards int, comeback time.Duration, start func(server *gatewaytest.Server, tell func(line)) (bot, error), options ...gatewaytest.Option) (o outcome, err error) {
	t := &trial{comeback: comeback, changed: make(chan struct{}), told: state{
		ready: make(map[int]bool), messages: make(map[string]line), members: make(map[string]int), notes: make(map[string]int),
		began: make([]int, shards), resumed: make([]int, shards), live: make([]int, shards),
	}}
	t.server, err = gatewaytest.Start(append(options, gatewaytest.WithShards(shards), gatewaytest.WithGuildsPerShard(1),
		gatewaytest.WithMembers(members), gatewaytest.WithTrace(t.trace))...)
	if err != nil {
		return outcome{}, err
	}
	defer t.server.Close()
	for i := range shards {
		t.guilds = append(t.guilds, gatewaytest.GuildOf(events.ShardID{Index: i, Total: shards}, 0))
	}
	if t.bot, err = start(t.server, t.tell); err != nil {
		return outcome{absent: err.Error(), shards: shards}, nil
	}
	defer t.bot.stop()
	o = t.run(ctx)
	return o, ctx.Err()
}

func (t *trial) run(ctx context.Context) outcome {
	shards := len(t.guilds)
	t.wait(ctx, toStart+time.Duration(shards)*perShard, func(s *state) bool { return len(s.ready) == shards || s.absent != "" })
	o := outcome{shards: shards}
	if o.absent = t.now().absent; o.absent != "" {
		o.version = t.now().version
		return o
	}
	o.messages = t.hear(ctx, "hello", t.every())
	t.hear(ctx, "!members", t.every())
	t.wait(ctx, toTell, func(s *state) bool { return len(s.members) == shards })
	for _, order := range orders {
		t.wait(ctx, max(calm, time.Until(t.now().latest.Add(spacing))), func(*state) bool { return false })
		o.back = append(o.back, t.order(ctx, order.name, order.do, order.kept))
	}
	t.wait(ctx, listening, func(*state) bool { return false })
	last := t.now()
	o.version, o.ready = last.version, len(last.ready)
	for _, n := range last.members {
		o.members += n
	}
	o.wrong = t.wrong(last)
	return o
}

// every is all shards.
func (t *trial) every() (all []int) {
	for i := range t.guilds {
		all = append(all, i)
	}
	return all
}

// say has a member write in the guild of each shard.
func (t *trial) say(what string, shards []int) {
	for _, i := range shards {
		t.server.World().Message(t.guilds[i], gatewaytest.Message{Content: what, Author: author})
	}
}

// author writes all messages.
const author = 7

// hear counts the shards on which the library's handler got a message, with its author and its guild.
func (t *trial) hear(ctx context.Context, what string, shards []int) int {
	t.say(what, shards)
	return t.heard(ctx, what, shards)
}

func (t *trial) heard(ctx context.Context, what string, shards []int) (n int) {
	count := func(s *state) int {
		n := 0
		for _, i := range shards {
			if l := s.messages[what+" in "+t.guilds[i].String()]; l.Author == "member-7" {
				n++
			}
		}
		return n
	}
	t.wait(ctx, toTell, func(s *state) bool { n = count(s); return n == len(shards) })
	return n
}

// order gives an order to each shard that is connected, and tells what the shards did then. A message of that moment
// must arrive after all, if the session is kept, and else one of the new session.
func (t *trial) order(ctx context.Context, name string, do func(gatewaytest.Script), kept bool) (back comeback) {
	before := t.now()
	var asked []int
	for i, conn := range before.live {
		if conn == 0 {
			back.away++
			continue
		}
		asked = append(asked, i)
		do(t.server.Shard(i))
	}
	if kept {
		t.say(name, asked)
	}
	returned := func(s *state, i int) bool { return s.resumed[i] > before.resumed[i] || s.began[i] > before.began[i] }
	t.wait(ctx, t.comeback+time.Duration(len(asked))*perShard, func(s *state) bool {
		return !slices.ContainsFunc(asked, func(i int) bool { return !returned(s, i) })
	})
	after, resumed, began := t.now(), []int(nil), []int(nil)
	for _, i := range asked {
		switch {
		case after.resumed[i] > before.resumed[i]:
			resumed = append(resumed, i)
		case after.began[i] > before.began[i]:
			began = append(began, i)
		default:
			back.nothing++
		}
	}
	t.say(name+" anew", began)
	if !kept {
		t.say(name, resumed)
	}
	back.resumed, back.began = len(resumed), len(began)
	back.lost = len(resumed) + len(began) - t.heard(ctx, name, resumed) - t.heard(ctx, name+" anew", began)
	return back
}

// wrong lists what the gateway has against the client, each with its count.
func (t *trial) wrong(last state) (all []string) {
	violations := make(map[string]int)
	for _, v := range t.server.Violations() {
		violations[v.Rule]++
	}
	for _, of := range []struct {
		kind   string
		counts map[string]int
	}{{"violation", violations}, {"note", last.notes}} {
		var lines []string
		for what, n := range of.counts {
			lines = append(lines, fmt.Sprintf("%s: %s (%d)", of.kind, what, n))
		}
		slices.Sort(lines)
		all = append(all, lines...)
	}
	if n := t.server.Stats().RateLimited; n > 0 {
		all = append(all, fmt.Sprintf("requests answered with RATE_LIMITED (%d)", n))
	}
	select {
	case <-t.bot.done():
		all = append(all, "it ended "+t.bot.last())
	default:
	}
	return all
}
