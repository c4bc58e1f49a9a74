package dashboard

import (
	"cmp"
	"errors"
	"slices"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const (
	shownWrong = 5  // groups of shards
	keptWrong  = 64 // that are told apart: causes may have text of the gateway's
)

// wrong is what keeps shards from being Ready: those with the same cause, or, without one, that look the same.
type wrong struct {
	Look       int    `json:"look"` // of the one that has been so for longest
	Count      int    `json:"count"`
	Generation uint64 `json:"generation"` // of that one
	Index      int    `json:"index"`
	Total      int    `json:"total"`
	Since      int64  `json:"since"` // 0: not known
	Cause      string `json:"cause"`
	Do         string `json:"do"`
}

// wrongs are what is wrong with all shards.
type wrongs struct {
	of   map[wrongKey]*wrong
	rest int // shards beyond keptWrong groups
}

type wrongKey struct {
	look  int // 0 with a cause, which stays the same from one try to the next
	cause string
}

// add takes a shard. One that a reshard warms, or retires, is only a part of it as long as it has no cause.
func (w *wrongs) add(s *shardmanager.ShardStatus, look int) {
	if look == int(session.Ready) || s.Role != actors.Serving && s.Cause == nil {
		return
	}
	key, since := wrongKey{look: look}, millis(s.Since)
	if s.Cause != nil && look <= int(session.Closed) || s.Quarantined {
		key = wrongKey{cause: text(s.Cause, causeLimit)}
		since = cmp.Or(millis(s.CauseSince), since)
	}
	group := w.of[key]
	if group == nil {
		if len(w.of) == keptWrong {
			w.rest++
			return
		}
		if w.of == nil {
			w.of = make(map[wrongKey]*wrong)
		}
		group = &wrong{Cause: key.cause}
		w.of[key] = group
	}
	if group.Count++; group.Count == 1 || since < group.Since {
		group.Look, group.Generation, group.Index, group.Total, group.Since = look, s.Generation, s.Shard.Index, s.Shard.Total, since
		group.Do = remedy(s, look)
	}
}

// told are the largest groups, and how many shards are in none of them.
func (w *wrongs) told() (all []wrong, rest int) {
	all = []wrong{}
	for _, group := range w.of {
		all = append(all, *group)
	}
	slices.SortFunc(all, func(x, y wrong) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count), cmp.Compare(x.Cause, y.Cause), cmp.Compare(x.Look, y.Look))
	})
	rest = w.rest
	for _, group := range all[min(len(all), shownWrong):] {
		rest += group.Count
	}
	return all[:min(len(all), shownWrong)], rest
}

// remedies are what to do about a close code that is the end.
var remedies = map[events.CloseCode]string{
	events.CloseAuthenticationFailed: "Discord does not accept the token: set a new one, from the developer portal, and start the bot again.",
	events.CloseInvalidShard:         "Discord does not know this shard: start the bot with another number of shards.",
	events.CloseShardingRequired:     "One shard has too many guilds: start the bot with more shards, or reshard.",
	events.CloseInvalidIntents:       "The bot asks for an intent that there is not: mend WithIntents.",
	events.CloseDisallowedIntents:    "Enable the privileged intents in the developer portal, or leave them out of WithIntents; then start the bot again.",
}

// ended is what is wrong when the Manager has ended with an error: that of each shard is not it any more.
func ended(err error, here int) []wrong {
	if err == nil {
		return []wrong{}
	}
	do, closed := "The Manager has ended: mend the cause, and start the bot again.", (*session.CloseError)(nil)
	if errors.As(err, &closed) {
		do = cmp.Or(remedies[closed.Code], do)
	}
	return []wrong{{Look: lookStopped, Count: here, Cause: text(err, causeLimit), Do: do}}
}

// remedy is what to do about a shard that is not Ready.
func remedy(s *shardmanager.ShardStatus, look int) string {
	var closed *session.CloseError
	switch {
	case look == lookQuarantined:
		return "Its actor crashed again and again: mend what panics, as the log says, then restart the shard."
	case look == lookPaused:
		return "It was paused: unpause it when that is over."
	case look == lookDraining:
		return "Nothing: it stops when what was sent has its answers."
	case look == lookStopped:
		return "It was stopped: unpause it to have it run."
	case look == lookElsewhere:
		return "Nothing: another process has it."
	case errors.Is(s.Cause, session.ErrTakenOver):
		return "If another process runs with this token, end one of the two; if none does, look at the network."
	case errors.As(s.Cause, &closed) && remedies[closed.Code] != "":
		return remedies[closed.Code]
	case s.Ended():
		return "It has ended for good: mend the cause, then restart the shard."
	case s.State == session.Queued:
		return "Nothing: it waits for its turn. The identify queue says when; if the budget has none to spare, when it is whole again."
	case s.Cause == nil:
		return "Nothing: it is about to connect."
	}
	return "Nothing yet: it tries again by itself. If it is many, or lasts for minutes, look at Discord's status, then at DNS, proxy and firewall."
}
