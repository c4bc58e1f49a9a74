package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// tally counts what the handlers and the callers see. It does not ask the manager.
type tally struct {
	out io.Writer // where all is told

	delivered, duplicated, gaps, disorder atomic.Int64
	asked, answered, failed               atomic.Int64
	drops, reconnects, crashes            atomic.Int64

	mu   sync.Mutex
	last map[int]position
}

type position struct {
	session uint64
	seq     int64
}

// event judges the sequence of every event.
func (t *tally) event(_ context.Context, _ events.Raw, at events.Meta) {
	t.delivered.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		t.last = make(map[int]position)
	}
	last := t.last[at.Shard.Index]
	switch {
	case at.Session != last.session:
		if at.Seq != 1 {
			t.gaps.Add(at.Seq - 1)
		}
	case at.Seq == last.seq:
		t.duplicated.Add(1)
	case at.Seq < last.seq:
		t.disorder.Add(1)
	case at.Seq > last.seq+1:
		t.gaps.Add(at.Seq - last.seq - 1)
	}
	t.last[at.Shard.Index] = position{at.Session, at.Seq}
}

// say tells one line.
func (t *tally) say(format string, args ...any) {
	fmt.Fprintf(t.out, format+"\n", args...)
}

// notKnown stands for what only the gateway knows, when it runs elsewhere.
const notKnown = "not known"

// summary tells how it went, and reports whether all held that can be known. Of a gateway that runs elsewhere (nil) it is not known what
// it has sent, nor what it thinks of us.
func summary(status actors.Status, gateway *gatewaytest.Server, t *tally) bool {
	identifies, resumes, violations := 0, 0, 0
	var slowest time.Duration
	for _, shard := range status.Shards {
		identifies += shard.Identifies
		resumes += shard.Resumes
		slowest = max(slowest, shard.Latency)
	}
	lost := t.gaps.Load() // by the sequence
	sent, late, seen := notKnown, notKnown, notKnown
	if gateway != nil {
		stats := gateway.Stats()
		identifies, resumes, sent = stats.Identifies, stats.Resumes, strconv.Itoa(stats.Dispatched)
		lost = int64(stats.Dispatched) - (t.delivered.Load() - t.duplicated.Load())
		late = stats.Lateness.Round(time.Millisecond).String()
		for _, v := range gateway.Violations() {
			violations++
			t.say("violation: %v", v)
		}
		seen = strconv.Itoa(violations)
	}
	table := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "connections cut\t%d\n", t.drops.Load())
	fmt.Fprintf(table, "reconnects asked for (op 7)\t%d\n", t.reconnects.Load())
	fmt.Fprintf(table, "shard actors crashed\t%d\n", t.crashes.Load())
	fmt.Fprintf(table, "slowest heartbeat ACK\t%v\n", slowest.Round(time.Microsecond))
	fmt.Fprintf(table, "latest heartbeat\t%s\n", late)
	fmt.Fprintf(table, "send events that failed with an error\t%d\n", t.failed.Load())
	_ = table.Flush() // to standard output
	open := t.asked.Load() - t.answered.Load() - t.failed.Load()
	if gateway == nil {
		t.say("\nThe gateway runs elsewhere: what it has sent, and whether this bot has broken a rule of its, is not known here.")
		if t.asked.Load() == 0 {
			t.say("No member was asked for: none of the bot's guilds was told of in time.")
		}
	}
	t.say("\nshards ready: %d/%d   identifies: %d   resumes: %d   violations seen by the gateway: %s",
		status.Ready(), len(status.Shards), identifies, resumes, seen)
	t.say("events sent: %s   delivered: %d   lost: %d   duplicated: %d   out of order: %d",
		sent, t.delivered.Load(), lost, t.duplicated.Load(), t.disorder.Load())
	t.say("send events: %d asked   %d answered   %d without an outcome", t.asked.Load(), t.answered.Load(), open)
	return status.Ready() == len(status.Shards) && violations == 0 && lost == 0 &&
		t.duplicated.Load() == 0 && t.disorder.Load() == 0 && open == 0 &&
		(gateway == nil || identifies == len(status.Shards))
}
