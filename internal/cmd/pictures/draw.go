package main

import (
	"slices"
	"time"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// burst is what is written at one moment.
type burst struct {
	at time.Duration
	n  int
}

const (
	heartbeat = 41250 * time.Millisecond
	asked     = 100 // payloads at each of askedAt
)

var (
	askedAt = []time.Duration{45 * time.Second, 65 * time.Second}
	start   = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// slid are the bursts that a bucket makes of those that are asked for.
func slid(bucket ratelimit.Bucket) (all []burst) {
	waiting, next := 0, askedAt
	for now := time.Duration(0); waiting > 0 || len(next) > 0; now += 100 * time.Millisecond {
		if len(next) > 0 && now == next[0] {
			waiting, next = waiting+asked, next[1:]
		}
		n := 0
		for ; waiting > 0; waiting, n = waiting-1, n+1 {
			if ok, _ := bucket.Take(start.Add(now)); !ok {
				break
			}
			bucket.Wrote(start.Add(now))
		}
		if n > 0 {
			all = append(all, burst{now, n})
		}
	}
	return all
}

// worst is the most that is written in any 60 s, and when these begin.
func worst(all []burst) (most int, from time.Duration) {
	for _, first := range all {
		n := 0
		for _, b := range all {
			if b.at >= first.at && b.at < first.at+ratelimit.ConnectionPeriod {
				n += b.n
			}
		}
		if n > most {
			most, from = n, first.at
		}
	}
	return most, from
}

// connection shows two bursts that straddle a minute, with fixed windows and with the sliding one.
func connection() string {
	c := &canvas{width: 760, height: 330, what: "100 payloads at 45 s and 100 at 65 s: with fixed windows 200 go in 60 s; with the sliding one never more than the limit"}
	const left, right = 24, 736
	bucket := ratelimit.Local(ratelimit.SessionStart{}).Connection(ratelimit.Shard{}, heartbeat)
	at := func(d time.Duration) float64 { return left + (right-left)*d.Seconds()/140 }
	row := func(top float64, title string, all []burst, fixed bool) {
		base := top + 104
		c.text("title", "start", left, top, "%s", title)
		if fixed {
			for _, edge := range []time.Duration{0, time.Minute, 2 * time.Minute} {
				c.line("faint", at(edge), top+12, at(edge), base)
			}
		}
		most, from := worst(all)
		class := "good"
		if most > ratelimit.ConnectionLimit {
			class = "bad"
		}
		for _, b := range all {
			height := float64(b.n) * 0.5
			c.rect(class, at(b.at)-7, base-height, 14, height)
			c.text("", "middle", at(b.at), base-height-5, "%d", b.n)
		}
		c.line("line", left, base, right, base)
		c.rect("span", at(from)-16, top+16, at(from+ratelimit.ConnectionPeriod)-at(from), base-top-16)
		verdict := "in these 60 s: %d of 120"
		if most > ratelimit.ConnectionLimit {
			verdict = "in these 60 s: %d. Discord closes with 4008"
		}
		c.text("small", "end", at(from+ratelimit.ConnectionPeriod)-22, top+30, verdict, most)
	}
	var fixed []burst
	for _, d := range askedAt {
		fixed = append(fixed, burst{d, asked})
	}
	row(28, "Windows that begin each minute: all is sent when it is asked for", fixed, true)
	row(168, "Signalbox: the 60 s slide with each payload, and some are kept for heartbeats", slid(bucket), false)
	c.axis(left, right, 290, 140, 20)
	return c.String()
}

// identify shows when eight shards identify under two keys.
func identify() string {
	const shards, keys = 8, 2
	c := &canvas{width: 760, height: 170, what: "eight shards and two rate limit keys: two shards identify at once, and the next two 5.25 s later"}
	queue := ratelimit.Local(ratelimit.SessionStart{Total: 1000, Remaining: 1000, ResetAfter: 24 * time.Hour, MaxConcurrency: keys}).Identify()
	c.text("title", "start", 24, 28, "A start of eight shards, max_concurrency 2")
	at := c.axis(110, 736, 132, 20, 5)
	for key := range keys {
		y := 60 + 40*float64(key)
		c.text("", "start", 24, y+5, "key %d", key)
		c.line("faint", 110, y, 736, y)
	}
	for shard := range shards {
		queue.Ask(start, ratelimit.Shard{Index: shard, Total: shards})
	}
	for now := start; now.Before(start.Add(time.Minute)); now = now.Add(50 * time.Millisecond) {
		decisions, _ := queue.Decide(now)
		slices.SortFunc(decisions, func(a, b ratelimit.Decision) int { return a.Shard.Index - b.Shard.Index })
		for _, d := range decisions {
			queue.Used(now, d.Shard)
			x, y := at(now.Sub(start).Seconds()), 60+40*float64(d.Shard.Index%keys)
			c.add(`<circle class="good" cx="%.1f" cy="%.1f" r="6"/>`, x, y)
			c.text("", "start", x+10, y-5, "shard %d", d.Shard.Index)
		}
	}
	return c.String()
}

// budget shows what may be spent of a day's Identifies.
func budget() string {
	c := &canvas{width: 760, height: 150, what: "of 1000 Identifies of a day 240 are spent, 660 may be spent, and 100 are a reserve that is never spent"}
	queue := ratelimit.Local(ratelimit.SessionStart{Total: 1000, Remaining: 760, ResetAfter: 9 * time.Hour, MaxConcurrency: 1}).Identify()
	queue.Ask(start, ratelimit.Shard{})
	queue.Withdraw(start, ratelimit.Shard{}) // now it knows what time it is
	stats, spare := queue.(ratelimit.Cloner).Stats(start), queue.(ratelimit.Budgeter).Spare(start)
	c.text("title", "start", 24, 28, "The day's budget of %d, of which %d are left", stats.Total, stats.Remaining)
	x := 24.0
	for _, part := range []struct {
		class, what string
		n           int
	}{
		{"spent", "spent", stats.Total - stats.Remaining}, {"good", "may be spent", spare}, {"kept", "reserve", stats.Reserve},
	} {
		width := 712 * float64(part.n) / float64(stats.Total)
		c.rect(part.class, x, 46, width-2, 34)
		c.text("", "middle", x+width/2, 98, "%d", part.n)
		c.text("small", "middle", x+width/2, 114, "%s", part.what)
		x += width
	}
	c.text("small", "start", 24, 138, "Behind the reserve comes the end of all sessions, and of the token.")
	return c.String()
}
