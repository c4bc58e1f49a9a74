package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// call sends events, one after another, until the run is over.
func (sim *simulation) call(shard, caller int) {
	random := rand.New(rand.NewPCG(sim.plan.Seed^0x63616c6c, uint64(shard)<<16|uint64(caller)))
	for n := 1; ; n++ {
		select {
		case <-sim.over:
			return
		case <-time.After(time.Duration(random.ExpFloat64()*float64(sim.plan.Calls)) + 1):
		}
		timeout := []time.Duration{50 * time.Millisecond, time.Second, 10 * time.Second, time.Minute, 5 * time.Minute}[random.IntN(5)]
		sim.send(shard, random.IntN(7), number(shard, caller, n), timeout)
	}
}

const (
	callsOfCaller  = 1e6
	callersOfShard = 1e8
)

// number is a caller's call, which no other has.
func number(shard, caller, n int) int {
	return ((shard+1)*callersOfShard+caller+1)*callsOfCaller + n
}

// join is a call to join a channel, which no other call asks for.
type join struct{ guild, channel events.Snowflake }

// joins are all of them.
type joins struct {
	mu    sync.Mutex
	ends  int
	ended map[join]int // when, as a number of ends; 0: it is on its way
}

// begin notes a call, and how many have ended before it.
func (j *joins) begin(call join) (before int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ended[call] = 0
	return j.ends
}

func (j *joins) end(call join) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ends++
	j.ended[call] = j.ends
}

// answers reports whether the bot may be found in a channel that another call asked for: one that another call overtakes is answered by
// where the bot is then. A call that was over before ours began overtakes nothing.
func (j *joins) answers(before int, other join) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	ended, asked := j.ended[other]
	return asked && (ended == 0 || ended > before)
}

// send makes one call and notes its outcome.
func (sim *simulation) send(shard, kind, call int, timeout time.Duration) {
	sim.mu.Lock()
	p := sim.process
	sim.mu.Unlock()
	id := events.Snowflake(call)
	guild := sim.plan.guildOf(shard, call)
	switch {
	case sim.plan.Reshards && (kind == 1 || kind == 3):
		kind = 4 // it is of no guild
	case sim.plan.Reshards && kind == 0:
		kind = 2 // a reshard asks for the bot's channels again, which the laws would take for calls
	}
	var op events.Opcode
	var do func(context.Context, events.Sender) (wrong string, err error)
	switch kind {
	case 0:
		op = events.OpVoiceStateUpdate
		do = func(ctx context.Context, s events.Sender) (string, error) {
			before := sim.joins.begin(join{guild, id})
			defer sim.joins.end(join{guild, id})
			got, err := events.UpdateVoiceState{GuildID: guild, ChannelID: events.Ptr(id)}.SendEvent(ctx, s)
			if err == nil && (got.State == nil || got.State.ChannelID == nil || !sim.joins.answers(before, join{guild, *got.State.ChannelID})) {
				return "another's channel", nil
			}
			return "", err
		}
	case 1:
		op = events.OpPresenceUpdate
		do = func(ctx context.Context, s events.Sender) (string, error) {
			_, err := events.UpdatePresence{Status: "online", Activities: []events.Activity{{Name: id.String()}}}.SendEvent(ctx, s)
			return "", err
		}
	case 2:
		op = events.OpRequestSoundboardSounds
		do = func(ctx context.Context, s events.Sender) (string, error) {
			_, err := events.RequestSoundboardSounds{GuildIDs: []events.Snowflake{guild}}.SendEvent(ctx, s)
			return "", err
		}
	case 3:
		op = events.OpHeartbeat
		do = func(ctx context.Context, s events.Sender) (string, error) {
			_, err := events.Heartbeat{}.SendEvent(ctx, s)
			return "", err
		}
	default:
		op = events.OpRequestGuildMembers
		do = func(ctx context.Context, s events.Sender) (string, error) {
			got, err := events.RequestGuildMembers{GuildID: guild, UserIDs: []events.Snowflake{id}}.SendEvent(ctx, s)
			if err == nil && !slices.Equal(got.NotFound, []events.Snowflake{id}) {
				return fmt.Sprintf("another's members: %d, not found %v", len(got.Members), got.NotFound), nil
			}
			return "", err
		}
	}
	text := ""
	if op == events.OpVoiceStateUpdate || op == events.OpPresenceUpdate || op == events.OpRequestGuildMembers {
		text = id.String()
	}
	sim.record(Record{Witness: Caller, What: "call", Process: p.number, Shard: shard, Op: op, Call: call, For: timeout, Text: text})
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	if call%2 == 0 { // it goes away without having said when
		cancel()
		ctx, cancel = context.WithCancel(context.Background())
		defer time.AfterFunc(timeout, cancel).Stop()
	}
	defer cancel()
	begin := time.Now()
	to := events.Sender(p.m.Shard(shard))
	if sim.plan.Reshards {
		to = p.m
	}
	wrong, err := do(ctx, to)
	if p.dead.Load() {
		sim.record(Record{Witness: Caller, What: "died", Process: p.number, Shard: shard, Op: op, Call: call})
		return
	}
	r := Record{Witness: Caller, What: "return", Process: p.number, Shard: shard, Op: op, Call: call, For: time.Since(begin), Text: outcome(err)}
	if wrong != "" {
		r.Text = "wrong: " + wrong
	} else if err != nil {
		r.Text += ": " + err.Error()
	}
	sim.record(r)
}
