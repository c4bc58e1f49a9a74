package soak_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// load is what happens in the guilds of a bot while it reshards, and what has become of it.
type load struct {
	gateway *gatewaytest.Server

	mu         sync.Mutex
	guilds     []events.Snowflake // the first of them are the busiest; one in five is quiet until the end
	written    map[message]bool
	numbers    map[events.Snowflake]int // messages, by guild
	came       map[message]int
	fresh      map[message]int          // of them, those that do not say that they may have come before
	latest     map[events.Snowflake]int // the message that came last, by guild
	disordered int
	asked      map[events.Snowflake]*asked // by the id that is asked for
	alive      map[int]bool                // connections that have a session
	peak       int                         // the most of them since began
}

// message is one of a guild, by its number.
type message struct {
	guild  events.Snowflake
	number int
}

// asked is a send.
type asked struct {
	killed         bool // the process that had begun it was, before its end
	reached, ended int
	err            string
}

func newLoad(gateway *gatewaytest.Server, guilds []events.Snowflake) *load {
	l := &load{
		gateway: gateway, guilds: guilds, written: make(map[message]bool), numbers: make(map[events.Snowflake]int), came: make(map[message]int), fresh: make(map[message]int),
		latest: make(map[events.Snowflake]int), asked: make(map[events.Snowflake]*asked), alive: make(map[int]bool),
	}
	gateway.OnEntry(l.entry)
	gateway.OnFrame(l.frame)
	return l
}

// reshardGuilds are those of the bot.
func reshardGuilds(n int) (ids []events.Snowflake) {
	for i := range n {
		ids = append(ids, events.Snowflake(1000+i)<<22)
	}
	return ids
}

// entry counts the sessions that are connected.
func (l *load) entry(e gatewaytest.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Kind {
	case gatewaytest.Began, gatewaytest.Resumed:
		l.alive[e.Conn] = true
		l.peak = max(l.peak, len(l.alive))
	case gatewaytest.Gone:
		delete(l.alive, e.Conn)
	}
}

// frame counts the sends that come to the gateway.
func (l *load) frame(f gatewaytest.Frame) (handled bool) {
	var asks events.RequestGuildMembers
	if f.Op != events.OpRequestGuildMembers || json.Unmarshal(f.Data, &asks) != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, who := range asks.UserIDs {
		l.ask(who).reached++
	}
	return false
}

// ask is the send for somebody. l is locked.
func (l *load) ask(who events.Snowflake) *asked {
	if l.asked[who] == nil {
		l.asked[who] = new(asked)
	}
	return l.asked[who]
}

// begin forgets the peak of before, and returns how many sessions there are.
func (l *load) begin() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.peak = len(l.alive)
	return l.peak
}

// most is the most sessions that there were since begin.
func (l *load) most() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.peak
}

// write writes a message in a guild.
func (l *load) write(guild events.Snowflake) {
	l.mu.Lock()
	l.numbers[guild]++
	n := l.numbers[guild]
	l.written[message{guild, n}] = true
	l.mu.Unlock()
	l.gateway.World().Message(guild, gatewaytest.Message{Content: strconv.Itoa(n)})
}

// talk has messages be written, so many in a second, until ctx ends.
func (l *load) talk(ctx context.Context, rate int, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		l.mu.Lock()
		i := int(random.Float64() * random.Float64() * float64(len(l.guilds)))
		guild := l.guilds[i]
		l.mu.Unlock()
		if i%5 != 4 {
			l.write(guild)
		}
	}
}

// join has the bot join a guild, in which messages are written from then on.
func (l *load) join(n int) {
	guild := events.Snowflake(100_000+n) << 22
	l.gateway.World().AddGuild(guild, nil)
	l.write(guild)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.guilds = append([]events.Snowflake{guild}, l.guilds...)
}

// hear takes a message that a handler was told of.
func (l *load) hear(guild events.Snowflake, number int, redelivered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := message{guild, number}
	if l.came[of]++; redelivered {
		return
	}
	l.fresh[of]++
	if number < l.latest[guild] {
		l.disordered++
	}
	l.latest[guild] = number
}

// last writes a message in each guild, also in those that were quiet.
func (l *load) last() {
	l.mu.Lock()
	all := l.guilds
	l.mu.Unlock()
	for _, guild := range all {
		l.write(guild)
	}
}

// missing is how many messages have not come yet.
func (l *load) missing() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for of := range l.written {
		if l.came[of] == 0 {
			n++
		}
	}
	return n
}

// judge prints what has become of all, and fails for what may not be.
func (l *load) judge(t *testing.T, kills int) {
	t.Helper()
	lost := l.missing()
	l.mu.Lock()
	defer l.mu.Unlock()
	repeated, unflagged, never := 0, 0, 0
	for of, n := range l.came {
		repeated += n - 1
		unflagged += max(l.fresh[of]-1, 0)
		if !l.written[of] {
			never++
		}
	}
	answered, failed, cut, open, again := 0, 0, 0, 0, 0
	for who, of := range l.asked {
		switch {
		case of.ended == 1 && of.err == "":
			answered++
		case of.ended == 1:
			failed++
			if kills == 0 {
				t.Errorf("send %v: %s", who, of.err)
			}
		case of.ended == 0 && of.killed:
			cut++
		default:
			open++
		}
		if of.reached > 1 {
			again++
		}
	}
	t.Logf("%d kills; %d messages: lost %d, repeated %d, of them not flagged %d, out of order %d; %d sends: %d answered, %d failed, %d ended with their process, without one outcome %d, sent twice %d; "+
		"identifies %d, resumes %d", kills, len(l.written), lost, repeated, unflagged, l.disordered, len(l.asked), answered, failed, cut, open, again, l.gateway.Stats().Identifies, l.gateway.Stats().Resumes)
	if lost+unflagged+never+l.disordered+open+again > 0 || kills == 0 && repeated+failed > 0 {
		t.Errorf("lost %d, not flagged %d, never written %d, out of order %d, sends without one outcome %d, sent twice %d", lost, unflagged, never, l.disordered, open, again)
	}
	l.gateway.RequireNoViolations(t)
}
