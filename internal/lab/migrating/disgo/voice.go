package disgo

import (
	"context"

	"github.com/disgoorg/disgo/gateway"
	"github.com/disgoorg/disgo/voice"
	"github.com/disgoorg/snowflake/v2"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// begin voice

// Voice makes disgo's voice manager, for the bot with the id self, and has it join and leave by m. It needs IntentGuildVoiceStates.
func Voice(m *shardmanager.Manager, self snowflake.ID, failed func(error), opts ...voice.ManagerConfigOpt) voice.Manager {
	manager := voice.NewManager(func(ctx context.Context, guild snowflake.ID, channel *snowflake.ID, mute, deaf bool) error {
		_, err := events.UpdateVoiceState{GuildID: events.Snowflake(guild), ChannelID: (*events.Snowflake)(channel), SelfMute: mute, SelfDeaf: deaf}.SendEvent(ctx, m)
		return err
	}, self, opts...)
	shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, _ events.Meta) {
		e, err := gateway.UnmarshalEventData(raw.Data, gateway.EventType(raw.Type))
		if err != nil {
			failed(err)
			return
		}
		switch e := e.(type) {
		case gateway.EventVoiceStateUpdate:
			manager.HandleVoiceStateUpdate(e)
		case gateway.EventVoiceServerUpdate:
			manager.HandleVoiceServerUpdate(e)
		}
	}, shardmanager.WithTypes(events.TypeVoiceStateUpdate, events.TypeVoiceServerUpdate))
	return manager
}

// end
