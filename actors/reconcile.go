package actors

import "github.com/signalbox-go/signalbox/events"

// deed is what an action does.
type deed int

const (
	spawn      deed = iota // start an actor, with a role
	restart                // give up the connection, and resume
	reidentify             // give up the session, and begin another
	drain                  // take no more send events, and stop when those under way have ended
	admit                  // take send events again
	assign                 // take a role
	stop                   // end the connection, and then the actor
	forget                 // keep nothing of the shard
)

var deedNames = [...]string{"spawn", "restart", "reidentify", "drain", "admit", "assign", "stop", "forget"}

// String is the deed in a word.
func (d deed) String() string { return name(deedNames[:], int(d)) }

// action is one thing to do, so that what is comes nearer to what should be.
type action struct {
	key      Key
	do       deed
	role     Role             // spawn, assign
	restarts uint64           // spawn, restart, reidentify: how many are done with it
	sessions uint64           // spawn, reidentify: how many new sessions were asked for with it
	code     events.CloseCode // stop
}

// reconcile says what is to be done about some shards, of a plan and of what was seen of their lives. It is pure: it keeps
// nothing, waits for nothing, and reads no clock. It does not believe that what it said before was done: whoever carries
// an action out notes it (lives.told), and what comes of it is seen. A plan and lives that agree give no action.
//
// Never does it spawn a shard that is not to run or that has an actor; let one serve while another may serve a guild of
// it; or touch one that is as it should be.
func reconcile(p *plan, l *lives, keys []Key) (actions []action) {
	for _, key := range keys {
		want, named := p.want(key)
		if !named {
			want.Mode = Stop
		}
		of, known := l.of[key]
		if !known {
			of = new(life)
		}
		switch {
		case of.phase == stopping: // until it has ended, there is nothing to do
		case of.phase == ended:
			switch {
			case !named && known:
				actions = append(actions, action{key: key, do: forget})
			case want.Mode == Run && !of.resting && (!of.final || of.old || want.Restarts > of.restarts || want.Reidentifies > of.told): //seam:ended-for-good-until-asked
				actions = append(actions, action{key: key, do: spawn, role: roleNow(l, key, want.Role), restarts: want.Restarts, sessions: want.Reidentifies})
			}
		case want.Mode == Stop, want.Mode == Pause, of.old:
			actions = append(actions, action{key: key, do: stop, code: want.Code}) //seam:stop-and-pause-carried-out
		default:
			if role := roleNow(l, key, want.Role); role != of.role {
				actions = append(actions, action{key: key, do: assign, role: role})
			}
			switch {
			case (want.Mode == Drain || want.Mode == Release) && !of.drains: //seam:drain-carried-out
				actions = append(actions, action{key: key, do: drain})
			case want.Mode == Run && want.Reidentifies > of.told:
				actions = append(actions, action{key: key, do: reidentify, restarts: want.Restarts, sessions: want.Reidentifies})
			case want.Mode == Run && want.Restarts > of.asked: //seam:restart-carried-out
				actions = append(actions, action{key: key, do: restart, restarts: want.Restarts})
			case want.Mode == Run && of.drains:
				actions = append(actions, action{key: key, do: admit})
			}
		}
	}
	return actions
}

// roleNow is the role that a shard may have now: one that is to serve is warming while another may serve its guilds.
func roleNow(l *lives, key Key, role Role) Role {
	if role == Serving {
		if other, conflict := l.servers.overlap(key.Shard); conflict && other != key {
			return Warming
		}
	}
	return role
}
