package recorder_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/recorder"
)

// TestDumpTellsWhatHappened: frames, what is written, sends and their ends, and moves with their causes.
func TestDumpTellsWhatHappened(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuilds(7<<22))
		flight := recorder.New()
		m := newManager(t, g, shardmanager.WithHooks(flight.Hooks()...))
		start(t, m)
		pass(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := (events.RequestGuildMembers{GuildID: 7 << 22, Query: events.Ptr("a"), Limit: events.Ptr(5)}).SendEvent(ctx, m); err != nil {
			t.Fatal(err)
		}
		g.Shard(0).Close(4000)
		pass(time.Minute)
		g.Shard(0).Drop()
		pass(time.Minute)
		all := lines(t, dump(t, flight))
		if all[0].Kind != "dump" || all[0].Reason != "asked for" || all[1].Kind != "shard" || all[1].Shard != "0/1" {
			t.Errorf("it begins with %+v, %+v", all[0], all[1])
		}
		for i, l := range all[3:] {
			if l.Shard != "0/1" || l.At < all[i+2].At {
				t.Errorf("out of order: %+v behind %+v", l, all[i+2])
			}
		}
		for what, fits := range map[string]func(line) bool{
			"Hello":       func(l line) bool { return l.Kind == "read" && *l.Op == 10 && l.Size > 40 && l.Conn == 1 },
			"Identify":    func(l line) bool { return l.Kind == "write" && *l.Op == 2 && l.Size > 100 },
			"READY":       func(l line) bool { return l.Kind == "read" && l.Type == "READY" && l.Seq == 1 && l.Conn == 1 },
			"RESUMED":     func(l line) bool { return l.Kind == "read" && l.Type == "RESUMED" && l.Conn == 2 },
			"chunk":       func(l line) bool { return l.Kind == "read" && l.Type == "GUILD_MEMBERS_CHUNK" && l.Seq == 3 },
			"heartbeat":   func(l line) bool { return l.Kind == "write" && *l.Op == 1 },
			"beat":        ofKind("beat"),
			"dial":        func(l line) bool { return l.Kind == "dial" && l.Conn == 2 },
			"connected":   ofKind("connected"),
			"asked":       func(l line) bool { return l.Kind == "identify" && l.Stage == "asked" },
			"queued":      func(l line) bool { return l.Kind == "send" && l.Stage == "queued" && *l.Op == 8 },
			"ended":       func(l line) bool { return l.Kind == "send" && l.Stage == "ended" && l.Outcome == "done" },
			"lost, coded": func(l line) bool { return l.Kind == "lost" && l.Code == 4000 },
			"move":        func(l line) bool { return l.Kind == "move" && l.To == "Backoff" && l.Code == 4000 && l.Cause != "" },
			"lost":        func(l line) bool { return l.Kind == "lost" && l.Code == 0 && l.Cause != "" && l.Conn == 2 },
		} {
			if len(find(all, fits)) == 0 {
				t.Errorf("%s is not told", what)
			}
		}
		if t.Failed() {
			t.Logf("%s", dump(t, flight))
		}
	})
}

// TestDumpIsBoundByAge: what is too old is not told.
func TestDumpIsBoundByAge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		flight := recorder.New(recorder.WithAge(2 * time.Minute))
		m := newManager(t, g, shardmanager.WithHooks(flight.Hooks()...))
		start(t, m)
		pass(time.Second)
		if found := find(lines(t, dump(t, flight)), ofKind("move")); len(found) < 4 {
			t.Errorf("%d moves", len(found))
		}
		pass(10 * time.Minute)
		all := lines(t, dump(t, flight))
		if old := find(all, func(l line) bool { return l.Kind == "move" || l.Type == "READY" }); len(old) > 0 {
			t.Errorf("old: %+v", old)
		}
		if beats := find(all, ofKind("beat")); len(beats) < 2 || len(beats) > 3 {
			t.Errorf("%d beats in 2 minutes", len(beats))
		}
	})
}

// TestFramesDoNotPushOutMoves: there is room for both, and what there was no room for is counted.
func TestFramesDoNotPushOutMoves(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuilds(7<<22))
		flight := recorder.New(recorder.WithBytes(8 << 10))
		m := newManager(t, g, shardmanager.WithHooks(flight.Hooks()...))
		start(t, m)
		const sent = 3000
		for i := range sent {
			g.Shard(0).Dispatch(events.Type("TYPING_START"), map[string]any{"n": i})
		}
		pass(time.Second)
		all := lines(t, dump(t, flight))
		reads := find(all, func(l line) bool { return l.Type == "TYPING_START" })
		if len(reads) < 500 || len(reads) > 1200 {
			t.Errorf("%d frames in 6 KiB", len(reads))
		}
		for i, l := range reads {
			if want := int64(2 + sent - len(reads) + 1 + i); l.Seq != want {
				t.Fatalf("frame %d has the sequence %d, want %d", i, l.Seq, want)
			}
		}
		if kept, left := len(reads), all[1].LeftOut; kept+left < sent || kept+left > sent+20 {
			t.Errorf("%d are kept, and %d left out, of %d", kept, left, sent)
		}
		if moves := find(all, ofKind("move")); len(moves) < 4 {
			t.Errorf("%d moves", len(moves))
		}
	})
}

// TestOneShardIsDumped: and none that is not there.
func TestOneShardIsDumped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(3), gatewaytest.WithMaxConcurrency(3))
		flight := recorder.New()
		m := newManager(t, g, shardmanager.WithHooks(flight.Hooks()...))
		start(t, m)
		key := actors.Key{Shard: events.ShardID{Index: 1, Total: 3}}
		all := lines(t, dump(t, flight, key))
		if len(all) < 10 {
			t.Errorf("%d lines", len(all))
		}
		for _, l := range all[1:] {
			if l.Shard != "1/3" {
				t.Errorf("%+v", l)
			}
		}
		if all := lines(t, dump(t, flight, actors.Key{Shard: events.ShardID{Index: 9, Total: 10}})); len(all) != 1 {
			t.Errorf("%+v", all)
		}
	})
}

// TestForgottenWhenGone: shards of before a reshard take no memory for ever.
func TestForgottenWhenGone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(4))
		flight := recorder.New()
		m := newManager(t, g, shardmanager.WithHooks(flight.Hooks()...))
		start(t, m)
		if err := m.Reshard(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		pass(30 * time.Minute)
		if err := m.Reshard(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
		shards := make(map[string]bool)
		for _, l := range find(lines(t, dump(t, flight)), ofKind("shard")) {
			shards[l.Shard] = true
		}
		if len(shards) != 7 || shards["0/2"] {
			t.Errorf("%v are kept, want those of 3 and 4", fmt.Sprint(shards))
		}
	})
}
