package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/signalbox-go/signalbox/session"
)

// gauges are what is read of a Manager.
type gauges struct {
	running, fleet, wanted, shards, trouble, ended, longest *prometheus.Desc
	guilds, mostGuilds, leftOut, oddFrames, hooksMissed     *prometheus.Desc

	frameAge, newestEvent, oldestEvent, oldestBeat *prometheus.Desc

	sendsWaiting, sendsSharing, permitsMin, framesWaiting, handlerDepth, handlerFullest *prometheus.Desc

	budget, remaining, reserve, spare, spent, reset, concurrency, identifyWaiting, next, forecast, affordable *prometheus.Desc

	storeLag, storeFailures, fenced, ledger *prometheus.Desc

	reshardPhase, reshardWarm, reshardGuilds, reshardKept, reshardExtra, reshardAge, reshardLeft *prometheus.Desc

	shard perShard
}

const whileRuns = "while the Manager runs"

func newGauges(t *table) (g gauges) {
	g.running = t.gauges("running", "1 while the Manager runs, and 0 before Start and after its end.", "always")
	g.fleet = t.gauges("fleet_shards", "How many shards the bot has; those that run here may be fewer.", whileRuns)
	g.wanted = t.gauges("shards_wanted", "Shards that are to run here, and to serve.", whileRuns)
	g.shards = t.gauges("shards", "Shards here, by the state of their sessions and by their role.", whileRuns, "state", "role")
	g.trouble = t.gauges("shards_in_trouble", "Shards to run and to serve with which something is the matter, by the kind of its cause; Ready again, they are not counted.", whileRuns+", for causes that there are", "cause")
	g.ended = t.gauges("shards_ended", "Shards that have ended by themselves, for good.", whileRuns)
	g.longest = t.gauges("longest_unready_seconds", "For how long that shard is not Ready, of those wanted, which has been so the longest.", whileRuns+"; 0: all are Ready")
	g.guilds = t.gauges("guilds", "Guilds of the shards that serve here, those in an outage too.", whileRuns)
	g.mostGuilds = t.gauges("shard_guilds_max", "Guilds of the shard here that has the most; Discord refuses to let one identify that has more than 2,500.", whileRuns)
	g.leftOut = t.gauges("intents_left_out", "How many optional intents sessions begin without.", whileRuns)
	t.note(counter, "odd_frames_total", "What the gateway should not have sent, such as a sequence twice.", "at each; the log says what it was", nil)
	g.oddFrames = t.desc("odd_frames_total", "What the gateway should not have sent, such as a sequence twice.", nil)

	t.note(counter, "hooks_missed_total", "Calls of hooks that were left out, of all hooks of the Manager: one was too slow for what happened.", "at each; what this page counts of hooks may be too little then", nil)
	g.hooksMissed = t.desc("hooks_missed_total", "Calls of hooks that were left out, of all hooks of the Manager: one was too slow for what happened.", nil)

	g.frameAge = t.gauges("frame_age_seconds", "Since when nothing was read, on any shard.", whileRuns+" and something was read")
	g.newestEvent = t.gauges("newest_event_age_seconds", "Since when no event came, on any shard that serves.", whileRuns+" and an event has come")
	g.oldestEvent = t.gauges("oldest_event_age_seconds", "Since when no event came, on the Ready shard that serves and is silent for the longest.", whileRuns+" and a shard is Ready")
	g.oldestBeat = t.gauges("oldest_heartbeat_age_seconds", "Since when no heartbeat was acknowledged, or since it is Ready, on the Ready shard where that was the longest ago.", whileRuns+" and a shard is Ready")

	g.sendsWaiting = t.gauges("sends_waiting", "Send events that wait for a permit.", whileRuns)
	g.sendsSharing = t.gauges("sends_sharing", "Send events that wait for an answer which another has asked for.", whileRuns)
	g.permitsMin = t.gauges("send_permits_min", "Send events that the connection takes at once, of the Ready shard that serves and has the fewest such permits left, by the latest that went; there may be more.", whileRuns+" and a shard is Ready")
	g.framesWaiting = t.gauges("frames_waiting", "Frames that were read, and are not yet dealt with.", whileRuns)
	g.handlerDepth = t.gauges("handler_queue_events", "Events that wait for a handler, on all shards.", whileRuns+", for handlers that have been sent something", "handler")
	g.handlerFullest = t.gauges("handler_queue_fullest_ratio", "How full the fullest of a handler's queues is: 1 is its limit.", whileRuns+", for handlers that have been sent something", "handler")

	g.ofBudget(t)
	g.storeLag = t.gauges("store_lag_seconds", "Since when the session store has not had everything.", whileRuns+" and the store had everything once")
	g.storeFailures = t.gauges("store_failures", "Writings of the session store that have failed, in a row.", whileRuns)
	g.fenced = t.gauges("shards_fenced", "Shards that another process has taken over, with this store, and that go on here.", whileRuns)
	g.ledger = t.gauges("ledger_failing", "1 while the Identifies spent cannot be read or written down, so that none is granted.", whileRuns)

	const whileReshards = "while a reshard is on: two sets of shards run here"
	g.reshardPhase = t.gauges("reshard_phase", "1 for the phase of the reshard that is on, and 0 for others.", whileReshards, "phase")
	g.reshardWarm = t.gauges("reshard_warm_ratio", "Part of the new shards that is Ready.", whileReshards)
	g.reshardGuilds = t.gauges("reshard_guilds", "Guilds that the new shards have told of, and of them those that may be cut, are cut, are cut by fingerprints, or came in different orders.", whileReshards, "stage")
	g.reshardKept = t.gauges("reshard_kept_bytes", "Bytes of events that the reshard keeps.", whileReshards)
	g.reshardExtra = t.gauges("reshard_extra_sessions", "The most sessions that there were beside those of the old shards.", whileReshards)
	g.reshardAge = t.gauges("reshard_age_seconds", "Since when the reshard is on.", whileReshards)
	g.reshardLeft = t.gauges("reshard_left_seconds", "About how long it will take until all guilds are cut.", whileReshards)

	g.shard = newPerShard(t)
	return g
}

func (g *gauges) ofBudget(t *table) {
	const whileKnown = "while the budget is known"
	g.budget = t.gauges("identify_budget", "Identifies in a day, by Discord's word.", whileKnown)
	g.remaining = t.gauges("identify_budget_remaining", "Identifies that are left until the reset.", whileKnown)
	g.reserve = t.gauges("identify_budget_reserve", "Identifies that are never spent.", whileKnown)
	g.spare = t.gauges("identify_budget_spare", "Identifies that may be spent now: beside the reserve, permits that are out, and those who wait.", whileKnown)
	g.spent = t.gauges("identify_budget_spent", "Identifies spent in the last 24 hours, by all who share the session store.", whileKnown)
	g.reset = t.gauges("identify_budget_reset_timestamp_seconds", "When Discord makes the budget whole.", whileKnown)
	g.concurrency = t.gauges("identify_max_concurrency", "Identifies that may go at once, and again 5 s later.", whileKnown)
	g.identifyWaiting = t.gauges("identify_waiting", "Shards that wait for a permit to Identify.", whileKnown)
	const whileForeseen = whileKnown + "; at the most 30 s old"
	g.forecast = t.gauges("forecast_seconds", "How long it would take until all shards are Ready, if they lost their connections now (resume_all), or their sessions as well (identify_all).", whileForeseen, "work")
	g.affordable = t.gauges("forecast_affordable", "1 if the budget could pay that without its reserve, or else 0.", whileForeseen, "work")
	g.next = t.gauges("identify_next_timestamp_seconds", "When the next that waits may Identify.", whileKnown+", somebody waits, and that can be said")
}

// away reports whether a shard in the state is not Ready and not ended.
func away(s session.State) bool { return s != session.Ready && s != session.Closed }
