package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// serverGrace is how long a voice server is waited for after the bot's own state where it is not known whether one comes: at most half of the
// time that the asker has left, so that he has the answer before he gives up.
const serverGrace = 5 * time.Second

// What ends an Update Voice State early: the rest of its answer will not come.
var (
	errDisconnected = fmt.Errorf("%w: the bot was disconnected from the voice channel before its voice server was named", ErrNoAnswer)
	errGuildGone    = fmt.Errorf("%w: the bot was removed from the guild", ErrNoAnswer)
)

// voices are where the bot is, as the gateway has said: by READY, GUILD_CREATE, GUILD_DELETE and VOICE_STATE_UPDATE. A new session, as the zero
// value, is in no channel.
type voices struct {
	missed bool   // what the gateway said, or some of it: of guilds that are not held here nothing is known
	own    string // the session id of the voice states that this session asked for
	guilds map[events.Snowflake]whereabouts
}

// whereabouts are the bot's in one guild.
type whereabouts struct {
	channel events.Snowflake // 0: in none
	session string           // of the voice state; empty: not named
	known   bool             // the channel is, and that it is this session which has the bot there
	moved   bool             // by somebody else, and the voice server of that has not come
	mute    bool
	deaf    bool
}

func (v *voices) in(guild events.Snowflake) whereabouts {
	at, ok := v.guilds[guild]
	if !ok {
		at.known = !v.missed
	}
	return at
}

func (v *voices) set(guild events.Snowflake, at whereabouts) {
	if at == (whereabouts{known: !v.missed}) {
		delete(v.guilds, guild)
		return
	}
	if v.guilds == nil {
		v.guilds = make(map[events.Snowflake]whereabouts)
	}
	v.guilds[guild] = at
}

// Voices are the voice channels that the session has the bot in, as far as the gateway has said: what another session asks for to have it there instead. What is known
// of a session that was resumed in another process is what came since.
func (m *Machine) Voices() (all []events.UpdateVoiceState) {
	for guild, at := range m.replies.voice.guilds {
		if at.known && at.channel != 0 {
			all = append(all, events.UpdateVoiceState{GuildID: guild, ChannelID: &at.channel, SelfMute: at.mute, SelfDeaf: at.deaf})
		}
	}
	return all
}

// voiceIn reports whether an Update Voice State for the guild waits.
func (p *pending) voiceIn(guild events.Snowflake) bool {
	return p.request.Op == events.OpVoiceStateUpdate && p.request.Guild == guild
}

// asksFor reports whether a state is what was asked for, and not what somebody else has done to the bot meanwhile.
func (p *pending) asksFor(state *ownState) bool {
	var asked ownState
	if json.Unmarshal(p.request.Data, &asked) != nil {
		return false
	}
	same := func(a, b *bool) bool { return a == nil || b == nil || *a == *b }
	return asked.ChannelID == state.ChannelID && same(asked.Mute, state.Mute) && same(asked.Deaf, state.Deaf)
}

// ownState is what Update Voice State and VOICE_STATE_UPDATE have in common, and more of the latter.
type ownState struct {
	GuildID   events.Snowflake `json:"guild_id"`
	ChannelID events.Snowflake `json:"channel_id"` // null is 0: none
	UserID    events.Snowflake `json:"user_id"`
	SessionID string           `json:"session_id"`
	Mute      *bool            `json:"self_mute"`
	Deaf      *bool            `json:"self_deaf"`
}

// readable reads what it can: a field that is not of its type is left unset.
func readable(data []byte, into *ownState) bool {
	err := json.Unmarshal(data, into)
	odd := new(json.UnmarshalTypeError)
	return err == nil || errors.As(err, &odd) && odd.Field != ""
}

// voiceState takes a voice state. Whether a voice server follows the bot's own shows where the bot was before: to where it is no server is named.
func (r *replies) voiceState(now time.Time, raw events.Raw, user events.Snowflake) []Outcome {
	var digits [20]byte
	if user == 0 || !bytes.Contains(raw.Data, strconv.AppendUint(digits[:0], uint64(user), 10)) {
		return nil
	}
	var state ownState
	if !readable(raw.Data, &state) || state.UserID != user {
		return nil
	}
	before, asked := r.voice.in(state.GuildID), false
	ended := r.first(now, raw, func(p *pending) (matches, done bool) {
		if !p.voiceIn(state.GuildID) || p.state || !p.asksFor(&state) {
			return false, false
		}
		asked, p.state = true, true
		p.enough = !before.known
		return true, p.server || state.ChannelID == 0 || before.known && before.channel == state.ChannelID
	})
	at := whereabouts{channel: state.ChannelID, session: state.SessionID}
	if at.channel != 0 {
		at.mute, at.deaf = state.Mute != nil && *state.Mute, state.Deaf != nil && *state.Deaf
	}
	if asked && at.channel != 0 {
		r.voice.own = at.session
	}
	at.known = at.channel == 0 || at.session == r.voice.own || at.session == "" || r.voice.own == ""
	at.moved = !asked && before.known && before.channel != 0 && at.channel != 0 && at.channel != before.channel
	r.voice.set(state.GuildID, at)
	if at.channel == 0 {
		return append(ended, r.sweep(now, func(p *pending) (bool, error) { return p.voiceIn(state.GuildID) && p.state, errDisconnected })...)
	}
	for _, p := range r.pending {
		if p.voiceIn(state.GuildID) && p.state && *p.request.Channel != at.channel { // it was moved on: its answer is where the bot is now
			r.keep(p, raw)
		}
	}
	return ended
}

// voiceServer takes a voice server: that of all who have the state already, or of a move by somebody else, or one that came before its state.
func (r *replies) voiceServer(now time.Time, raw events.Raw, part events.Part) []Outcome {
	if !part.Endpoint {
		return nil // the server is gone, and another will be named
	}
	ended := r.sweep(now, func(p *pending) (bool, error) {
		if !p.voiceIn(part.GuildID) || !p.state {
			return false, nil
		}
		r.keep(p, raw)
		return true, nil
	})
	at := r.voice.in(part.GuildID)
	if ended != nil || at.moved {
		at.moved = false
		r.voice.set(part.GuildID, at)
		return ended
	}
	return r.first(now, raw, func(p *pending) (matches, done bool) {
		channel := p.request.Channel
		if !p.voiceIn(part.GuildID) || p.server || channel == nil || at.known && at.channel == *channel {
			return false, false
		}
		p.server = true
		return true, false
	})
}

// guild takes GUILD_CREATE or GUILD_DELETE. A guild that comes may be very large, and most say nothing new of the bot: those are not read.
func (r *replies) guild(now time.Time, raw events.Raw, user events.Snowflake) []Outcome {
	v, create := &r.voice, raw.Type == events.TypeGuildCreate
	if user == 0 || create && !v.missed && len(v.guilds) == 0 && !events.InVoice(raw.Data, user) {
		return nil
	}
	said, ok := events.GuildVoiceOf(raw.Data, user)
	if said.GuildID == 0 {
		return nil // its subscribers will hear of the error
	}
	at := v.in(said.GuildID)
	switch {
	case !ok:
		at.known = false
	case said.Unavailable:
		at.known = at.known && at.channel == 0 // what is not in a channel does not get into one
	case !create: // the bot was removed, and left all
		v.set(said.GuildID, whereabouts{known: true})
		return r.sweep(now, func(p *pending) (bool, error) { return p.voiceIn(said.GuildID), errGuildGone })
	case said.Listed:
		at = whereabouts{channel: said.ChannelID, session: said.SessionID, known: said.ChannelID == 0 || v.ours(at, said), mute: at.mute, deaf: at.deaf}
		if at.channel == 0 {
			at.mute, at.deaf = false, false
		}
	}
	v.set(said.GuildID, at)
	return nil
}

// ours reports whether the voice state that a guild lists is one of this session: another one's is taken over by a join, with a new server.
func (v *voices) ours(before whereabouts, said events.GuildVoice) bool {
	if said.SessionID != "" && v.own != "" {
		return said.SessionID == v.own
	}
	same := said.SessionID == before.session || said.SessionID == "" || before.session == ""
	return said.ChannelID == before.channel && same
}
