package sim_test

// mutants are drawn from what went wrong elsewhere, and from what the simulation found here.
var mutants = []mutant{
	// Heartbeats.
	{"first beat after two intervals", "T-1", []patch{{"session/heartbeat.go", "h.next = now.Add(time.Duration(random.Int64N(int64(interval))))", "h.next = now.Add(2*interval + time.Duration(random.Int64N(1)))"}}},
	{"a beat is skipped now and then", "T-1", []patch{{"session/heartbeat.go", "	h.next = h.next.Add(h.interval)\n", "	h.next = h.next.Add(h.interval)\n	if h.next.UnixNano()%5 == 0 {\n		return false\n	}\n"}}},
	{"a second Hello starts the rhythm anew", "T-1", []patch{{"session/steps.go", "		if m.state == AwaitingHello {", "		if m.state != AwaitingHello {\n			m.beat.start(m.now, m.beat.interval+1, m.cfg.Rand)\n		} else {"}}},
	{"handlers run on the actor", "T-1|T-5|panic", []patch{{"internal/bus/bus.go", "	go l.run(b)", "	l.run(b)"}}},
	{"beats that are asked for are ignored", "T-2", []patch{{"session/heartbeat.go", "if m.beat.interval != 0 && m.beat.spare(m.now, keep) {", "if m.beat.interval < 0 && keep == 0 {"}}},
	{"a flood of op 1 is answered in full", "I-2", []patch{{"session/heartbeat.go", "if m.beat.interval != 0 && m.beat.spare(m.now, keep) {", "if keep >= 0 {"}}},
	{"beats name a sequence ahead", "gateway's rules", []patch{{"session/heartbeat.go", "d = fmt.Append(nil, m.cursor.Seq)", "d = fmt.Append(nil, m.cursor.Seq+1)"}}},
	{"a dead connection is never found", "T-3|L-1", []patch{{"session/heartbeat.go", "	return h.life.Add(h.interval + min(h.interval, maxSilence))", "	return h.life.Add(1000 * time.Hour)"}}},
	{"silence counts after five intervals", "T-3", []patch{{"session/heartbeat.go", "	return h.life.Add(h.interval + min(h.interval, maxSilence))", "	return h.life.Add(5 * h.interval)"}}},
	{"only a Hello is a sign of life", "T-3|L-3", []patch{{"session/heartbeat.go", "	if at.After(h.life) {", "	if at.IsZero() {"}}},

	// Phases and the ladder.
	{"no end to waiting for Hello", "T-4", []patch{{"session/machine.go", "HelloTimeout = 10 * time.Second", "HelloTimeout = 10 * time.Hour"}}},
	{"no end to waiting for READY", "T-4", []patch{{"session/machine.go", "ReadyTimeout = 30 * time.Second", "ReadyTimeout = 30 * time.Hour"}}},
	{"no end to a dial", "T-4", []patch{{"session/machine.go", "DialTimeout  = 10 * time.Second", "DialTimeout  = 10 * time.Hour"}, {"internal/transport/conn.go", "	dialTimeout  = 10 * time.Second", "	dialTimeout  = 10 * time.Hour"}}},
	{"every reconnect identifies", "I-5", []patch{{"session/ladder.go", "	gone := !m.cursor.Resumable() ||", "	gone := m.cursor != nil || !m.cursor.Resumable() ||"}}},
	{"one failed Resume and the session is given up", "I-5", []patch{{"session/ladder.go", "maxResumes  = 3 ", "maxResumes  = 1 "}}},
	{"op 9 true gives the session up", "I-5", []patch{{"session/steps.go", `if string(raw.Data) != "true" {`, `if string(raw.Data) != "x" {`}}},
	{"op 9 false keeps the session", "I-8", []patch{{"session/steps.go", `if string(raw.Data) != "true" {`, `if string(raw.Data) == "x" {`}}},
	{"codes that end the session are resumed", "I-8", []patch{{"session/ladder.go", "	gone = gone || errors.As(cause, &closed) && closed.Code.Verdict() == events.VerdictNewSession\n", "	gone = gone || errors.As(cause, &closed) && closed.Code == 1\n"}}},
	{"Resume with the sequence forgotten", "I-8", []patch{{"session/steps.go", "SessionID: m.cursor.SessionID, Seq: m.cursor.Seq}", "SessionID: m.cursor.SessionID, Seq: min(m.cursor.Seq, 1)}"}}},
	{"Resume ahead of what came", "I-8|I-6", []patch{{"session/steps.go", "SessionID: m.cursor.SessionID, Seq: m.cursor.Seq}", "SessionID: m.cursor.SessionID, Seq: m.cursor.Seq + 2}"}}},
	{"reconnects close with 1000", "I-18", []patch{{"session/ladder.go", "const closeToResume = events.CloseUnknownError", "const closeToResume = events.CloseNormal"}}},
	{"fatal codes are retried", "I-19|L-4", []patch{{"session/ladder.go", "if errors.As(in.Err, &closed) && closed.Fatal() {", "if errors.As(in.Err, &closed) && closed.Code == 1 {"}}},
	{"the Manager outlives a fatal code", "L-4", []patch{{"shardmanager/manager.go", "	if errors.As(c.Cause, &closed) && closed.Fatal() && !invalid || m.allClosed() {", "	if errors.As(c.Cause, &closed) && closed.Code == 1 && !invalid {"}}},
	{"no pause between attempts", "L-3|panic", []patch{{"session/ladder.go", "	bound := min(backoffBase<<min(m.ladder.attempts, 20), backoffCap)\n", "	bound := min(backoffBase<<min(m.ladder.attempts, 20), backoffCap, time.Millisecond)\n"}}},
	{"the pause grows without end", "L-1", []patch{{"session/ladder.go", "backoffCap  = 30 * time.Second", "backoffCap  = 30 * time.Hour"}}},
	{"what an old connection says counts", "I-9|I-10|I-5|L-|T-|panic", []patch{{"session/machine.go", "	if in.Conn != 0 && (in.Conn != m.conn || !m.open) {", "	if in.Conn > 1<<60 {"}, {"actors/link.go", "	l.cancel()\n	if !before && socket != nil {\n		links.Go(func() { socket", "	if !before && socket != nil {\n		links.Go(func() { time.Sleep(3 * time.Second); l.cancel(); socket"}}},
	{"nobody is told that a session is lost", "I-7", []patch{{"session/ladder.go", "Change{Cause: cause, Lost: lost, Retry: at}", "Change{Cause: cause, Lost: lost && m.conn == 0, Retry: at}"}}},

	// Delivery.
	{"a sequence that comes twice is delivered twice", "I-6", []patch{{"session/steps.go", "if raw.Seq > 0 && raw.Seq <= m.cursor.Seq {", "if raw.Seq < 0 {"}}},
	{"a busy lane forgets an event", "I-6", []patch{{"internal/bus/lane.go", "		l.handle(b, it)\n", "		if it.meta.Seq%40 != 7 {\n			l.handle(b, it)\n		}\n"}}},
	{"a busy lane swaps two events", "I-6", []patch{{"internal/bus/lane.go", "	next := l.queue[l.head]\n", "	if at := l.head; at+1 < len(l.queue) && l.queue[at].it.meta.Seq%20 == 3 {\n		l.queue[at], l.queue[at+1] = l.queue[at+1], l.queue[at]\n	}\n	next := l.queue[l.head]\n"}}},
	{"a handler is called twice", "I-6", []patch{{"internal/bus/lane.go", "		l.handle(b, it)\n", "		l.handle(b, it)\n		if it.meta.Seq%50 == 0 {\n			l.handle(b, it)\n		}\n"}}},
	{"a panic of a handler takes its lane along", "panic|I-6", []patch{{"internal/bus/lane.go", "value := recover(); value != nil", "value := any(nil); value != nil"}}},
	{"what was received counts as handled", "I-6", []patch{{"shardmanager/save.go", "			snapshot.Seq, snapshot.Exact = seq, exact && snapshot.Exact\n", "			snapshot.Exact = exact && snapshot.Exact\n"}}},
	{"stored sessions are not used", "I-5", []patch{{"shardmanager/save.go", "			fleet.Restore(snapshot)\n", ""}}},
	{"a crash forgets the session", "I-5", []patch{{"actors/shard.go", "Cursor: &s.record.cursor,", "Cursor: new(session.Cursor),"}}},
	{"a crashed actor is not started again", "L-1", []patch{{"actors/supervise.go", "	time.AfterFunc(delay, func() { parent.RestartChildren(who) })", "	_ = delay"}}},

	// Sends.
	{"a withdrawn send is written", "I-16", []patch{{"actors/request.go", "return r.state.Load() == ended", "return r == nil"}, {"actors/request.go", "return r.state.CompareAndSwap(waiting, claimed)", "return r.state.Swap(claimed) >= waiting"}}},
	{"a caller's context is not heeded", "T-5|panic", []patch{{"actors/client.go", "	case <-ctx.Done():\n		return c.giveUp(ctx, r)\n	}", "	case <-time.After(20 * time.Minute):\n		return c.giveUp(ctx, r)\n	}"}}},
	{"chunks go to whoever waits first", "I-15", []patch{{"session/replies.go", "|| p.request.Nonce != part.Nonce || p.request.Guild != part.GuildID {\n				return false", "{\n				return false"}}},
	{"a send is written twice", "I-16", []patch{{"actors/shard.go", "	} else if err := s.link.write(r.payload); err != nil {", "	} else if err := errors.Join(s.link.write(r.payload), s.link.write(r.payload)); err != nil {"}, {"actors/shard.go", "import (\n", "import (\n	\"errors\"\n"}}},
	{"the limit is a fixed window", "I-2", []patch{{"ratelimit/window.go", "	return taken.IsZero() || now.Sub(taken) >= w.period", "	return taken.IsZero() || now.Sub(taken) >= w.period || w.period > time.Minute && now.Unix()/60 != taken.Unix()/60"}}},
	{"no room is kept for heartbeats", "I-2", []patch{{"ratelimit/ratelimit.go", "	return min(beats+own, ConnectionLimit-1)", "	return min(beats-beats+own-own, ConnectionLimit-1)"}}},
	{"room for beats that divide a minute is one short", "I-2", []patch{{"ratelimit/ratelimit.go", "	beats := int(ConnectionPeriod/heartbeat) + 1", "	beats := int((ConnectionPeriod + heartbeat - 1) / heartbeat)"}}},
	{"presences have no limit of their own", "I-3", []patch{{"actors/admission.go", "		if a.presence.Remaining(now) > 0 {", "		if a.presence != nil {"}, {"actors/pace.go", "	if ok && m.request.Op == events.OpPresenceUpdate {", "	if ok && m.request.Op == events.OpHello {"}}},
	{"presences count without a margin", "I-3", []patch{{"actors/admission.go", "21 * time.Second", "20 * time.Second"}, {"actors/pace.go", "20*time.Second+writeMargin", "20*time.Second"}}},
	{"a crash of the supervisor loses a shard", "L-2", []patch{{"actors/supervise.go", "	system.Root.Send(who, lost)\n", "	_ = lost\n"}}},

	{"a restored bot does not know itself", "L-2", []patch{{"session/snapshot.go", "Seq: s.Seq, User: s.Bot,", "Seq: s.Seq,"}}},
	{"what comes again does not say so", "I-6", []patch{{"session/snapshot.go", "Restored: !s.Exact,", "Restored: s.Exact && false,"}}},
	{"a restored session counts as exact at once", "I-6", []patch{{"shardmanager/save.go", "snapshot.Exact = seq, exact && snapshot.Exact", "snapshot.Exact = seq, exact || snapshot.Exact"}}},

	// Identifies.
	{"restarts forget when the last Identify was", "I-1", []patch{{"ratelimit/ledger.go", "		q.written[shard] = at\n", "		_, _ = shard, at\n"}}},
	{"keys are ignored", "I-1", []patch{{"ratelimit/queue.go", "	if key, free := shard%q.concurrency, at.Add(q.spacing);", "	if key, free := -1-shard, at.Add(q.spacing);"}}},
	{"four seconds between Identifies", "I-1", []patch{{"ratelimit/ratelimit.go", "IdentifyInterval = 5 * time.Second ", "IdentifyInterval = 4 * time.Second "}}},
	{"the reserve is spent", "I-4|gateway's rules", []patch{{"ratelimit/queue.go", "	if q.kept != nil {\n		return *q.kept\n	}", "	if q.kept == nil {\n		return 0\n	}"}, {"ratelimit/queue.go", "	if q.starts[w.shard] < freeStarts || spare", "	if spare < all || spare"}}},

	{"the lowest shard always goes first", "L-5", []patch{{"ratelimit/queue.go", "	if q.starts[a.shard] != q.starts[b.shard] {", "	if a.shard < 0 {"}}},
	{"sends are held back for a while", "T-6", []patch{{"actors/admission.go", "	if head != nil && a.bucket != nil && a.take(now) {", "	if head != nil && now.Sub(head.asked) < time.Second {\n		a.wakeBy(head.asked.Add(time.Second))\n	} else if head != nil && a.bucket != nil && a.take(now) {"}}},
	{"sends go out before the session is live", "I-14", []patch{{"actors/shard.go", "	if m.conn != s.machine.Conn() || s.machine.State() != session.Ready {", "	if m.conn != s.machine.Conn() {"}, {"actors/host.go", "	default:\n		s.log.Debug(", "	case c.To == session.Resuming:\n		s.system.Root.Send(s.supervisor, shardUp{index, c.Conn, time.Minute})\n	default:\n		s.log.Debug("}}},
	{"what waits goes out in any order", "I-17", []patch{{"actors/admission.go", "	return q[i].serial < q[j].serial", "	return q[i].serial%3 < q[j].serial%3"}}},
	{"a lost connection takes the next shard's along", "I-25", []patch{{"actors/supervisor.go", "func (s *supervisor) down(m shardDown) {\n", "func (s *supervisor) down(m shardDown) {\n	if next := s.shards[m.shard+1]; next != nil && m.final == nil {\n		defer s.tellNext(next)\n	}\n"}, {"actors/supervisor.go", "func respond(", "func (s *supervisor) tellNext(c *child) {\n	if l := s.fleet.record(c.index).link.Load(); l != nil {\n		l.close(4000, &s.fleet.links)\n		l.system.Root.Send(c.pid, restartShard{})\n	}\n}\n\nfunc respond("}}},

	// The end, and secrets.
	{"Close waits for handlers", "T-5|panic", []patch{{"shardmanager/close.go", "drainTimeout = 2 * time.Second ", "drainTimeout = 2 * time.Hour "}}},
	{"a shard that backs off does not hear of the end", "I-13|T-5|panic", []patch{{"session/ladder.go", "	if m.state == Closed {\n		return\n	}", "	if m.state == Closed || m.state == Backoff {\n		return\n	}"}}},
	{"the session's id is logged", "I-20", []patch{{"actors/host.go", `s.log.Info("shard ready", fields...)`, `s.log.Info("shard ready", append(fields, zap.String("session", s.record.cursor.SessionID.Reveal()))...)`}}},
	{"the token is in an error", "I-20", []patch{{"actors/host.go", `s.log.Warn("shard disconnected", append(fields,`, `s.log.Warn("shard disconnected", append(fields, zap.String("token", s.fleet.cfg.Identify.Token.Reveal()),`}}},
	{"another host is dialled", "I-21", []patch{{"actors/host.go", "		url = events.Secret(*s.fleet.url.Load())", "		url = events.Secret(\"ws://127.0.0.1:81\")"}}},
}
