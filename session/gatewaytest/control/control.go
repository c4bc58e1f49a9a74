package control

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// Control gives orders to a server, one at a time, from HTTP and from scenarios alike. It lives as long as the server, and
// needs no end of its own. It is safe for concurrent use.
type Control struct {
	server *gatewaytest.Server
	token  string
	hub    hub

	mu   sync.Mutex // held while an order is carried out
	held map[string]*lasting
}

// lasting is what an order has begun and what is to end.
type lasting struct {
	end   func()
	timer *time.Timer // nil: it ends by another order
}

// Option changes one setting of a Control.
type Option func(*Control)

// WithToken has the handler ask for a token, as "Authorization: Bearer", for all but the page itself, which asks for it. The
// default is none: then requests are refused whose Host is a name other than localhost.
func WithToken(token string) Option { return func(c *Control) { c.token = token } }

// New makes a Control of a server.
func New(server *gatewaytest.Server, opts ...Option) *Control {
	c := &Control{server: server, held: make(map[string]*lasting)}
	for _, opt := range opts {
		opt(c)
	}
	server.OnEntry(c.hub.entry)
	return c
}

// outcome is what an order has done.
type outcome struct {
	At     time.Time          `json:"at"`
	Do     string             `json:"do"`
	Text   string             `json:"text"`             // the order as a line
	Shards []events.ShardID   `json:"shards,omitempty"` // whose sessions it was done to
	Guilds []events.Snowflake `json:"guilds,omitempty"` // in which it happened
	IDs    []events.Snowflake `json:"ids,omitempty"`    // of what was made: messages, members, channels, roles, interactions
	Until  *time.Time         `json:"until,omitempty"`  // when it ends
}

// work is an order that is being carried out.
type work struct {
	args
	c      *Control
	server *gatewaytest.Server
	world  *gatewaytest.World
	done   *outcome
}

// carryOut does what a checked order says.
func (c *Control) carryOut(o *order) (done outcome, problem *OrderError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	done = outcome{At: time.Now(), Text: o.text, Do: o.verb.name}
	w := &work{o.args, c, c.server, c.server.World(), &done}
	defer func() {
		switch failed := recover().(type) {
		case nil:
		case *gatewaytest.WorldError: // an order about what does not exist
			problem = w.explain(failed)
		default:
			panic(failed)
		}
		if problem != nil {
			problem.Do = o.verb.name
			return
		}
		c.hub.publish("order", done)
	}()
	err := o.verb.do(c, w)
	if !errors.As(err, &problem) && err != nil {
		problem = &OrderError{Problem: err.Error()}
	}
	return done, problem
}

// explain says of what does not exist what does.
func (w *work) explain(failed *gatewaytest.WorldError) *OrderError {
	guild, named := w.args["guild"].(events.Snowflake)
	known := w.guilds()
	if named && guild != 0 && len(known) > 0 && !slices.Contains(known, guild) && w.done.Do != "add-guild" {
		return wrong("guild", "the bot is not in guild %v: GET /shards lists those that it is in, such as %v; add-guild adds others", guild, known[0])
	}
	if made := len(w.done.IDs); made > 0 { // an order for several shards
		return wrong("", "%s; before that it was done %d times, and that stays", failed.Problem, made)
	}
	return wrong("", "%s", failed.Problem)
}

// guilds are the bot's, as far as shards have them.
func (w *work) guilds() (all []events.Snowflake) {
	for _, s := range w.server.Shards() {
		all = append(all, w.world.Guilds(s.Shard)...)
	}
	return all
}

// hold has something end after a while, or, without one, by release. What the key held before goes on as a part of it.
func (w *work) hold(key string, end func()) {
	c := w.c
	c.letGo(key)
	h := &lasting{end: end}
	c.held[key] = h
	if d := w.duration("for"); d > 0 {
		until := w.done.At.Add(d)
		w.done.Until = &until
		h.timer = time.AfterFunc(d, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.held[key] == h {
				delete(c.held, key)
				end()
			}
		})
	}
}

// letGo forgets what is held, and returns it: it does not end by itself any more.
func (c *Control) letGo(key string) *lasting {
	h := c.held[key]
	if h != nil && h.timer != nil {
		h.timer.Stop()
	}
	delete(c.held, key)
	return h
}

// release ends what is held.
func (c *Control) release(key string) {
	if h := c.letGo(key); h != nil {
		h.end()
	}
}

// lasts sets a state that an order begins and ends: set(false) may be called more than once.
func (w *work) lasts(key string, set func(on bool)) {
	if set(w.on()); w.on() {
		w.hold(key, func() { set(false) })
	} else {
		w.c.letGo(key)
	}
}

// hooks has a hook of the server's stand while an order lasts. One of the same key ends.
func (w *work) hooks(key string, set func() (remove func())) {
	w.c.release(key)
	if w.on() {
		w.hold(key, set())
	}
}

// whom is what an order needs a shard to have.
type whom int

const (
	session whom = iota
	connection
)

// shards are those that an order names, of the newest total unless it says another.
func (w *work) shards(need whom) ([]gatewaytest.ShardStatus, error) {
	chosen, _ := w.args["shard"].(shards)
	there := w.server.Shards()
	total := w.number("total", newestTotal(there))
	var found []gatewaytest.ShardStatus
	for _, s := range there {
		if s.Shard.Total == total && (chosen.all || slices.Contains(chosen.indices, s.Shard.Index)) {
			if need == session || s.Conn != 0 {
				found = append(found, s)
			} else if !chosen.all {
				return nil, wrong("shard", "shard %v has no connection now (it is %s): wait until it is ready", s.Shard, s.State)
			}
		}
	}
	if !chosen.all && len(found) < len(chosen.indices) {
		for _, index := range chosen.indices {
			if !slices.ContainsFunc(found, func(s gatewaytest.ShardStatus) bool { return s.Shard.Index == index }) {
				return nil, wrong("shard", "shard %d has had no session: %s", index, those(there, total))
			}
		}
	}
	if len(found) == 0 {
		return nil, wrong("shard", "no shard has a %s: wait until one is ready", map[whom]string{session: "session", connection: "connection"}[need])
	}
	for _, s := range found {
		w.done.Shards = append(w.done.Shards, s.Shard)
	}
	return found, nil
}

// newestTotal is that of the newest session: a bot that is changing its number of shards has several.
func newestTotal(all []gatewaytest.ShardStatus) (total int) {
	newest := 0
	for _, s := range all {
		if s.Session > newest {
			newest, total = s.Session, s.Shard.Total
		}
	}
	return total
}

func those(all []gatewaytest.ShardStatus, total int) string {
	const most = 8
	var have []string
	for _, s := range all {
		if s.Shard.Total == total {
			have = append(have, fmt.Sprint(s.Shard.Index))
		}
	}
	switch {
	case len(have) == 0:
		return "no shard has yet; wait until they are ready"
	case len(have) > most:
		return fmt.Sprintf("those that have are %s … %s of %d", strings.Join(have[:most], ", "), have[len(have)-1], total)
	}
	return fmt.Sprintf("those that have are %s of %d", strings.Join(have, ", "), total)
}

// places are the guilds that an order is about: the one that it names, or the first of each of its shards.
func (w *work) places() (places []events.Snowflake, err error) {
	defer func() { w.done.Guilds = places }()
	if w.has("guild") {
		return []events.Snowflake{w.id("guild")}, nil
	}
	chosen, err := w.shards(session)
	if err != nil {
		return nil, err
	}
	for _, s := range chosen {
		guilds := w.world.Guilds(s.Shard)
		if len(guilds) == 0 {
			return nil, wrong("shard", "shard %v has no guild: start the server with guilds, or add one with add-guild", s.Shard)
		}
		places = append(places, guilds[0])
	}
	return places, nil
}
