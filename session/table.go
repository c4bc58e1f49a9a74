package session

// reactions are what a machine does about each kind of input in each state. Every pair is a decision, and those
// that change nothing say why:
//
//	already  it is so by now
//	late     what it belongs to is over
//	never    nothing that this state asked for leads to it: only a host's mistake does
var reactions = [...][len(stateNames)]func(*Machine, Input){
	//          Idle, Connecting, AwaitingHello, Queued, Identifying, Resuming, Ready, Backoff, Closed
	Start:     {begin, already, already, already, already, already, already, hurry, late},
	Connected: {never, greet, already, already, already, already, already, late, late},
	Frame:     {never, never, frame, frame, frame, frame, frame, late, late},
	Lost:      {never, lost, lost, lost, lost, lost, lost, late, late},
	Granted:   {never, never, never, identify, already, never, already, late, late},
	Refused:   {never, never, never, refused, late, never, late, late, late},
	Tick:      {never, tickPhase, tickPhase, tickBeat, tickPhase, tickReplay, tickBeat, tickBackoff, late},
	Flowing:   {never, late, flow, flow, flow, flow, flow, late, late},
	Restart:   {never, already, restart, restart, restart, restart, restart, already, late},
	Stop:      {stop, stop, stop, stop, stop, stop, stop, stop, already},
	Waiting:   {never, turn, late, late, late, late, late, late, late},
	Send:      {refuse, refuse, refuse, refuse, refuse, refuse, write, refuse, refuse},
	Reachable: {late, reachable, reachable, reachable, reachable, reachable, already, reachable, late},

	Reidentify: {never, reidentify, reidentify, already, already, reidentify, reidentify, reidentify, late},
}

func already(*Machine, Input) {}
func late(*Machine, Input)    {}
func never(*Machine, Input)   {}
