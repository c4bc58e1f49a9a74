package metrics

import (
	"errors"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/tap"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// Hooks are what tells x: pass them to shardmanager.WithHooks. They are several, and each has a queue of its own in the Manager, so that no flood of one kind
// costs another.
func (x *Metrics) Hooks() []shardmanager.Hook {
	all := []shardmanager.Hook{frameHook{x}, beatHook{x}, sendHook{x}, lifeHook{x}, reportHook{x}}
	if !x.noEvents {
		all = append(all, eventHook{x})
	}
	return all
}

// eventHook counts events. It is called where they are read: for a count, a queue would cost more than the counting.
type eventHook struct{ x *Metrics }

var _ tap.Counter = eventHook{}

func (h eventHook) Count(event tap.Counted) {
	count, known := h.x.byType[event.Type]
	if !known {
		count = h.x.unknownType
	}
	count.Inc()
	if event.Replayed {
		h.x.replayed.Inc()
	}
}

// frameHook counts what is read.
type frameHook struct{ x *Metrics }

func (h frameHook) OnFrames(f actors.FramesRead) {
	h.x.frames.Add(float64(f.Frames))
	h.x.bytes.Add(float64(f.Bytes))
	h.x.wire.Add(float64(f.Wire))
	h.x.delay.Observe(time.Since(f.At).Seconds())
	if at := f.At.UnixNano(); at > h.x.frame.Load() {
		h.x.frame.Store(at)
	}
}

// beatHook measures heartbeats.
type beatHook struct{ x *Metrics }

func (h beatHook) OnHeartbeat(b actors.HeartbeatAcknowledged) {
	h.x.roundTrip.Observe(b.RoundTrip.Seconds())
	h.x.late.Observe(max(b.Late, 0).Seconds())
}

// sendHook counts send events.
type sendHook struct{ x *Metrics }

func (h sendHook) OnSend(s actors.SendMoved) {
	switch s.Stage {
	case actors.SendWritten:
		h.x.sendWait.Observe(s.Waited.Seconds())
	case actors.SendEnded:
		op := opName(s.Op)
		h.x.sends[op][outcomeOf(&s)].Inc()
		if trip := h.x.sendTrip[op]; trip != nil && s.Err == nil {
			trip.Observe(s.RoundTrip.Seconds())
		}
	}
}

// lifeHook follows the lives of shards.
type lifeHook struct{ x *Metrics }

func (h lifeHook) OnChange(c shardmanager.Change) { h.x.lives.move(&h.x.counted, c) }

func (h lifeHook) OnDial(actors.DialBegun) { h.x.dials.Inc() }

func (h lifeHook) OnConnected(c actors.Connected) { h.x.dialTook.Observe(c.Took.Seconds()) }

func (h lifeHook) OnIdentify(i actors.IdentifyMoved) {
	if stage := int(i.Stage); stage >= 0 && stage < len(h.x.identifies) {
		h.x.identifies[stage].Inc()
	}
}

func (h lifeHook) OnCrash(actors.ShardCrashed) { h.x.crashes.Inc() }

func (h lifeHook) OnDeaf(d actors.ShardDeaf) { h.x.deaf.WithLabelValues(d.Step.String()).Inc() }

// reportHook counts what is seldom.
type reportHook struct{ x *Metrics }

func (h reportHook) OnHandlerPanic(p shardmanager.HandlerPanic) { h.x.panics.of(p.Handler).Inc() }

func (h reportHook) OnShed(s shardmanager.Shed) { h.x.shed.of(s.Name).Add(float64(s.Count)) }

func (h reportHook) OnDecodeError(_ events.Raw, _ events.Meta, err error) {
	if odd := new(events.OddFieldsError); errors.As(err, &odd) {
		h.x.odd.Inc()
		return
	}
	h.x.undecoded.Inc()
}

// How a writing of the store may end.
const (
	savedDone   = "saved"
	savedFailed = "failed"
	savedFenced = "fenced"
)

func (h reportHook) OnSaved(s shardmanager.Saved) {
	outcome := savedDone
	switch {
	case errors.Is(s.Err, session.ErrFenced):
		outcome = savedFenced
	case s.Err != nil:
		outcome = savedFailed
	}
	h.x.saves.WithLabelValues(outcome).Inc()
	if s.Took > 0 {
		h.x.saveTook.Observe(s.Took.Seconds())
	}
}

// How a question of GET /gateway/bot may end.
const (
	discovered   = "answered"
	undiscovered = "failed"
	unauthorized = "unauthorized"
)

func (h reportHook) OnDiscovery(d shardmanager.Discovery) {
	outcome := discovered
	switch {
	case errors.Is(d.Err, shardmanager.ErrAuthentication):
		outcome = unauthorized
	case d.Err != nil:
		outcome = undiscovered
	}
	h.x.discoveries.WithLabelValues(outcome).Inc()
	h.x.discoveryTook.Observe(d.Took.Seconds())
}

func (h reportHook) OnForeignIdentifies(n int) { h.x.foreign.Add(float64(max(n, 0))) }

func (h reportHook) OnReshardAdvised(shardmanager.ReshardAdvised) { h.x.advised.Inc() }
