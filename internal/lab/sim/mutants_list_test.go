package sim_test

// mutants are drawn from what went wrong elsewhere, and from what the simulation found here.
var mutants = []mutant{
	// Heartbeats.
	{name: "first beat after two intervals", law: "T-1", breaks: []breach{{"first-beat-within-interval", arg(0, "2*interval")}}},
	{name: "a beat is skipped now and then", law: "T-1", breaks: []breach{{"every-interval-has-a-beat", after("if h.next.UnixNano()%5 == 0 { return false }")}}},
	{name: "a second Hello starts the rhythm anew", law: "T-1", breaks: []breach{{"second-hello-changes-nothing", before("if m.state != AwaitingHello { m.beat.start(m.now, m.beat.interval+1, m.random) }")}}},
	{name: "handlers run on the actor", law: "T-1|T-5|panic", breaks: []breach{{"handlers-run-apart", inline()}}},
	{name: "beats that are asked for are ignored", law: "T-2", breaks: []breach{{"beat-asked-for-within-reserve", never()}}},
	{name: "a flood of op 1 is answered in full", law: "I-2", breaks: []breach{{"beat-asked-for-within-reserve", always()}}},
	{name: "beats name a sequence ahead", law: "gateway's rules", breaks: []breach{{"beat-names-last-sequence", arg(1, "m.cursor.Seq+1")}}},
	{name: "a dead connection is never found", law: "T-3|L-1", breaks: []breach{{"silence-has-an-end", arg(0, "1000*time.Hour")}}},
	{name: "silence counts after five intervals", law: "T-3", breaks: []breach{{"silence-has-an-end", arg(0, "5*h.interval")}}},
	{name: "only a Hello is a sign of life", law: "T-3|L-3", breaks: []breach{{"any-frame-is-life", never()}}},

	// Phases and the ladder.
	{name: "no end to waiting for Hello", law: "T-4", breaks: []breach{{"hello-deadline", arg(1, "m.now.Add(10*time.Hour)")}}},
	{name: "no end to waiting for READY", law: "T-4", breaks: []breach{
		{"ready-deadline", arg(1, "m.now.Add(30*time.Hour)")}, {"resumed-deadline", arg(1, "m.now.Add(30*time.Hour)")},
		{"resumed-deadline-from-last-event", arg(0, "30*time.Hour")}, {"resumed-deadline-after-a-pause", arg(0, "30*time.Hour")},
		{"replay-has-an-end", arg(0, "30*time.Hour")},
	}},
	{name: "no end to a dial", law: "T-4", breaks: []breach{
		{"dial-deadline", arg(1, "m.now.Add(10*time.Hour)")}, {"dial-deadline-from-its-turn", arg(0, "10*time.Hour")},
		{"link-dial-deadline", arg(1, "10*time.Hour")}, {"handshake-deadline", arg(1, "10*time.Hour")},
	}},
	{name: "every reconnect identifies", law: "I-5", breaks: []breach{{"session-resumed-first", always()}}},
	{name: "one failed Resume and the session is given up", law: "I-5", breaks: []breach{{"session-resumed-first", or("l.resumes >= 1")}}},
	{name: "op 9 true gives the session up", law: "I-5", breaks: []breach{{"invalid-true-keeps-session", always()}}},
	{name: "op 9 false keeps the session", law: "I-8", breaks: []breach{{"invalid-true-keeps-session", never()}}},
	{name: "codes that end the session are resumed", law: "I-8", breaks: []breach{{"close-code-ends-session", value("gone || errors.As(cause, &closed) && closed.Code == 1")}}},
	{name: "Resume with the sequence forgotten", law: "I-8", breaks: []breach{{"resume-from-last-sequence", field("Seq", "min(m.cursor.Seq, 1)")}}},
	{name: "Resume ahead of what came", law: "I-8|I-6", breaks: []breach{{"resume-from-last-sequence", field("Seq", "m.cursor.Seq + 2")}}},
	{name: "reconnects close with 1000", law: "I-18", breaks: []breach{{"close-keeps-session", value("events.CloseNormal")}}},
	{name: "fatal codes are retried", law: "I-19|L-4", breaks: []breach{{"fatal-code-ends-shard", never()}}},
	{name: "the Manager outlives a fatal code", law: "L-4", breaks: []breach{{"fatal-code-ends-manager", never()}}},
	{name: "no pause between attempts", law: "L-3|panic", breaks: []breach{
		{"pause-between-attempts", value("time.Millisecond")}, {"distance-of-dials", value("m.now.Add(max(wait, wish))")},
	}},
	{name: "the pause grows without end", law: "L-1", breaks: []breach{{"longest-pause", value("30*time.Hour")}}},
	{name: "what an old connection says counts", law: "I-9|I-10|I-5|L-|T-|panic", breaks: []breach{
		{"old-connection-ignored", never()}, {"closed-link-silent", drop()},
		{"closed-link-closes-socket", arg(0, `func() { time.Sleep(3 * time.Second); l.mu.Lock(); l.over.Store(true); l.wakes(); l.mu.Unlock(); socket.Close(code, "") }`)},
	}},
	{name: "nobody is told that a session is lost", law: "I-7", breaks: []breach{{"lost-session-told", field("Lost", "lost && m.conn == 0")}}},

	// Delivery.
	{name: "a sequence that comes twice is delivered twice", law: "I-6", breaks: []breach{{"sequence-once", never()}}},
	{name: "a busy lane forgets an event", law: "I-6", breaks: []breach{{"handled-once", when("it.meta.Seq%40 != 7")}}},
	{name: "a busy lane swaps two events", law: "I-6", breaks: []breach{{"handled-in-order", before("if at := l.head; int(at)+1 < len(l.queue) && l.queue[at].it.meta.Seq%20 == 3 { l.queue[at], l.queue[at+1] = l.queue[at+1], l.queue[at] }")}}},
	{name: "a handler is called twice", law: "I-6", breaks: []breach{{"handled-once", after("if it.meta.Seq%50 == 0 { l.handle(b, it) }")}}},
	{name: "a panic of a handler takes its lane along", law: "panic|I-6", breaks: []breach{{"panic-costs-one-event", value("any(nil)")}}},
	{name: "workers handle two events of a guild at once", law: "I-6", breaks: []breach{{"guild-in-order", always()}}},
	{name: "workers do not wait for an event of no guild", law: "I-6", breaks: []breach{{"no-guild-alone", never()}}},
	{name: "what was received counts as handled", law: "I-6", breaks: []breach{{"saved-sequence-handled", value("snapshot.Seq", "exact && whole && snapshot.Exact")}}},
	{name: "stored sessions are not used", law: "I-5", breaks: []breach{{"stored-session-used", drop()}}},
	{name: "a crash forgets the session", law: "I-5", breaks: []breach{{"crash-keeps-session", field("Cursor", "new(session.Cursor)")}}},
	{name: "a crashed actor is not started again", law: "L-1", breaks: []breach{{"crashed-shard-restarts", drop()}}},
	{name: "a restored bot does not know itself", law: "L-2", breaks: []breach{{"restored-session-whole", field("User", "0")}}},
	{name: "what comes again does not say so", law: "I-6", breaks: []breach{{"restored-session-whole", field("Restored", "false")}}},
	{name: "a restored session counts as exact at once", law: "I-6", breaks: []breach{{"saved-sequence-handled", value("seq", "whole && (exact || snapshot.Exact)")}}},

	// Sends.
	{name: "a withdrawn send is written", law: "I-16", breaks: []breach{
		{"withdrawn-send-over", never()}, {"withdrawn-send-not-claimed", value("r.state.Swap(claimed) >= waiting")},
	}},
	{name: "a caller's context is not heeded", law: "T-5|panic", breaks: []breach{{"caller-context-heeded", value("<-time.After(20*time.Minute)")}}},
	{name: "chunks go to whoever waits first", law: "I-15", breaks: []breach{{"chunk-for-its-request", only("p.request.Op != events.OpRequestGuildMembers")}}},
	{name: "a send is written twice", law: "I-16", breaks: []breach{{"send-written-once", value("errors.Join(m.host.Write(m.conn, op, in.Payload), m.host.Write(m.conn, op, in.Payload))")}}},
	{name: "the limit is a fixed window", law: "I-2", breaks: []breach{{"window-slides", or("w.period > time.Minute && now.Unix()/60 != wrote.Unix()/60")}}},
	{name: "no room is kept for heartbeats", law: "I-2", breaks: []breach{{"room-for-heartbeats", arg(0, "0*beats")}}},
	{name: "room for beats that divide a minute is one short", law: "I-2", breaks: []breach{{"beats-of-a-minute", value("int((ConnectionPeriod + heartbeat - 1) / heartbeat)")}}},
	{name: "presences have no limit of their own", law: "I-3", breaks: []breach{{"presence-margin", arg(0, "1000")}}},
	{name: "presences count without a margin", law: "I-3", breaks: []breach{{"presence-margin", arg(1, "20*time.Second")}}},
	{name: "a crash of the supervisor loses a shard", law: "L-2", breaks: []breach{{"crashed-supervisor-catches-up", drop()}}},
	{name: "sends are held back for a while", law: "T-6", breaks: []breach{{"send-at-once", before("if !presence && len(c.queue) > 0 && now.Sub(c.queue[0].asked) < time.Second { return nil, c.queue[0].asked.Add(time.Second) }")}}},
	{name: "sends go out before the session is live", law: "I-14", breaks: []breach{
		{"send-needs-live-session", only("conn == m.conn")},
		{"inputs-by-state", before("if in.Kind == Send && m.state == Resuming { write(m, in); return }")},
		{"shard-up-when-ready", before("if c.To == session.Resuming { s.system.Root.Send(s.supervisor, shardUp{from: s.from, conn: c.Conn, session: c.Session, interval: time.Minute, at: c.At}) }")},
	}},
	{name: "what waits goes out in any order", law: "I-17", breaks: []breach{{"sends-in-order", value("r.serial%3 < other.serial%3")}}},
	{name: "a lost connection takes the next shard's along", law: "I-25", breaks: []breach{{"other-shards-untouched", after("if next := m.key; m.final == nil { next.Shard.Index++; s.askFor(next, oneRestart) }")}}},

	// Identifies.
	{name: "restarts forget when the last Identify was", law: "I-1", breaks: []breach{{"restart-remembers-identifies", instead("_ = shard")}}},
	{name: "restarts forget when the last Identify was, of a shared ledger", law: "I-1", breaks: []breach{{"shared-ledger-remembers-identifies", instead("_ = shard")}}},
	{name: "keys are ignored", law: "I-1", breaks: []breach{{"identify-spacing-by-key", value("new(lane)")}}},
	{name: "four seconds between Identifies", law: "I-1", breaks: []breach{{"identify-spacing", field("spacing", "4*time.Second + s.identifyMargin")}}},
	{name: "the reserve is spent", law: "I-4|gateway's rules", breaks: []breach{{"identify-reserve", value("0")}, {"failing-shards-spread-identifies", always()}}},
	{name: "each generation has its own keys", law: "I-1", breaks: []breach{{"generations-share-keys", value("shard.key(q.concurrency) + 1000*int(shard.Generation)")}}},
	{name: "the lowest shard always goes first", law: "L-5", breaks: []breach{{"fewest-identifies-first", never()}}},

	// The end, and secrets.
	{name: "Close waits for handlers", law: "T-5|panic", breaks: []breach{{"close-bounds-handlers", arg(1, "2*time.Hour")}}},
	{name: "a shard that backs off does not hear of the end", law: "I-13|T-5|panic", breaks: []breach{{"stop-in-any-state", when("m.state != Backoff")}}},
	{name: "the session's id is logged", law: "I-20", breaks: []breach{{"session-id-not-logged", before(`s.log().Info("shard", zap.String("session", s.record.cursor.SessionID.Reveal()))`)}}},
	{name: "the token is in an error", law: "I-20", breaks: []breach{{"token-not-logged", before(`s.log().Warn("shard", zap.String("token", s.cfg.Identify.Token.Reveal()))`)}}},
	{name: "another host is dialled", law: "I-21", breaks: []breach{{"dial-discovered-host", value(`"ws://127.0.0.1:81"`)}}},

	// What should run, and what is seen of it.
	{name: "what has ended for good starts by itself", law: "I-19", breaks: []breach{{"ended-for-good-until-asked", only("want.Mode == Run && !of.resting")}}},
	{name: "what has ended for good never starts again", law: "L-1|D-1", breaks: []breach{{"ended-for-good-until-asked", only("want.Mode == Run && !of.resting && !of.final")}}},
	{name: "a pause is not carried out", law: "D-1", breaks: []breach{{"stop-and-pause-carried-out", when("want.Mode == Stop")}}},
	{name: "a drain is not carried out", law: "D-1", breaks: []breach{{"drain-carried-out", never()}}},
	{name: "a shard that drains does not stop", law: "D-1", breaks: []breach{{"drained-shard-stops", never()}}},
	{name: "a restart is not carried out", law: "D-1", breaks: []breach{{"restart-carried-out", never()}}},
	{name: "a restart does not count", law: "D-1|L-1", breaks: []breach{{"restart-counts", drop()}}},
	{name: "a start does not mend", law: "D-1|L-1", breaks: []breach{{"start-mends", drop()}}},
	{name: "a stop ends the session", law: "I-18", breaks: []breach{{"stop-keeps-session", value("Stop", "events.CloseNormal")}}},
	{name: "a stop is not told", law: "D-1", breaks: []breach{{"stop-told", drop()}}},
	{name: "a stale plan is taken", law: "D-6", breaks: []breach{{"stale-plan-refused", never()}}},
	{name: "a new session that an operator asks for is the old one", law: "I-8|D-1", breaks: []breach{{"reidentify-gives-up-the-session", field("Kind", "session.Restart")}}},
	{name: "a rolling restart has too many away", law: "D-8", breaks: []breach{{"rolling-at-once", value("how.atOnce(r.of) + 2")}}},
	{name: "a pause is refused", law: "D-7", breaks: []breach{{"order-taken", or("m.Mode == Pause")}}},
	{name: "Status shows another plan", law: "D-1", breaks: []breach{{"status-shows-the-plan", when("want.Mode == Run")}}},
	{name: "Status does not see that a connection is lost", law: "D-2", breaks: []breach{{"status-kept-current", arg(0, `func() *standing { after := r.standing; change(&after); if after.state == session.Backoff || after.state == session.Connecting { return &after }; return &r.standing }()`)}}},
	{name: "what rests is not closed", law: "D-1", breaks: []breach{{"not-to-run-is-closed", never()}}},
	{name: "a crash ends a shard for good", law: "L-1|D-", breaks: []breach{{"how-it-ended-noted", value("stopping", "true")}}},
	{name: "the end of an actor is not noted", law: "L-1|D-", breaks: []breach{{"end-of-actor-noted", value("stopping", "false", "of.resting || unasked")}}},
	{name: "a rest has no end", law: "L-1|D-", breaks: []breach{{"rest-has-an-end", drop()}}},
	{name: "what somebody else has stopped stays stopped", law: "L-1|D-", breaks: []breach{{"stopped-by-others-runs-again", instead("s.books.lives.rest(key)")}}},
	{name: "a shard is given up after three crashes", law: "D-5", breaks: []breach{{"quarantine-after-five", only("len(c.crashes) >= 3")}}},
	{name: "a mended shard is given up at its next crash", law: "D-5", breaks: []breach{{"mended-shard-without-past", drop()}}},
	{name: "nobody looks at what was lost with the supervisor", law: "L-1|D-", breaks: []breach{{"everything-looked-at", drop()}}},
	{name: "a stopped actor leaves its connection open", law: "I-9|I-10|D-2", breaks: []breach{{"ended-actor-closes-connection", never()}}},
	{name: "a generation that warms up is heard", law: "G-1|W-1", breaks: []breach{{"serving-shard-delivers", always()}}},
	{name: "the Manager outlives its supervisor", law: "L-4", breaks: []breach{{"ended-supervisor-ends-manager", drop()}}},

	// Handed over.
	{name: "a released shard runs again by a start", law: "H-1|D-1", breaks: []breach{{"released-needs-higher-fence", value("w.Fence")}}},
	{name: "what was received counts as handled when a shard is released", law: "I-6|W-2", breaks: []breach{{"released-snapshot-exact", instead("snapshot, _, _ := record.session()")}}},
	{name: "a shard is given out under the fence that it had", law: "H-2|H-3", breaks: []breach{{"released-under-next-fence", value("want.Fence", "now")}}},
	{name: "a snapshot is claimed twice", law: "H-1", breaks: []breach{{"claim-needs-higher-fence", never()}}},

	// The number of shards changes.
	{name: "reshard delivers both sessions", law: "R-1|R-4", breaks: []breach{{"new-delivers-from-the-cut", after("if g.Phase() < cutover.Cut { publish = append(publish, now) }")}}},
	{name: "reshard delivers the old session behind the cut", law: "R-1|R-4", breaks: []breach{{"old-delivers-until-the-cut", after("if g.Phase() == cutover.Flowing { publish = append(publish, now) }")}}},
	{name: "reshard delivers the old, then the new", law: "R-1|R-4", breaks: []breach{{"what-both-have-shown-is-forgotten", instead("g.shown = slices.Clone(g.shown[i+1:])")}}},
	{name: "reshard loses what the old session shows behind the anchor of a cut", law: "R-2", breaks: []breach{{"old-delivers-until-the-cut", instead("publish = append(publish, g.payloads(g.Old(e))...); if g.Phase() == cutover.Cutting { publish = nil }")}}},
	{name: "reshard does not wait for handlers", law: "R-3|R-4", breaks: []breach{{"handled-before-it-flows", never()}}},
	{name: "reshard delivers what has waited for the cut in reverse", law: "R-3", breaks: []breach{{"what-waited-flows-in-order", after("slices.Reverse(deliver)")}}},
	{name: "reshard leaves the old shards there", law: "R-7", breaks: []breach{{"old-shards-end", drop()}}},
	{name: "reshard leaves the new shards warming", law: "R-5", breaks: []breach{{"new-shards-serve", drop()}}},
	{name: "reshard begins that the budget does not pay", law: "R-6|I-4", breaks: []breach{{"reshard-needs-budget", never()}}},
	{name: "reshard sends to the new shards before the cut", law: "R-8", breaks: []breach{{"sends-follow-the-cut", only("g != nil")}}},
	{name: "reshard has no guild cut", law: "R-9", breaks: []breach{{"guilds-wanted", drop()}}},

	// Who is told.
	{name: "what a subscriber has handled does not count", law: "W-2|I-6|T-|L-", breaks: []breach{{"handled-dispatch-settles", never()}}},
	{name: "subscribers are not told of crashes", law: "D-4", breaks: []breach{{"subscribers-told", when("!crashed")}}},
	{name: "a hook that panics hears no more", law: "D-4", breaks: []breach{{"lane-outlives-panic", drop()}}},
	{name: "a busy hook misses what comes", law: "D-4", breaks: []breach{{"lane-misses-nothing", or("len(l.queue) > 0")}}},
	{name: "a busy hook hears things in another order", law: "D-4", breaks: []breach{{"lane-in-order", before("if len(l.queue) > 1 { l.queue[0], l.queue[1] = l.queue[1], l.queue[0] }")}}},

	// Back at once.
	{name: "a lost connection counts as an attempt in vain", law: "D-3", breaks: []breach{{"live-session-gained", value("false")}}},
	{name: "a frame that cannot be read costs the session", law: "I-5", breaks: []breach{{"unreadable-frame-keeps-session", arg(0, "errors.Join(err, errSessionGone)")}}},
	{name: "a Hello that cannot be read costs the session", law: "I-5", breaks: []breach{{"unreadable-hello-keeps-session", arg(0, "errors.Join(err, errSessionGone)")}}},

	// Faults that users would report, of which the simulation saw too little of the world to notice all.
	{name: "planted event for one of two handlers", law: "W-2", breaks: []breach{{"every-handler-gets-event", instead("if i == 0 || it.meta.Seq%16 != 5 { lanes[i].push(it) } else { sh.settle(it, s.Overflow == Block, b) }")}}},
	{name: "planted dead Block queue", law: "W-2|I-6|L-", breaks: []breach{{"drained-queue-told", drop()}}},
	{name: "planted intent ignored", law: "W-3", breaks: []breach{{"intents-as-asked", after("m.intents &^= events.IntentGuildMessages")}}},
	{name: "planted lost voice state", law: "W-2|I-6", breaks: []breach{{"event-delivered", when("raw.Type != events.TypeVoiceStateUpdate")}}},
	{name: "planted guild of two sessions", law: "W-1", breaks: []breach{
		{"old-connection-ignored", before("if in.Kind == Frame && in.Conn < m.conn && m.state == Ready { if raw, err := new(events.Peeker).Peek(in.Data); err == nil { m.host.Deliver(raw, events.Meta{Shard: m.shard, Session: m.cursor.Session, Seq: raw.Seq, Received: in.At}) } }")},
		{"closed-link-silent", drop()},
		{"closed-link-closes-socket", arg(0, `func() { time.Sleep(20 * time.Second); l.mu.Lock(); l.over.Store(true); l.wakes(); l.mu.Unlock(); socket.Close(code, "") }`)},
	}},
}
