package actors

import "pgregory.net/rapid"

// mock is the actor of one shard.
type mock struct {
	number   uint64
	inbox    []order
	role     Role
	drains   bool
	stopping bool
	restarts uint64
	sessions uint64 // new ones that it was told to begin, and has
	begins   uint64 // what it was spawned with, to begin first of all; 0: nothing
}

// order is what an actor is told, and which turn it is.
type order struct {
	action
	turn uint64
}

// fact is what the supervisor is told, by an actor or of its end.
type fact struct {
	key    Key
	number uint64 // of the actor
	what   string
	n      uint64 // restarts, or the turn
}

func (w *world) carryOut(a action) {
	m := w.actors[a.key]
	want, _ := w.plan.want(a.key)
	w.t.Logf("do %v", a)
	w.lives.told(a)
	of := w.lives.of[a.key]
	switch {
	case a.do == spawn && m != nil:
		w.t.Fatalf("%v: there is one already", a)
	case a.do == spawn && (want.Mode != Run || w.quarantined[a.key]):
		w.t.Fatalf("%v: nobody wants it: %+v, ended for good: %v", a, want, w.quarantined[a.key])
	case a.do == spawn:
		m = &mock{number: of.number, role: a.role, restarts: a.restarts, sessions: of.begun}
		if a.sessions > of.begun {
			m.begins = a.sessions
		}
		w.actors[a.key] = m
		w.tell(a.key, "began", 0)
		w.served()
	case a.do == forget && m != nil:
		w.t.Fatalf("%v: it lives", a)
	case a.do == forget:
	case m != nil: // or it has died meanwhile, and what it is told is lost
		if last := len(m.inbox) - 1; last >= 0 && m.inbox[last].action == a {
			w.t.Fatalf("%v is told twice", a)
		}
		m.inbox = append(m.inbox, order{a, of.turns})
	}
}

// tell has an actor tell the supervisor.
func (w *world) tell(key Key, what string, n uint64) {
	w.inbox = append(w.inbox, fact{key, w.actors[key].number, what, n})
}

// served holds what the actors do to the rule that two never serve one guild.
func (w *world) served() {
	w.fair(nil, func(yield func(Key) bool) {
		for key, m := range w.actors {
			if m.role == Serving && !yield(key) {
				return
			}
		}
	})
}

// act has an actor take one message.
func (w *world) act(key Key) {
	m := w.actors[key]
	if m.begins != 0 {
		m.sessions, m.begins = m.begins, 0
		w.tell(key, "reidentified", m.sessions)
		return
	}
	if len(m.inbox) == 0 || m.stopping {
		if m.stopping || m.drains {
			if !m.stopping {
				w.tell(key, "drained", 0)
			}
			w.die(key, "")
		}
		return
	}
	a := m.inbox[0]
	m.inbox = m.inbox[1:]
	switch a.do {
	case stop:
		m.stopping = true
	case drain:
		m.drains = true
	case admit:
		m.drains = false
	case restart:
		if a.restarts <= m.restarts {
			w.t.Fatalf("%v, after %d", a, m.restarts)
		}
		m.restarts, m.drains = a.restarts, false
		w.tell(key, "restarted", a.restarts)
	case reidentify:
		if a.sessions <= m.sessions {
			w.t.Fatalf("%v, after %d", a, m.sessions)
		}
		m.restarts, m.sessions, m.drains = a.restarts, a.sessions, false
		w.tell(key, "restarted", a.restarts)
		w.tell(key, "reidentified", a.sessions)
	case assign:
		if m.role = a.role; m.role == Serving {
			w.served()
		}
		w.tell(key, "took", a.turn)
	}
}

func (w *world) die(key Key, what string) {
	if what != "" {
		w.tell(key, what, 0)
	}
	w.ends = append(w.ends, fact{key: key, number: w.actors[key].number, what: "gone"})
	delete(w.actors, key)
}

// hear has the supervisor take one message.
func (w *world) hear() {
	from := &w.inbox
	if len(w.inbox) == 0 || len(w.ends) > 0 && rapid.Bool().Draw(w.t, "overtakes") {
		from = &w.ends
	}
	f := (*from)[0]
	*from = (*from)[1:]
	w.t.Logf("hear %+v", f)
	if !w.lives.current(f.key, f.number) {
		return
	}
	ceased := false
	switch f.what {
	case "began":
		w.lives.began(f.key)
	case "restarted":
		w.lives.restarted(f.key, f.n)
	case "reidentified":
		w.lives.reidentified(f.key, f.n)
	case "took":
		ceased = w.lives.took(f.key, f.n)
	case "drained":
		w.lives.closed(f.key, false)
	case "crashed":
		w.lives.closed(f.key, false)
		w.lives.rest(f.key)
		w.resting = append(w.resting, f.key)
	case "failed":
		want, _ := w.plan.want(f.key)
		if of := w.lives.of[f.key]; (of.alive() || of.resting) && of.restarts >= want.Restarts && of.told >= want.Reidentifies && !of.old {
			w.quarantined[f.key] = true
		}
		w.lives.closed(f.key, true)
	case "gone":
		var unasked bool
		if unasked, ceased = w.lives.gone(f.key); unasked {
			w.resting = append(w.resting, f.key)
		}
	}
	w.reconcile([]Key{f.key})
	if ceased {
		w.reconcile(w.keys())
	}
}

func (w *world) rest() {
	key := w.resting[0]
	w.resting = w.resting[1:]
	w.lives.rested(key)
	w.reconcile([]Key{key})
}
