package session

import (
	"slices"

	"github.com/signalbox-go/signalbox/events"
)

// headedFor is the channel in which the bot is when all that was asked for before is carried out; nil: none.
func (r *replies) headedFor(guild events.Snowflake) *events.Snowflake {
	for _, p := range slices.Backward(r.pending) {
		if p.request.Op == events.OpVoiceStateUpdate && p.request.Guild == guild && !p.orphan {
			return p.request.Channel
		}
	}
	if channel, known := r.voice[guild]; known {
		return &channel
	}
	return nil
}
