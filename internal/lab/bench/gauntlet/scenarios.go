package main

import (
	"slices"
	"time"
)

// scenario is one row of the table.
type scenario struct {
	name  string
	title string
	quick bool          // a test runs it against signalbox
	group string        // "slow", "recovery": only with the flag of this name; "alone": as "recovery", and beside no other cell
	limit time.Duration // after which the process is ended
	run   func(library) (outcome, error)
}

var scenarios = slices.Concat([]scenario{
	{"reconnect", "op 7: resume, nothing lost", true, "", 30 * time.Second, reconnect},
	{"op7-first", "op 7 in place of Hello while reconnecting", false, "", 40 * time.Second, op7First},
	{"no-hello", "Hello never comes while reconnecting", false, "", 50 * time.Second, noHello},
	{"half-open", "half-open connection, found within 1 interval + 15 s", false, "", 50 * time.Second, halfOpen},
	{"instant-acks", "ACKs without delay: 12 s, no reconnect", false, "", 40 * time.Second, instantACKs},
	{"two-hellos", "a second Hello: one heartbeat loop", false, "", 40 * time.Second, twoHellos},
	{"burst", "125 sends at once: heartbeats go on, 120 in 60 s hold", false, "", 50 * time.Second, burst},
	{"handler-blocks", "a handler blocks 8 s: heartbeats go on, no reconnect", false, "", 50 * time.Second, handlerBlocks},
	{"handler-panics", "a handler panics: the bot goes on", true, "", 30 * time.Second, handlerPanics},
	{"cut-mid-frame", "cut within frames 5 times: each event once", false, "", 120 * time.Second, cutMidFrame},
	{"op9-true", "op 9, resumable: resume, nothing lost", false, "", 50 * time.Second, op9True},
	{"op9-false", "op 9, not resumable: one new session", false, "", 50 * time.Second, op9False},
	{"identify-refused", "op 9 in answer to Identifies for 5 s: at most 5 of them", false, "", 50 * time.Second, identifyRefused},
	{"dead-resume-url", "resume URL is dead: back within 30 s by the main one", false, "", 60 * time.Second, deadResumeURL},
	{"hostile-resume-url", "resume URL of another host: the token stays home", false, "", 60 * time.Second, hostileResumeURL},
	{"4004", "close 4004: no further connection in 8 s", false, "", 30 * time.Second, rejected},
	{"close-in-outage", "Close while reconnecting: ends, and stays ended", false, "", 60 * time.Second, closeInOutage},
	{"bomb", "a small message inflates to 256 MiB: refused, memory bounded", false, "", 60 * time.Second, bomb},
	{"240-sends", "240 sends: never above 120 in any 60 s", false, "slow", 180 * time.Second, sends240},
}, recoveries)
