package events

import (
	"cmp"
	"context"
	"errors"
	"iter"

	"github.com/signalbox-go/signalbox/events/discord"
)

// SendEvent sends a heartbeat now. Receipt.RoundTrip is the latency to the gateway.
func (e Heartbeat) SendEvent(ctx context.Context, to Sender) (Receipt, error) {
	return carry(ctx, to, e)
}

// From reads the answer.
func (e Heartbeat) From(answer Answer) (Receipt, error) { return answer.Receipt, nil }

// Asking is a send event whose answer is read as a T.
type Asking[T any] interface {
	Outgoing
	// From reads an answer to the event. What could be read is returned beside an error. An odd field is left unset, and is none: see Decode.
	From(Answer) (T, error)
}

// carry sends e and reads what came, also of an answer that broke off.
func carry[T any](ctx context.Context, to Sender, e Asking[T]) (T, error) {
	answer, err := send(ctx, to, e)
	answer.hearer(to)
	read, bad := e.From(answer)
	return read, errors.Join(err, bad)
}

// SendEvent sets the presence, and returns when it was written.
func (e UpdatePresence) SendEvent(ctx context.Context, to Sender) (Receipt, error) {
	return carry(ctx, to, e)
}

// From reads the answer: there is none but the receipt.
func (e UpdatePresence) From(answer Answer) (Receipt, error) { return answer.Receipt, nil }

// VoiceConnection is what UpdateVoiceState is answered with.
type VoiceConnection struct {
	Receipt
	State  *VoiceStateUpdate  // where the bot is now: elsewhere than asked for if somebody moved it before Server came
	Server *VoiceServerUpdate // nil unless the bot joined or moved
}

// SendEvent changes the voice state, and returns the bot's own new state, with the voice server if it joined or moved. After a Resume by
// another process it is not known where the bot was: then a server that comes within 5 seconds of the state is part of the answer, or half of the time that
// ctx leaves if that is less.
func (e UpdateVoiceState) SendEvent(ctx context.Context, to Sender) (VoiceConnection, error) {
	return carry(ctx, to, e)
}

// From reads the answer.
func (e UpdateVoiceState) From(answer Answer) (voice VoiceConnection, err error) {
	voice.Receipt = answer.Receipt
	for i := range answer.Events {
		raw := &answer.Events[i]
		var bad error
		if raw.Type == TypeVoiceStateUpdate {
			voice.State, bad = decodeAnswer[VoiceStateUpdate](&answer, raw)
		} else {
			voice.Server, bad = decodeAnswer[VoiceServerUpdate](&answer, raw)
		}
		err = errors.Join(err, bad)
	}
	return voice, err
}

// GuildMembers is what RequestGuildMembers is answered with, all chunks together.
type GuildMembers struct {
	Receipt
	GuildID   Snowflake
	Members   []discord.GuildMember
	NotFound  []Snowflake        // of UserIDs, those that are not members
	Presences []discord.Presence // if they were asked for
}

// SendEvent asks for the members, and returns when all chunks have come. After an error the
// members that came before it are returned as well.
func (e RequestGuildMembers) SendEvent(ctx context.Context, to Sender) (members GuildMembers, err error) {
	// This is the event that bots send most: its frames are few and small while the answer is awaited, for the garbage collector walks them.
	answer, err := send(ctx, to, e)
	answer.hearer(to)
	err = errors.Join(err, e.from(&answer, &members))
	return members, err
}

// From reads the answer, all chunks together.
func (e RequestGuildMembers) From(answer Answer) (members GuildMembers, err error) {
	err = e.from(&answer, &members)
	return members, err
}

func (e *RequestGuildMembers) from(answer *Answer, members *GuildMembers) (err error) {
	members.Receipt, members.GuildID = answer.Receipt, e.GuildID
	for i := range answer.Events {
		chunk, bad := decodeAnswer[GuildMembersChunk](answer, &answer.Events[i])
		err = errors.Join(err, bad)
		members.GuildID = cmp.Or(members.GuildID, chunk.GuildID)
		members.Members = extend(members.Members, chunk.Members)
		members.NotFound = extend(members.NotFound, chunk.NotFound)
		members.Presences = extend(members.Presences, chunk.Presences)
	}
	return err
}

// extend appends more to list; the first that comes becomes the list.
func extend[T any](list, more []T) []T {
	if list == nil && len(more) > 0 {
		return more
	}
	return append(list, more...)
}

// Chunks asks for the members, and yields each part of the answer as it arrives, so that a large
// guild never stands in memory whole. The error, if there is one, comes last, with a nil chunk.
// With a Sender that is no Streamer all parts come at the end.
func (e RequestGuildMembers) Chunks(ctx context.Context, to Sender) iter.Seq2[*GuildMembersChunk, error] {
	return func(yield func(*GuildMembersChunk, error) bool) {
		more := true
		var answer Answer
		answer.hearer(to)
		part := func(raw Raw) bool {
			chunk, err := decodeAnswer[GuildMembersChunk](&answer, &raw)
			if err != nil {
				chunk = nil
			}
			more = yield(chunk, err)
			return more
		}
		var err error
		if streamer, ok := to.(Streamer); ok {
			_, err = streamer.Stream(ctx, e, part)
		} else {
			var answer Answer
			answer, err = send(ctx, to, e)
			for _, raw := range answer.Events {
				if !part(raw) {
					return
				}
			}
		}
		if err != nil && more {
			yield(nil, err)
		}
	}
}

// GuildSoundboardSounds is what RequestSoundboardSounds is answered with.
type GuildSoundboardSounds struct {
	Receipt
	Guilds map[Snowflake][]discord.SoundboardSound
}

// SendEvent asks for the sounds, and returns when every guild has answered. After an error the
// guilds that answered before it are returned as well.
func (e RequestSoundboardSounds) SendEvent(ctx context.Context, to Sender) (GuildSoundboardSounds, error) {
	return carry(ctx, to, e)
}

// From reads the answer.
func (e RequestSoundboardSounds) From(answer Answer) (sounds GuildSoundboardSounds, err error) {
	sounds = GuildSoundboardSounds{Receipt: answer.Receipt, Guilds: map[Snowflake][]discord.SoundboardSound{}}
	for i := range answer.Events {
		of, bad := decodeAnswer[SoundboardSounds](&answer, &answer.Events[i])
		if bad == nil {
			sounds.Guilds[of.GuildID] = of.Sounds
		}
		err = errors.Join(err, bad)
	}
	return sounds, err
}

// SendEvent asks for the fields, and returns the guild's answer.
func (e RequestChannelInfo) SendEvent(ctx context.Context, to Sender) (ChannelInfo, error) {
	return carry(ctx, to, e)
}

// From reads the answer.
func (e RequestChannelInfo) From(answer Answer) (ChannelInfo, error) {
	if len(answer.Events) == 0 {
		return ChannelInfo{Receipt: answer.Receipt}, nil
	}
	info, err := decodeAnswer[ChannelInfo](&answer, &answer.Events[0])
	info.Receipt = answer.Receipt
	return *info, err
}
