package actors

// phase is where the life of a shard's actor stands.
type phase uint8

const (
	ended    phase = iota // there is none
	starting              // it was spawned, and has said nothing
	running
	stopping // it was told to stop, or it stops by itself: until it has ended, its name is taken
)

var phaseNames = [...]string{"ended", "starting", "running", "stopping"}

// String is the phase in a word.
func (p phase) String() string { return name(phaseNames[:], int(p)) }

// life is what was seen of one shard's actor, and what it was told.
type life struct {
	phase    phase
	drains   bool   // it was told to take no more send events
	resting  bool   // it has ended as it should not, and is not to be spawned yet, whoever asks for it
	final    bool   // it has ended for good: only a restart that is asked for spawns it again
	old      bool   // it was spawned before the plan forgot the shard, and named it again
	number   uint64 // of the actor, among all that were spawned
	role     Role   // that it was told
	turns    uint64 // counts the roles that it was told
	asked    uint64 // restarts that it was told of
	restarts uint64 // restarts that it has done
	told     uint64 // new sessions that it was told to begin
	begun    uint64 // of them, those that it has begun, or an actor of the shard before it
}

func (l *life) alive() bool { return l.phase == starting || l.phase == running }

// lives are the lives of all shards. What happens to one is noted here, and nowhere else.
type lives struct {
	of      map[Key]*life
	servers servers // who may deliver events as the one who serves: from the order to serve until the word that it does not
	spawned uint64
}

func newLives() *lives { return &lives{of: make(map[Key]*life), servers: make(servers)} }

// current reports whether an actor is the latest of its shard: what one before it says comes too late.
func (l *lives) current(key Key, number uint64) bool {
	of := l.of[key]
	return of != nil && of.number == number
}

// told notes that an action was carried out. What comes of it, the actor tells.
func (l *lives) told(a action) {
	if a.do == forget {
		delete(l.of, a.key)
		return
	}
	of := l.of[a.key]
	if of == nil {
		of = new(life)
		l.of[a.key] = of
	}
	switch a.do {
	case spawn:
		l.spawned++
		*of = life{phase: starting, number: l.spawned, asked: a.restarts, restarts: a.restarts, told: a.sessions, begun: of.begun}
		l.assign(a.key, a.role)
	case restart:
		of.asked, of.drains = a.restarts, false
	case reidentify:
		of.asked, of.told, of.drains = a.restarts, a.sessions, false
	case drain:
		of.drains = true
	case admit:
		of.drains = false
	case assign:
		l.assign(a.key, a.role)
	case stop:
		of.phase = stopping
	}
}

func (l *lives) assign(key Key, role Role) {
	of := l.of[key]
	of.role = role
	of.turns++
	if role == Serving {
		l.servers.add(key)
	}
}

// began notes that the actor has started.
func (l *lives) began(key Key) {
	if of := l.of[key]; of != nil && of.phase == starting {
		of.phase = running
	}
}

// restarted notes how many restarts the actor has done.
func (l *lives) restarted(key Key, restarts uint64) {
	if of := l.of[key]; of != nil {
		of.restarts = restarts
	}
}

// reidentified notes how many new sessions there were that somebody asked for.
func (l *lives) reidentified(key Key, sessions uint64) {
	if of := l.of[key]; of != nil && !of.old {
		of.begun = sessions
	}
}

// took notes that the actor has taken the role that it was told in a turn. It reports whether it has ceased to serve: that it
// does when it has taken the latest.
func (l *lives) took(key Key, turn uint64) (ceased bool) {
	if of := l.of[key]; of == nil || of.turns != turn || of.role == Serving {
		return false
	}
	return l.cease(key)
}

func (l *lives) cease(key Key) bool {
	served := l.servers.has(key)
	l.servers.remove(key)
	return served
}

// closed notes that the actor stops by itself, because its session has ended or because it is given up. final: for good. How
// one ends that was told to stop does not count. The word may come after the end.
func (l *lives) closed(key Key, final bool) {
	switch of := l.of[key]; {
	case of == nil:
	case of.alive():
		of.phase, of.final = stopping, final //seam:how-it-ended-noted
	case of.phase == ended && of.resting:
		of.final = of.final || final
	}
}

// anew notes that the plan names a shard which it did not name before: an actor that it has still makes way for a new one, since what was
// asked of it, and how it ended, does not count.
func (l *lives) anew(key Key) {
	if of := l.of[key]; of != nil {
		of.old, of.begun = true, 0
	}
}

// giveUp notes that the actor is not to be spawned again, unless a restart is asked for.
func (l *lives) giveUp(key Key) {
	of := l.of[key]
	of.final, of.resting = true, false
	if of.alive() {
		of.phase = stopping
	}
}

// gone notes that the actor has ended. unasked: it had not stopped, nor been told to, and now it rests. ceased: it served.
func (l *lives) gone(key Key) (unasked, ceased bool) {
	of := l.of[key]
	if of == nil || of.phase == ended {
		return false, false
	}
	unasked = of.alive()
	of.phase, of.drains, of.resting = ended, false, of.resting || unasked //seam:end-of-actor-noted
	return unasked, l.cease(key)
}

// rest notes that the actor is not to be spawned again before rested.
func (l *lives) rest(key Key) { l.of[key].resting = true }

// rested notes that it may be.
func (l *lives) rested(key Key) {
	if of := l.of[key]; of != nil {
		of.resting = false //seam:rest-has-an-end
	}
}
