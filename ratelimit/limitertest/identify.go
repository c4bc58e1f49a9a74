package limitertest

import (
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// grant is one Identify.
type grant struct {
	shard ratelimit.Shard
	at    time.Time
}

// long is more than any check waits.
const long = 24 * time.Hour

// identify has all shards start at once and writes each Identify after a delay.
func identify(t *testing.T, o *Owner, shards int, delay func(shard int) time.Duration) []grant {
	t.Helper()
	var grants []grant
	failed := 0
	o.Decided = func(d ratelimit.Decision) {
		if d.Err != nil {
			t.Errorf("%v: %v", d.Shard, d.Err)
			failed++
			return
		}
		o.After(delay(d.Shard.Index), func() {
			grants = append(grants, grant{d.Shard, time.Now()})
			o.Used(d.Shard)
		})
	}
	for index := range shards {
		o.Ask(shard(shards - 1 - index))
	}
	if !o.Until(long, func() bool { return len(grants)+failed == shards }) {
		t.Fatalf("%d of %d were granted in %v", len(grants), shards, long)
	}
	return grants
}

func atOnce(int) time.Duration { return 0 }

// judge counts by brute force.
func judge(t *testing.T, grants []grant, keys int) {
	t.Helper()
	for i, g := range grants {
		within := 0
		for _, before := range grants[:i+1] {
			if g.at.Sub(before.at) >= ratelimit.IdentifyInterval {
				continue
			}
			within++
			if before != g && before.shard.Index%keys == g.shard.Index%keys {
				t.Fatalf("shards %v and %v of one key: %v apart", before.shard, g.shard, g.at.Sub(before.at))
			}
		}
		if within > keys {
			t.Fatalf("%d identifies within 5 s, of at most %d", within, keys)
		}
	}
}

func spacing(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	for _, keys := range []int{1, 3, 16, 64} {
		began := time.Now()
		shards := keys*10 + 1
		grants := identify(t, NewOwner(fresh(plenty(keys)).Identify()), shards, atOnce)
		judge(t, grants, keys)
		if took, most := time.Since(began), 10*ratelimit.IdentifyInterval*106/100; took > most {
			t.Errorf("max_concurrency %d: %d shards took %v, want at most %v", keys, shards, took, most)
		}
	}
}

func slowWrites(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	grants := identify(t, NewOwner(fresh(plenty(4)).Identify()), 40, func(shard int) time.Duration {
		return time.Duration(shard%9) * time.Second
	})
	judge(t, grants, 4)
}

func lowestFirst(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	grants := identify(t, NewOwner(fresh(plenty(2)).Identify()), 20, atOnce)
	last := map[int]int{0: -1, 1: -1}
	for _, g := range grants {
		if g.shard.Index < last[g.shard.Index%2] {
			t.Fatalf("shard %d after shard %d", g.shard.Index, last[g.shard.Index%2])
		}
		last[g.shard.Index%2] = g.shard.Index
	}
}

// quick requires that shard 0 is granted within a second.
func quick(t *testing.T, o *Owner, behind string) {
	t.Helper()
	began := time.Now()
	identify(t, o, 1, atOnce)
	if took := time.Since(began); took > time.Second {
		t.Errorf("behind %s it took %v", behind, took)
	}
}

func cancelled(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	o := NewOwner(fresh(plenty(1)).Identify())
	o.Decided = func(d ratelimit.Decision) { t.Errorf("%v has left, and was decided on", d.Shard) }
	for index := range 100 {
		o.Ask(shard(index))
		o.Withdraw(shard(index))
	}
	o.Run(0)
	quick(t, o, "100 who have left")
	// One that leaves after its grant gives its permit back.
	o.Run(10 * time.Second)
	hold(t, o, shard(1))
	o.Withdraw(shard(1))
	quick(t, o, "a holder that left")
}

// hold waits for a permit and keeps it.
func hold(t *testing.T, o *Owner, shard ratelimit.Shard) (got ratelimit.Decision) {
	t.Helper()
	answered := false
	o.Decided = func(d ratelimit.Decision) {
		if d.Shard == shard {
			got, answered = d, true
		}
	}
	o.Ask(shard)
	if !o.Until(long, func() bool { return answered }) || got.Err != nil {
		t.Fatalf("%v has no permit: %v", shard, got.Err)
	}
	return got
}

func released(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	o := NewOwner(fresh(plenty(1)).Identify())
	began := time.Now()
	for range 20 {
		hold(t, o, shard(0))
		o.Withdraw(shard(0))
		o.Used(shard(0)) // too late to count
	}
	if took := time.Since(began); took > ratelimit.IdentifyInterval {
		t.Errorf("20 released permits took %v", took)
	}
}

// expiry has a holder of which nothing is heard: its permit counts as used when it expires, not before and not after.
func expiry(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	o := NewOwner(fresh(plenty(1)).Identify())
	held := hold(t, o, shard(0))
	if !held.Expires.After(time.Now()) {
		t.Fatalf("a permit that has expired is granted")
	}
	o.After(time.Until(held.Expires)+time.Second, func() { o.Used(shard(0)) }) // too late to count
	hold(t, o, shard(1))
	if wait := time.Since(held.Expires); wait < ratelimit.IdentifyInterval || wait > ratelimit.IdentifyInterval*12/10 {
		t.Errorf("the next was granted %v after the permit had expired", wait)
	}
}

func again(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	o := NewOwner(fresh(plenty(1)).Identify())
	decided := 0
	o.Decided = func(ratelimit.Decision) { decided++ }
	o.Ask(shard(0), shard(0), shard(0))
	if o.Run(20 * time.Second); decided != 1 {
		t.Fatalf("who asked three times was decided on %d times", decided)
	}
	began := time.Now()
	hold(t, o, shard(0))
	if took := time.Since(began); took > time.Second {
		t.Errorf("who has a permit and asks again waits for %v", took)
	}
	o.Used(shard(0))
	began = time.Now()
	hold(t, o, shard(0))
	if took := time.Since(began); took < ratelimit.IdentifyInterval {
		t.Errorf("who has used its permit and asks again waits for %v", took)
	}
}

// generations has one shard in two of them: each has a permit of its own, and they have one key.
func generations(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	o := NewOwner(fresh(plenty(16)).Identify())
	var grants []grant
	o.Decided = func(d ratelimit.Decision) {
		if d.Err != nil {
			t.Errorf("%v: %v", d.Shard, d.Err)
		}
		grants = append(grants, grant{d.Shard, time.Now()})
		o.Used(d.Shard)
	}
	for generation := range uint64(2) {
		for index := range 32 {
			o.Ask(ratelimit.Shard{Generation: generation + 1, Index: index, Total: 32})
		}
	}
	o.Withdraw(ratelimit.Shard{Generation: 2, Index: 5, Total: 32})
	o.Run(5 * time.Minute)
	judge(t, grants, 16)
	seen := make(map[ratelimit.Shard]int)
	for i, g := range grants {
		if seen[g.shard]++; seen[g.shard] > 1 {
			t.Errorf("%v is granted twice", g.shard)
		}
		if i < 16 && g.shard.Generation != 1 {
			t.Errorf("%v comes before those of the generation before", g.shard)
		}
	}
	if len(grants) != 63 || seen[ratelimit.Shard{Generation: 1, Index: 5, Total: 32}] != 1 {
		t.Errorf("%d of 63 were granted", len(grants))
	}
}

// once calls Decide far more often than it has to.
func once(t *testing.T, fresh func(ratelimit.SessionStart) ratelimit.RateLimiter) {
	o := NewOwner(fresh(plenty(2)).Identify())
	seen := make(map[ratelimit.Shard]int)
	o.Decided = func(d ratelimit.Decision) {
		seen[d.Shard]++
		o.After(time.Second, func() { o.Used(d.Shard) })
	}
	for at := time.Duration(0); at < 2*time.Minute; at += 100 * time.Millisecond {
		o.After(at, func() { o.changed = true })
	}
	for index := range 10 {
		o.Ask(shard(index))
	}
	o.Run(2 * time.Minute)
	for shard, n := range seen {
		if n != 1 {
			t.Errorf("%v was decided on %d times", shard, n)
		}
	}
	if len(seen) != 10 {
		t.Errorf("%d of 10 were granted", len(seen))
	}
}
