package dashboard

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const (
	queuesEvery = time.Second // all queues are copied at once: that costs something with thousands of shards
	detailLimit = 1000        // bytes of a cause
	sendLimit   = 120         // payloads in 60 s, by the gateway's rule
)

// queues are the Manager's, not older than queuesEvery, by shard.
type queues struct {
	mu sync.Mutex
	at time.Time
	of map[actors.Key][]shardmanager.Queue
}

func (q *queues) get(m *shardmanager.Manager, key actors.Key) []shardmanager.Queue {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now := time.Now(); q.of == nil || now.Sub(q.at) >= queuesEvery {
		q.at, q.of = now, make(map[actors.Key][]shardmanager.Queue)
		for _, each := range m.Queues() {
			q.of[each.Shard] = append(q.of[each.Shard], each)
		}
	}
	return q.of[key]
}

// detail is all that is shown of one shard. Times are in Unix milliseconds, and 0 where there is none.
type detail struct {
	Now         int64    `json:"now"`
	Index       int      `json:"index"`
	Total       int      `json:"total"`
	Generation  uint64   `json:"generation"`
	Role        string   `json:"role"`
	Mode        string   `json:"mode"`
	Look        int      `json:"look"`
	State       string   `json:"state"`
	Since       int64    `json:"since"`
	Cause       string   `json:"cause"`
	CauseSince  int64    `json:"causeSince"`
	Retry       int64    `json:"retry"`
	Place       int      `json:"place"`
	Expected    int64    `json:"expected"`
	Conn        uint64   `json:"conn"`
	Session     uint64   `json:"session"` // a count, and not its id
	Seq         int64    `json:"seq"`
	LastEvent   int64    `json:"lastEvent"`
	Guilds      int      `json:"guilds"`
	Dialled     int64    `json:"dialled"`
	Latency     float64  `json:"latency"` // ms
	LatencyAt   int64    `json:"latencyAt"`
	Beat        int64    `json:"beat"` // ms
	Odd         int      `json:"odd"`
	Identifies  int      `json:"identifies"`
	Resumes     int      `json:"resumes"`
	Crashes     int      `json:"crashes"`
	Quarantined bool     `json:"quarantined"`
	Ended       bool     `json:"ended"`
	Queues      []aQueue `json:"queues"`
	Moves       []aMove  `json:"moves"`     // the latest first
	Latencies   [][2]any `json:"latencies"` // when, and how many ms, the oldest first
	Sent        []int    `json:"sent"`      // in each of the last 60 s; null: nothing is counted
	SendLimit   int      `json:"sendLimit"`
}

type aQueue struct {
	Name  string `json:"name"`
	Depth int    `json:"depth"`
	High  int    `json:"high"`
	Limit int    `json:"limit"`
	Shed  int64  `json:"shed"`
}

type aMove struct {
	At     int64  `json:"at"`
	From   string `json:"from"`
	To     string `json:"to"`
	Conn   uint64 `json:"conn"`
	Failed int    `json:"failed"`
	Lost   bool   `json:"lost"`
	Cause  string `json:"cause"`
}

// millis is a time in Unix milliseconds; 0: there is none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// numbers reads numbers of a query, those that it must have first.
func numbers(r *http.Request, must int, names ...string) (all []uint64, ok bool) {
	query := r.URL.Query()
	for i, name := range names {
		given := query.Get(name)
		if given == "" && i >= must {
			all = append(all, 0)
			continue
		}
		n, err := strconv.ParseUint(given, 10, 64)
		if err != nil {
			return nil, false
		}
		all = append(all, n)
	}
	return all, true
}

// serveShard tells all of one shard: "shard?index=7", and of several sets of shards "&total=16&generation=1".
func (d *Dashboard) serveShard(w http.ResponseWriter, r *http.Request) {
	if !reads(w, r) {
		return
	}
	asked, ok := numbers(r, 1, "index", "total", "generation")
	if !ok || asked[0] > 1<<31 || asked[1] > 1<<31 {
		refuse(w, http.StatusBadRequest, "say which shard: shard?index=7")
		return
	}
	key := keyOf(asked[2], int(asked[0]), int(asked[1]))
	status, serves, ok := d.statusOf(key)
	if !ok {
		refuse(w, http.StatusNotFound, "no such shard runs here")
		return
	}
	answer(w, http.StatusOK, d.detailOf(&status, serves))
}

// statusOf is how a shard stands, and whether it is the one of its index that serves. Without a Total the key means that one.
func (d *Dashboard) statusOf(key actors.Key) (status shardmanager.ShardStatus, serves, ok bool) {
	if status, ok = d.m.Shard(key.Shard.Index).Status(); ok && (key.Shard.Total == 0 || status.Key() == key) {
		return status, true, true
	}
	for _, each := range d.m.Status().Shards {
		if each.Key() == key {
			return each, false, true
		}
	}
	return status, false, false
}

func (d *Dashboard) detailOf(s *shardmanager.ShardStatus, serves bool) detail {
	key, now := s.Key(), time.Now()
	v := detail{
		Now: now.UnixMilli(), Index: s.Shard.Index, Total: s.Shard.Total, Generation: s.Generation, Role: s.Role.String(), Mode: s.Mode.String(), Look: lookOf(s), State: s.State.String(),
		Since: millis(s.Since), Cause: text(s.Cause, detailLimit), CauseSince: millis(s.CauseSince), Retry: millis(s.Retry), Place: s.Place, Expected: millis(s.Expected), Conn: s.Conn,
		Session: s.Session, Seq: s.Seq, LastEvent: millis(s.LastEvent), Guilds: s.Guilds, Dialled: millis(s.Dialled), Latency: float64(s.Latency.Microseconds()) / 1000,
		LatencyAt: millis(s.LatencyAt), Beat: s.HeartbeatInterval().Milliseconds(), Odd: s.Odd, Identifies: s.Identifies, Resumes: s.Resumes, Crashes: s.Crashes,
		Quarantined: s.Quarantined, Ended: s.Ended(), SendLimit: sendLimit, Queues: []aQueue{}, Moves: []aMove{}, Latencies: d.seen.latencies(key), Sent: d.cfg.sends.lastMinute(key, now),
	}
	for _, q := range d.queues.get(d.m, key) {
		v.Queues = append(v.Queues, aQueue{q.Name, q.Depth, q.High, q.Limit, q.Shed})
	}
	if serves { // of others the Manager tells none
		for _, c := range d.m.Shard(s.Shard.Index).Moves() {
			v.Moves = append(v.Moves, aMove{c.At.UnixMilli(), c.From.String(), c.To.String(), c.Conn, c.Failed, c.Lost, text(c.Cause, detailLimit)})
		}
		slices.Reverse(v.Moves)
	}
	return v
}

// latencies are those that are kept of a shard.
func (s *seen) latencies(key actors.Key) [][2]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := [][2]any{}
	place, is := s.places[key]
	if !is {
		return all
	}
	for _, l := range s.slots[place].latencies {
		all = append(all, [2]any{s.began.UnixMilli() + 1000*int64(l.at), float64(l.took) / 1000})
	}
	return all
}

// found is where a guild is.
type found struct {
	Index      int    `json:"index"`
	Total      int    `json:"total"`
	Generation uint64 `json:"generation"`
	Here       bool   `json:"here"`  // it runs here
	State      string `json:"state"` // "" if not
	// Next is the shard that it goes to in the reshard that is under way; null: there is none.
	Next *foundNext `json:"next"`
}

type foundNext struct {
	Index int    `json:"index"`
	Total int    `json:"total"`
	Phase string `json:"phase"`
}

// serveFind tells which shard has a guild: "find?guild=613425648685547541".
func (d *Dashboard) serveFind(w http.ResponseWriter, r *http.Request) {
	if !reads(w, r) {
		return
	}
	asked, ok := numbers(r, 1, "guild")
	if !ok || asked[0] == 0 {
		refuse(w, http.StatusBadRequest, "that is no guild's id: give its digits")
		return
	}
	guild := events.Snowflake(asked[0])
	status := d.m.Status()
	total := status.Total
	if total == 0 {
		refuse(w, http.StatusConflict, "the number of shards is not known yet: the Manager has not started")
		return
	}
	is := found{Index: events.ShardFor(guild, total), Total: total}
	if owner, here := d.m.OwnerOf(guild); here {
		for i := range status.Shards {
			if s := &status.Shards[i]; s.Key() == owner {
				is = found{Index: s.Shard.Index, Total: s.Shard.Total, Generation: s.Generation, Here: true, State: looks[lookOf(s)]}
			}
		}
	}
	if p, under := d.m.Resharding(); under && !p.Over && p.To != is.Total {
		is.Next = &foundNext{events.ShardFor(guild, p.To), p.To, p.Phase.String()}
	}
	answer(w, http.StatusOK, is)
}
