package sim

import (
	"math/rand/v2"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// passing are the close codes after which a shard goes on.
var passing = []events.CloseCode{1000, 1001, 1006, 1011, 1012, 3000, 4000, 4001, 4002, 4003, 4005, 4006, 4007, 4008, 4009, 4015, 4999}

// final are those after which it does not.
var final = []events.CloseCode{4004, 4010, 4011, 4012, 4013, 4014}

// inject does one fault. What lasts is ended by a timer of its own.
func (w *world) inject(f Injection) {
	kind := f.Kind
	random := rand.New(rand.NewPCG(w.plan.Seed^0x6661756c, uint64(f.At)))
	script := w.server.Shard(f.Shard)
	w.record(Record{Witness: Fault, What: "inject " + kind, Shard: f.Shard, For: f.For, Seq: int64(f.N)})
	lasting := func(begin, end func()) {
		begin()
		w.work.Go(func() {
			select {
			case <-time.After(f.For):
			case <-w.over:
			}
			end()
			w.record(Record{Witness: Fault, What: "end " + kind, Shard: f.Shard})
		})
	}
	link := func(change func(*pair)) {
		if p := w.net.latest(f.Shard); p != nil {
			p.mu.Lock()
			change(p)
			p.mu.Unlock()
		}
	}
	switch kind {
	case "drop":
		if p := w.net.latest(f.Shard); p != nil {
			p.reset()
		}
	case "reset-all":
		w.net.each(func(p *pair) {
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
			w.net.set(&w.net.refused, true)
			w.net.each(func(p *pair) {
				if p.shard >= 0 {
					p.reset()
				}
			})
		}, func() { w.net.set(&w.net.refused, false) })
	case "hang":
		lasting(func() { w.net.set(&w.net.hanging, true) }, func() { w.net.set(&w.net.hanging, false) })
	case "dns":
		lasting(func() { w.net.set(&w.net.failing, true) }, func() { w.net.set(&w.net.failing, false) })
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
		script.Dispatch("MESSAGE_CREATE", map[string]any{"id": []int{1}, "content": 7, "author": nil})
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
			w.makeEvent(f.Shard, random)
		}
	case "burst", "presences":
		for i := range 20 + f.N/3 {
			what := 1 // presences
			if kind == "burst" {
				what = random.IntN(7)
			}
			timeout := time.Duration(random.ExpFloat64() * float64(time.Minute))
			w.work.Go(func() {
				time.Sleep(time.Duration(i) * time.Microsecond)
				w.send(f.Shard, what, number(f.Shard, 100+int(f.At/time.Millisecond), i), min(timeout, 5*time.Minute))
			})
		}
	case "block":
		w.plot("blocked", f.Shard, 1+int(f.For/time.Second)*5)
	case "panic":
		w.plot("panic", f.Shard, 1+f.N%3)
	case "crash":
		w.plot("crash", f.Shard, 1+f.N%2)
	case "crash-supervisor":
		w.plot("crash", -1, 1+f.N%3)
	case "restart-shard":
		w.mu.Lock()
		p := w.process
		w.mu.Unlock()
		if err := p.m.Restart(w.t.Context(), f.Shard); err != nil {
			w.record(Record{Witness: Process, What: "unrestarted", Process: p.number, Shard: f.Shard, Text: err.Error()})
		}
	case "no-hello", "bad-hello", "op7-first", "op9-first", "two-hellos", "no-ready", "no-resumed", "op9-resume", "close-resume":
		w.plot(kind, f.Shard, 1+f.N%3)
		if p := w.net.latest(f.Shard); p != nil {
			p.reset()
		}
	case "close-first":
		w.plot("no-hello", f.Shard, 1)
		if p := w.net.latest(f.Shard); p != nil {
			p.reset()
		}
	case "forget":
		w.server.ForgetSessions()
		if p := w.net.latest(f.Shard); p != nil {
			p.reset()
		}
	case "reject": // no session lives, and none begins
		for shard := range w.plan.Shards {
			w.plot("reject", shard, 1000)
		}
		w.server.ForgetSessions()
		w.net.each((*pair).reset)
	case "store-slow", "store-fails":
		w.sick.mu.Lock()
		if kind == "store-slow" {
			w.sick.slow = time.Now().Add(f.For)
		} else {
			w.sick.fails = time.Now().Add(f.For)
		}
		w.sick.mu.Unlock()
	case "api-500", "api-429", "api-garbage":
		w.plot(kind, 0, 1+f.N%3)
	case "remaining":
		// Another process with the same token spends some, but not the reserve.
		w.mu.Lock()
		left := w.plan.Budget - w.spent
		spends := left/2 - w.plan.Reserve
		if spends = f.N % max(spends, 1); time.Since(w.begin) < w.plan.Period && spends > 0 {
			w.spent += spends
		} else {
			spends = 0
		}
		w.mu.Unlock()
		if spends > 0 {
			w.server.SetSessionStarts(left - spends)
			w.record(Record{Witness: Fault, What: "remaining", Shard: -1, Seq: int64(left - spends)})
		}
	case "kill", "restart":
		w.mu.Lock()
		p := w.process
		w.mu.Unlock()
		if kind == "kill" {
			p.kill()
		} else {
			p.close(false)
		}
		pause := min(f.For, 20*time.Second) / 4
		if !w.plan.Store { // nobody remembers when the last Identify was
			pause += 6 * time.Second
		}
		time.Sleep(pause)
		w.start()
	default:
		w.t.Fatalf("no such fault: %q", kind)
	}
}

// heal ends all faults.
func (w *world) heal() {
	w.net.set(&w.net.refused, false)
	w.net.set(&w.net.hanging, false)
	w.net.set(&w.net.failing, false)
	w.mu.Lock()
	clear(w.moods)
	w.mu.Unlock()
	for shard := range w.plan.Shards {
		w.server.Shard(shard).Freeze(false)
		w.server.Shard(shard).MuteAcks(false)
	}
	w.net.each(func(p *pair) {
		p.mu.Lock()
		p.extra, p.cutIn = 0, -1
		p.mu.Unlock()
	})
	w.sick.mu.Lock()
	w.sick.slow, w.sick.fails = time.Time{}, time.Time{}
	w.sick.mu.Unlock()
	w.healed.Store(true)
	w.record(Record{Witness: Fault, What: "healed", Shard: -1})
}
