package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// counted are the counters and histograms. Children with labels that are known beforehand are made beforehand: they begin at 0, so that rates see the first
// occurrence, and finding one costs an event no lock.
type counted struct {
	byType      map[events.Type]prometheus.Counter
	unknownType prometheus.Counter
	replayed    prometheus.Counter
	delay       prometheus.Histogram

	frames, bytes    prometheus.Counter
	wire             prometheus.Counter
	roundTrip, late  prometheus.Histogram
	dials            prometheus.Counter
	dialTook         prometheus.Histogram
	reconnects       *prometheus.CounterVec
	states           map[session.State]prometheus.Observer
	unready          *prometheus.HistogramVec
	resumes          *prometheus.CounterVec
	sessionsLost     prometheus.Counter
	identifies       [5]prometheus.Counter
	crashes          prometheus.Counter
	deaf             *prometheus.CounterVec
	sends            map[string]map[string]prometheus.Counter
	sendWait         prometheus.Histogram
	sendTrip         map[string]prometheus.Observer
	shed, panics     *named
	odd, undecoded   prometheus.Counter
	saves            *prometheus.CounterVec
	saveTook         prometheus.Histogram
	discoveries      *prometheus.CounterVec
	discoveryTook    prometheus.Histogram
	foreign, advised prometheus.Counter

	handlerDelay, handlerTook *prometheus.HistogramVec
	handlerRuns               *prometheus.GaugeVec
}

func newCounted(t *table) (c counted) {
	c.ofEvents(t)
	c.ofConnections(t)
	c.ofSends(t)
	c.ofHandlers(t)
	c.ofTheRest(t)
	return c
}

func (c *counted) ofEvents(t *table) {
	byType := t.counters("events_total", "Events received, by type; all that are not known are \"unknown\".", "at each event, READY and RESUMED too", "type")
	c.byType = make(map[events.Type]prometheus.Counter)
	for _, name := range events.Types() {
		c.byType[name] = byType.WithLabelValues(string(name))
	}
	c.unknownType = byType.WithLabelValues("unknown")
	c.replayed = t.counter("events_replayed_total", "Events that a Resume has sent again.", "at each event between Resume and RESUMED; they are in signalbox_events_total too")
	c.delay = t.histogram("event_delay_seconds", "From the last byte of what was read at once to a hook that is never behind.", "whenever something was read; it grows when the process has too little CPU", quick)
	c.frames = t.counter("frames_total", "Payloads read from the gateway, of all opcodes.", "whenever something was read")
	c.bytes = t.counter("frame_bytes_total", "Bytes of payloads read from the gateway, inflated.", "whenever something was read")
	c.wire = t.counter("wire_bytes_total", "Bytes of payloads read from the gateway, as they came: compressed, and without the overhead of WebSocket and TLS.", "whenever something was read")
	c.odd = t.counter("odd_events_total", "Events of which some fields were left unset, not being of their documented type.", "when a handler's event is decoded; the log names the fields")
	c.undecoded = t.counter("undecoded_events_total", "Events that could not be decoded, which raw handlers alone get.", "when a handler's event is decoded; the log names the type")
}

func (c *counted) ofConnections(t *table) {
	c.roundTrip = t.histogram("heartbeat_round_trip_seconds", "From a heartbeat to its acknowledgement.", "at each acknowledgement", trips)
	c.late = t.histogram("heartbeat_lateness_seconds", "How much later than planned a heartbeat was written.", "at each acknowledgement; it grows when the process has too little CPU", trips)
	c.dials = t.counter("dials_total", "Dials begun.", "at each dial, whatever becomes of it")
	c.dialTook = t.histogram("dial_seconds", "How long dials took that have succeeded.", "at each connection", spans)
	c.reconnects = t.counters("reconnects_total", "Connections lost, or not made, by what the shard was doing and the kind of cause.", "at each loss after which the shard connects again", "during", "cause")
	for _, when := range []string{inReady, inDialling, inStarting} {
		for _, cause := range causes() {
			c.reconnects.WithLabelValues(when, cause)
		}
	}
	states := t.histograms("state_seconds", "For how long shards were in a state, when they left it.", "at each move from one state to another", spans, "state")
	c.states = make(map[session.State]prometheus.Observer)
	for state, name := range stateNames {
		if state != session.Closed { // that is the end
			c.states[state] = states.WithLabelValues(name)
		}
	}
	c.unready = t.histograms("unready_seconds", "For how long shards were not Ready, when they are again.", "when a shard becomes Ready: at its first start, by a Resume, or by an Identify", spans, "how")
	for _, how := range []string{howStarted, howResumed, howIdentified} {
		c.unready.WithLabelValues(how)
	}
	c.resumes = t.counters("resumes_total", "Resumes tried, by their end.", "when a Resume ends: with RESUMED, with its session lost, or with its connection lost and the session kept", "outcome")
	for _, outcome := range []string{resumeWon, resumeLost, resumeCut} {
		c.resumes.WithLabelValues(outcome)
	}
	c.sessionsLost = t.counter("sessions_lost_total", "Sessions given up with what they had not delivered.", "when a session cannot be resumed, or the gateway began another")
	identifies := t.counters("identifies_total", "Permits to Identify, by how far they came; \"written\" are those spent.", "at each stage", "stage")
	for stage := range c.identifies {
		c.identifies[stage] = identifies.WithLabelValues(actors.IdentifyStage(stage).String())
	}
	c.crashes = t.counter("shard_crashes_total", "Shards' actors that have ended as they should not.", "at each crash; the shard starts again and resumes, unless it is quarantined")
	c.deaf = t.counters("deaf_sessions_total", "What was done about sessions whose events have ceased.", "with WithDeafSessionPolicy, at each step", "step")
	for step := actors.DeafResumed; step <= actors.DeafBelieved; step++ {
		c.deaf.WithLabelValues(step.String())
	}
}

func (c *counted) ofSends(t *table) {
	sends := t.counters("sends_total", "Send events ended, by opcode and outcome.", "when a send event that was asked for ends", "op", "outcome")
	trip := t.histograms("send_round_trip_seconds", "From a send event's write to the last part of its answer.", "when a send event is answered", trips, "op")
	c.sends, c.sendTrip = make(map[string]map[string]prometheus.Counter), make(map[string]prometheus.Observer)
	make := func(op string) {
		c.sends[op] = map[string]prometheus.Counter{}
		for _, outcome := range outcomes {
			c.sends[op][outcome] = sends.WithLabelValues(op, outcome)
		}
	}
	for code, op := range ops {
		make(op)
		if code != events.OpPresenceUpdate { // nothing answers that
			c.sendTrip[op] = trip.WithLabelValues(op)
		}
	}
	make(otherOp)
	c.sendWait = t.histogram("send_wait_seconds", "How long send events waited for their permits.", "when a send event is written", spans)
}

func (c *counted) ofHandlers(t *table) {
	c.shed = &named{vec: t.counters("events_shed_total", "Events that a handler did not get, by its policy.", "when WithOverflow sheds", "handler")}
	c.panics = &named{vec: t.counters("handler_panics_total", "Panics of handlers; each costs its handler one event.", "at each panic", "handler")}
	c.handlerDelay = t.histograms("handler_delay_seconds", "From an event's last byte to the call of a handler.", "at each call of a handler that Timed was given", quick, "handler")
	c.handlerTook = t.histograms("handler_seconds", "How long a handler took.", "at each return of a handler that Timed was given, panics too", quick, "handler")
	t.note(gauge, "handler_running", "Calls of a handler that have not returned.", "while a handler that Timed was given runs", []string{"handler"})
	c.handlerRuns = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + "handler_running", Help: "Calls of a handler that have not returned."}, []string{"handler"})
	t.happened = append(t.happened, c.handlerRuns)
}

func (c *counted) ofTheRest(t *table) {
	c.saves = t.counters("store_saves_total", "Writings of the session store, by outcome.", "at each writing, once a second while something changes", "outcome")
	for _, outcome := range []string{savedDone, savedFailed, savedFenced} {
		c.saves.WithLabelValues(outcome)
	}
	c.saveTook = t.histogram("store_save_seconds", "How long writings of the session store took.", "at each writing", spans)
	c.discoveries = t.counters("discoveries_total", "Questions of GET /gateway/bot, by outcome.", "at the start, and when shards are in trouble", "outcome")
	for _, outcome := range []string{discovered, undiscovered, unauthorized} {
		c.discoveries.WithLabelValues(outcome)
	}
	c.discoveryTook = t.histogram("discovery_seconds", "How long GET /gateway/bot took.", "at each question", spans)
	c.foreign = t.counter("foreign_identifies_total", "Identifies that another process has spent with this token.", "when GET /gateway/bot tells of fewer than were spent here")
	c.advised = t.counter("reshard_advised_total", "How often more shards were advised.", "at each advice, once and then once a day")
}
