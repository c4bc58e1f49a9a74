package main

import "time"

// scenario is one row of the table.
type scenario struct {
	name  string
	title string
	quick bool          // a test runs it against signalbox
	slow  bool          // only with -slow
	limit time.Duration // after which the process is ended
	run   func(library) (outcome, error)
}

var scenarios = []scenario{
	{"reconnect", "op 7: resume, nothing lost", true, false, 30 * time.Second, reconnect},
	{"op7-first", "op 7 in place of Hello while reconnecting", false, false, 40 * time.Second, op7First},
	{"no-hello", "Hello never comes while reconnecting", false, false, 50 * time.Second, noHello},
	{"half-open", "half-open connection, found within 1 interval + 15 s", false, false, 50 * time.Second, halfOpen},
	{"instant-acks", "ACKs without delay: 12 s, no reconnect", false, false, 40 * time.Second, instantACKs},
	{"two-hellos", "a second Hello: one heartbeat loop", false, false, 40 * time.Second, twoHellos},
	{"burst", "125 sends at once: heartbeats go on, 120 in 60 s hold", false, false, 50 * time.Second, burst},
	{"handler-blocks", "a handler blocks 8 s: heartbeats go on, no reconnect", false, false, 50 * time.Second, handlerBlocks},
	{"handler-panics", "a handler panics: the bot goes on", true, false, 30 * time.Second, handlerPanics},
	{"cut-mid-frame", "cut within frames 5 times: each event once", false, false, 120 * time.Second, cutMidFrame},
	{"op9-true", "op 9, resumable: resume, nothing lost", false, false, 50 * time.Second, op9True},
	{"op9-false", "op 9, not resumable: one new session", false, false, 50 * time.Second, op9False},
	{"identify-refused", "op 9 in answer to Identifies for 5 s: at most 5 of them", false, false, 50 * time.Second, identifyRefused},
	{"dead-resume-url", "resume URL is dead: back within 30 s by the main one", false, false, 60 * time.Second, deadResumeURL},
	{"hostile-resume-url", "resume URL of another host: the token stays home", false, false, 60 * time.Second, hostileResumeURL},
	{"4004", "close 4004: no further connection in 8 s", false, false, 30 * time.Second, rejected},
	{"close-in-outage", "Close while reconnecting: ends, and stays ended", false, false, 60 * time.Second, closeInOutage},
	{"bomb", "a small message inflates to 256 MiB: refused, memory bounded", false, false, 60 * time.Second, bomb},
	{"240-sends", "240 sends: never above 120 in any 60 s", false, true, 180 * time.Second, sends240},
}
