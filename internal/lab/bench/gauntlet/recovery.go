package main

import (
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// long has the scenarios of recovery take as many losses as shardmanager's tests in virtual time.
var long bool

// recoveries are measured at the gateway, from a loss until it sent RESUMED.
var recoveries = []scenario{
	{"recover-lost", "200 shards cut once each: RESUMED after p50 ≤ 0.1 s, max ≤ 1 s", false, "recovery", 8 * time.Minute, lostOnce(gatewaytest.Script.Drop)},
	{"recover-op7", "the same, by op 7", false, "recovery", 8 * time.Minute, lostOnce(gatewaytest.Script.Reconnect)},
	{"recover-outage", "200 shards after 45 s of outage, from its end: p50 ≤ 3 s", false, "recovery", 8 * time.Minute, func(lib library) (outcome, error) {
		return recovery{200, settled, outage(45 * time.Second), 3 * time.Second, patience}.run(lib)
	}},
	{"recover-flapping", "one shard cut every 3 s: p50 ≤ 0.5 s, max ≤ 5 s", false, "recovery", 30 * time.Minute, flapping(gatewaytest.Script.Drop)},
	{"recover-flapping-op7", "the same, by op 7", false, "recovery", 30 * time.Minute, flapping(gatewaytest.Script.Reconnect)},
	{"recover-all", "all shards cut at once, again and again: max ≤ 25 s", false, "alone", 30 * time.Minute, func(lib library) (outcome, error) {
		shards, rounds := 1000, 3
		if long {
			shards, rounds = 5000, 10
		}
		return recovery{shards, settled, cutAll(rounds, 10*time.Second), 25 * time.Second, 25 * time.Second}.run(lib)
	}},
}

const (
	settled  = 70 * time.Second // after which no library remembers how the connection came about
	patience = 2 * time.Minute  // a shard that is not back by then is given up
)

func lostOnce(hurt func(gatewaytest.Script)) func(library) (outcome, error) {
	const shards = 200
	return recovery{shards, settled, apart(shards, 300*time.Millisecond, hurt), 100 * time.Millisecond, time.Second}.run
}

func flapping(hurt func(gatewaytest.Script)) func(library) (outcome, error) {
	return func(lib library) (outcome, error) {
		losses := 20
		if long {
			losses = 200
		}
		return recovery{1, settled, apart(losses, 3*time.Second, hurt), 500 * time.Millisecond, 5 * time.Second}.run(lib)
	}
}

// recovery is a fleet that is connected, has a rest, and then has something happen to it.
type recovery struct {
	shards     int
	rest       time.Duration
	happens    func(*fleet) // until all are back, or given up
	half, most time.Duration
}

func (r recovery) run(lib library) (outcome, error) {
	f, err := beginFleet(lib, r.shards)
	if err != nil {
		return outcome{}, err
	}
	time.Sleep(r.rest)
	r.happens(f)
	return f.judge(r.half, r.most), nil
}

// apart hurts one shard after another, the first again after the last, and none that is not back
// from the time before. A loss is not put off because other shards are not back.
func apart(losses int, every time.Duration, hurt func(gatewaytest.Script)) func(*fleet) {
	return func(f *fleet) {
		for n := range losses {
			next := time.Now().Add(every)
			shard := n % f.shards
			f.lose(shard)
			hurt(f.server.Shard(shard))
			time.Sleep(time.Until(next))
			if _, ok := until(patience, func() bool { return !f.lost((n + 1) % f.shards) }); !ok {
				return
			}
		}
		f.regain()
	}
}

// outage refuses connections for a while. Time counts from its end.
func outage(d time.Duration) func(*fleet) {
	return func(f *fleet) {
		f.server.Outage(true)
		time.Sleep(d)
		f.lose(-1)
		f.server.Outage(false)
		f.regain()
	}
}

func cutAll(rounds int, rest time.Duration) func(*fleet) {
	return func(f *fleet) {
		for range rounds {
			f.lose(-1)
			f.server.DropAll()
			if !f.regain() {
				return
			}
			time.Sleep(rest)
		}
	}
}

// regain waits until no shard is lost.
func (f *fleet) regain() bool {
	_, ok := until(patience, func() bool { return f.missing() == 0 })
	return ok
}
