package health

import "time"

// State is what a Manager does now, in a word. More may come.
type State string

// The states. The table in the package's comment says what each means to a probe.
const (
	NotStarted  State = "not_started"
	Starting    State = "starting"     // Start goes on, or shards have not been Ready yet
	TakingOver  State = "taking_over"  // it waits for shards that another process has, or somebody
	Running     State = "running"      // all that is wanted runs, or reconnects
	Resharding  State = "resharding"   // new shards begin beside those that serve
	HandingOver State = "handing_over" // shards were released, and others serve here still
	HandedOver  State = "handed_over"  // all were
	Draining    State = "draining"     // shards were asked to drain, and do
	Paused      State = "paused"       // nothing is wanted to run: all shards are paused, drained or stopped
	Closing     State = "closing"      // by Close or Logout, or because it cannot go on
	Closed      State = "closed"       // it has ended
)

// Kind is why a shard is away, in a word that does not change with the text of an error. More may come.
type Kind string

// The kinds.
const (
	KindNotStarted   Kind = "not_started"    // nothing was begun yet
	KindNotTakenOver Kind = "not_taken_over" // another process has it, or nobody
	KindConnecting   Kind = "connecting"     // it dials, or waits for its turn to, or for the gateway's Hello
	KindQueue        Kind = "identify_queue" // it waits for an Identify
	KindIdentifying  Kind = "identifying"    // it waits for READY
	KindResuming     Kind = "resuming"       // it gets what it has missed
	KindConnection   Kind = "connection"     // no connection can be made, or it was lost
	KindCloseCode    Kind = "close_code"     // the gateway has closed the connection, with a code
	KindSession      Kind = "session"        // the gateway has ended the session, or asked to reconnect
	KindTwice        Kind = "runs_twice"     // another process seems to run the shard with the same token
	KindBudget       Kind = "budget"         // the day's Identifies are used up to the reserve
	KindLedger       Kind = "ledger"         // what was spent on Identifies cannot be read or written
	KindPanic        Kind = "panic"          // code of the user's, or an actor, has panicked
	KindQuarantined  Kind = "quarantined"    // its actor has crashed too often, and has ended for good
	KindOther        Kind = "other"
)

// Liveness is whether a Manager is alive. False means: it will never run again, end the process.
type Liveness struct {
	Alive  bool      `json:"alive"`
	State  State     `json:"state"`
	Since  time.Time `json:"since"`  // when this answer was given first, to whoever asked
	Reason string    `json:"reason"` // in a sentence, for people
}

// Readiness is whether a Manager is ready, and if not, why.
type Readiness struct {
	Ready   bool      `json:"ready"`
	State   State     `json:"state"`
	Since   time.Time `json:"since"`  // when it became so; if nobody asked then, and it cannot be told from the shards, when somebody did
	Reason  string    `json:"reason"` // in a sentence, for people
	Shards  Shards    `json:"shards"`
	Away    []Away    `json:"away"`              // those that are to run and are not Ready: first the ended ones, then the longest away. A part, if there are many
	More    int       `json:"more"`              // that are away beside those
	Reshard *Reshard  `json:"reshard,omitempty"` // nil: none is under way
}

// Shards counts the shards of this process, of those that serve.
type Shards struct {
	Wanted    int `json:"wanted"`    // to run here: Ready + Away
	Ready     int `json:"ready"`     // connected, with a session
	Away      int `json:"away"`      // not Ready
	Counted   int `json:"counted"`   // of those away, those that are not away for a short time only
	Tolerated int `json:"tolerated"` // how many may be counted
	Ended     int `json:"ended"`     // of those away, those that have ended for good
	Paused    int `json:"paused"`    // that an operator has paused, drained or stopped
	Released  int `json:"released"`  // that ran here, and are somebody else's now, or nobody's
}

// Away is one shard that is to run, and is not Ready.
type Away struct {
	Shard      int       `json:"shard"`
	Total      int       `json:"total"` // as in the shard's id
	Generation uint64    `json:"generation,omitempty"`
	State      string    `json:"state"` // of its session, such as "Backoff"
	Kind       Kind      `json:"kind"`
	Code       int       `json:"code,omitempty"`  // with which the gateway has closed
	Text       string    `json:"text,omitempty"`  // of the error, as the log has it, on one line, 200 bytes at the most
	Since      time.Time `json:"since"`           // since when it is away; at the latest
	Next       time.Time `json:"next,omitzero"`   // when it tries again, or may identify; zero: not known
	Ended      bool      `json:"ended,omitempty"` // for good: only Manager.Restart starts it again
	Counted    bool      `json:"counted"`         // false: it is away for so short a time that it does not count yet
}

// Reshard is how far a reshard has come.
type Reshard struct {
	From  int       `json:"from"` // totals
	To    int       `json:"to"`
	Phase string    `json:"phase"` // a shardmanager.ReshardPhase
	Began time.Time `json:"began"`
	Warm  int       `json:"warm"` // new shards that are Ready
	Cut   int       `json:"cut"`  // guilds that the new shards serve, of
	Of    int       `json:"of"`
}
