package sim

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// passing are the close codes after which a shard goes on.
var passing = []events.CloseCode{1000, 1001, 1006, 1011, 1012, 3000, 4000, 4001, 4002, 4003, 4005, 4006, 4007, 4008, 4009, 4015, 4999}

// final are those after which it does not.
var final = []events.CloseCode{4004, 4010, 4011, 4012, 4013, 4014}

// inject does one fault. What lasts is ended by a timer of its own.
func (sim *simulation) inject(f Injection) {
	kind := f.Kind
	random := rand.New(rand.NewPCG(sim.plan.Seed^0x6661756c, uint64(f.At)))
	f.Shard = sim.target(f)
	script, at := sim.script(f.Shard), f.Shard
	if slices.Contains(ofSupervisor, kind) {
		at = -1
	}
	sim.record(Record{Witness: Fault, What: "inject " + kind, Shard: at, For: f.For, Seq: int64(f.N)})
	lasting := func(begin, end func()) {
		begin()
		sim.work.Go(func() {
			select {
			case <-time.After(f.For):
			case <-sim.over:
			}
			end()
			sim.record(Record{Witness: Fault, What: "end " + kind, Shard: f.Shard})
		})
	}
	link := func(change func(*pair)) {
		if p := sim.net.latest(f.Shard); p != nil {
			p.mu.Lock()
			change(p)
			p.mu.Unlock()
		}
	}
	switch kind {
	case "drop":
		if p := sim.net.latest(f.Shard); p != nil {
			p.reset()
		}
	case "reset-all":
		sim.net.each(func(p *pair) {
			if p.shard >= 0 {
				p.reset()
			}
		})
	case "cut":
		link(func(p *pair) { p.cutIn = 1 + f.N%20 })
	case "hole":
		link(func(p *pair) { p.dropped, p.sinceDropped = true, time.Now() })
	case "stall":
		link(func(p *pair) { p.extra += f.For / 4 })
	case "outage":
		lasting(func() {
			sim.net.set(&sim.net.refused, true)
			sim.net.each(func(p *pair) {
				if p.shard >= 0 {
					p.reset()
				}
			})
		}, func() { sim.net.set(&sim.net.refused, false) })
	case "hang":
		lasting(func() { sim.net.set(&sim.net.hanging, true) }, func() { sim.net.set(&sim.net.hanging, false) })
	case "dns":
		lasting(func() { sim.net.set(&sim.net.failing, true) }, func() { sim.net.set(&sim.net.failing, false) })
	case "resume-host":
		lasting(func() { sim.net.set(&sim.net.resumes, true) }, func() { sim.net.set(&sim.net.resumes, false) })
	case "lag":
		lag := f.For / 4
		if sim.plan.Reshards { // no more than what two sessions may be apart
			lag = min(lag, 1900*time.Millisecond)
		}
		lasting(func() { script.Lag(lag) }, func() { script.Lag(0) })
	case "disorder":
		within := min(f.For/4, 1900*time.Millisecond)
		lasting(func() { script.Disorder(within + 1) }, func() { script.Disorder(0) })
	case "guild-outage":
		guild := sim.plan.guildOf(f.Shard, f.N)
		lasting(func() { sim.outage(guild, true) }, func() { sim.outage(guild, false) })
	case "guild-gone":
		guild := sim.plan.guildOf(f.Shard, f.N)
		lasting(func() { sim.remove(guild, true) }, func() { sim.remove(guild, false) })
	case "freeze":
		lasting(func() { script.Freeze(true) }, func() { script.Freeze(false) })
	case "op7":
		script.Reconnect()
	case "op9-true", "op9-false":
		script.InvalidSession(kind == "op9-true")
	case "close":
		script.Close(passing[f.N%len(passing)])
	case "fatal":
		script.Close(final[f.N%len(final)])
	case "mute":
		script.MuteAcks(true)
	case "op1":
		script.RequestHeartbeat()
	case "op1-flood":
		for range 20 + f.N {
			script.RequestHeartbeat()
		}
	case "garbage":
		script.SendRaw([]byte([]string{`nonsense`, `{"op":`, `[]`, `{"op":"0"}`, `{}`, `{"op":null}`}[f.N%6]))
	case "unknown-op":
		script.SendRaw([]byte(`{"op":99,"d":{"a":1},"s":null,"t":null}`))
	case "unknown-type":
		script.Dispatch("NEVER_HEARD_OF", []any{1, "two", nil})
	case "wrong-types":
		message := map[string]any{"id": strconv.FormatUint(random.Uint64()>>1, 10), "content": 7, "author": []any{nil}, "mentions": map[string]any{"a": 1}, "timestamp": true}
		if f.N%3 == 0 {
			message["id"] = []int{1} // a fact no more
		}
		script.Dispatch("MESSAGE_CREATE", message)
	case "twice":
		if seq := script.Seq(); seq > 0 && script.Live() {
			script.SendRaw([]byte(`{"op":0,"t":"MESSAGE_CREATE","s":1,"d":{"content":"again"}}`))
		}
	case "ack":
		script.SendRaw([]byte(`{"op":11,"d":null}`))
		script.SendRaw([]byte(`{"op":11}`))
	case "hello":
		script.SendRaw([]byte(`{"op":10,"d":{"heartbeat_interval":1000}}`))
	case "event-burst":
		for range f.N {
			sim.makeEvent(f.Shard, random)
		}
	case "burst", "presences":
		first := number(f.Shard, 100+int(f.At/time.Millisecond), 0)
		first, sim.bursts[first] = first+1000*sim.bursts[first], sim.bursts[first]+1
		for i := range 20 + f.N/3 {
			what := 1 // presences
			if kind == "burst" {
				what = random.IntN(7)
			}
			timeout := time.Duration(random.ExpFloat64() * float64(time.Minute))
			sim.work.Go(func() {
				time.Sleep(time.Duration(i) * time.Microsecond)
				sim.send(f.Shard, what, first+i, min(timeout, 5*time.Minute))
			})
		}
	case "block":
		sim.plot("blocked", f.Shard, 1+int(f.For/time.Second)*5)
	case "panic":
		sim.plot("panic", f.Shard, 1+f.N%3)
	case "crash":
		sim.plot("crash", f.Shard, 1+f.N%2)
	case "crash-supervisor":
		sim.plot("crash", -1, 1+f.N%3)
	case "restart-shard":
		sim.operate(sim.current(), f.Shard, "restart")
	case "no-hello", "bad-hello", "op7-first", "op9-first", "two-hellos", "no-ready", "no-resumed", "op9-resume", "close-resume":
		sim.plot(kind, f.Shard, 1+f.N%3)
		if p := sim.net.latest(f.Shard); p != nil {
			p.reset()
		}
	case "close-first":
		sim.plot("no-hello", f.Shard, 1)
		if p := sim.net.latest(f.Shard); p != nil {
			p.reset()
		}
	case "forget":
		sim.server.ForgetSessions()
		if p := sim.net.latest(f.Shard); p != nil {
			p.reset()
		}
	case "reject": // no session lives, and none begins
		for shard := range sim.plan.Shards {
			sim.plot("reject", shard, 1000)
		}
		sim.server.ForgetSessions()
		sim.net.each((*pair).reset)
	case "store-slow", "store-fails":
		sim.sick.mu.Lock()
		if kind == "store-slow" {
			sim.sick.slow = time.Now().Add(f.For)
		} else {
			sim.sick.fails = time.Now().Add(f.For)
		}
		sim.sick.mu.Unlock()
	case "api-500", "api-429", "api-garbage":
		sim.plot(kind, 0, 1+f.N%3)
	case "remaining":
		// Another process with the same token spends some, but not the reserve.
		sim.mu.Lock()
		left := sim.plan.Budget - sim.spent
		spends := left/2 - sim.plan.Reserve
		if spends = f.N % max(spends, 1); time.Since(sim.begin) < sim.plan.Period && spends > 0 {
			sim.spent += spends
		} else {
			spends = 0
		}
		sim.mu.Unlock()
		if spends > 0 {
			sim.server.SetSessionStarts(left - spends)
			sim.record(Record{Witness: Fault, What: "remaining", Shard: -1, Seq: int64(left - spends)})
		}
	case "kill", "restart":
		sim.mu.Lock()
		p := sim.process
		sim.mu.Unlock()
		if kind == "kill" {
			p.kill()
		} else {
			p.close(false)
		}
		sim.forgetful(min(f.For, 20*time.Second) / 4)
		sim.start()
	case "stop", "pause", "drain", "flap", "fatal-shard", "rehearse":
		if kind == "fatal-shard" {
			script.Close(final[1+f.N%2])
		}
		sim.meddle(f)
	case "reidentify":
		sim.record(Record{Witness: Operator, What: "renews", Process: sim.current().number, Shard: f.Shard})
		sim.operate(sim.current(), f.Shard, "reidentify")
	case "rolling":
		sim.rolling(f)
	case "move":
		sim.move(f)
	case "handover":
		sim.handover(f)
	case "reshard":
		sim.reshard(f)
	case "note-kill":
		sim.dieWriting(f)
	case "warm":
		sim.warm(f)
	case "mend":
		sim.plot(kind, f.Shard, 1)
		script.Close(final[1+f.N%2])
	case "flaky":
		sim.flaky(f)
	case "hook-panic":
		sim.plot(kind, f.Shard, 1+f.N%20)
	case "stop-actor", "poison-actor", "stop-supervisor":
		sim.current().stopFromOutside(f)
	case "crash-on":
		sim.plot(kind+" "+toSupervisor[f.N%len(toSupervisor)], -1, 1)
	case "crash-shard-on":
		sim.plot(kind+" "+toShard[f.N%len(toShard)], f.Shard, 1)
	case "late":
		sim.current().dispatch.hold(-1, min(f.For/8, lateMost))
	case "revive":
		if p := sim.current(); p.ended() {
			p.close(false)
			sim.forgetful(0)
			sim.start()
		}
	default:
		sim.t.Fatalf("no such fault: %q", kind)
	}
}

// forgetful waits before the next process: for longer if nobody remembers when the last Identify was.
func (sim *simulation) forgetful(pause time.Duration) {
	if !sim.plan.Store {
		pause += 6 * time.Second
	}
	time.Sleep(pause)
}
