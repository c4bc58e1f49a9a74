package events

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/signalbox-go/signalbox/events/discord"
)

// Heartbeat asks the session for a heartbeat now, beside those it sends by itself. The
// session fills in the sequence. Receipt.RoundTrip is the latency.
//
// Source: events/gateway-events#heartbeat
type Heartbeat struct{}

// UpdatePresence sets the bot's presence in one session; a Manager sets it in all.
// Nothing answers it. More than 5 in 20 s are held back by the session.
//
// Source: events/gateway-events#update-presence
type UpdatePresence struct {
	Since      *int64     `json:"since"` // Unix milliseconds since when the bot is idle; nil: it is not
	Activities []Activity `json:"activities"`
	Status     Status     `json:"status"`
	AFK        bool       `json:"afk"`
}

// Status is how a bot appears. Empty stands for online.
// It is a [discord.PresenceStatus], which is a string.
type Status = discord.PresenceStatus

// The statuses.
const (
	StatusOnline       = discord.PresenceStatusOnline
	StatusDoNotDisturb = discord.PresenceStatusDoNotDisturb
	StatusIdle         = discord.PresenceStatusIdle
	StatusInvisible    = discord.PresenceStatusInvisible
	StatusOffline      = discord.PresenceStatusOffline
)

// Activity is what a bot is seen to do: of a discord.Activity, the fields that a bot may set.
//
// Source: events/gateway-events#activity-object
type Activity struct {
	Name  string       `json:"name"`
	Type  ActivityType `json:"type"`
	State string       `json:"state,omitempty"` // the text of a custom activity
	URL   string       `json:"url,omitempty"`   // for streaming: twitch.tv or youtube.com
}

// ActivityType is the kind of an activity.
// It is a [discord.ActivityType], which is a number.
type ActivityType = discord.ActivityType

// The kinds of activity.
const (
	ActivityPlaying   = discord.ActivityTypePlaying
	ActivityStreaming = discord.ActivityTypeStreaming
	ActivityListening = discord.ActivityTypeListening
	ActivityWatching  = discord.ActivityTypeWatching
	ActivityCustom    = discord.ActivityTypeCustom
	ActivityCompeting = discord.ActivityTypeCompeting
)

// UpdateVoiceState joins a voice channel, moves to another, leaves, or changes mute and deaf.
// Joining is answered by the bot's own voice state and by the voice server. When the bot may
// not join, Discord stays silent: the call ends with its context.
//
// Source: events/gateway-events#update-voice-state
type UpdateVoiceState struct {
	GuildID   Snowflake  `json:"guild_id"`
	ChannelID *Snowflake `json:"channel_id"` // nil: leave
	SelfMute  bool       `json:"self_mute"`
	SelfDeaf  bool       `json:"self_deaf"`
}

// RequestGuildMembers asks for members of one guild: by Query, or by UserIDs. The whole list
// (Query "" and Limit 0) needs the intent GUILD_MEMBERS and is limited to one request for each
// guild in 30 s.
//
// Source: events/gateway-events#request-guild-members
type RequestGuildMembers struct {
	GuildID   Snowflake   `json:"guild_id"`
	Query     *string     `json:"query,omitempty"` // how names begin; "" matches all
	Limit     *int        `json:"limit,omitempty"` // required with Query; 0 only with ""
	UserIDs   []Snowflake `json:"user_ids,omitempty"`
	Presences *bool       `json:"presences,omitempty"` // needs the intent GUILD_PRESENCES
	Nonce     string      `json:"nonce,omitempty"`     // at most 32 bytes; empty: one is made
}

// RequestSoundboardSounds asks for the soundboard sounds of guilds. A Manager splits it by
// shard.
//
// Source: events/gateway-events#request-soundboard-sounds
type RequestSoundboardSounds struct {
	GuildIDs []Snowflake `json:"guild_ids"`
}

// RequestChannelInfo asks for fields of a guild's voice channels that the channel object lacks.
//
// Source: events/gateway-events#request-channel-info
type RequestChannelInfo struct {
	GuildID Snowflake `json:"guild_id"`
	Fields  []string  `json:"fields"` // "status", "voice_start_time"
}

const (
	maxNonce   = 32  // bytes; the gateway ignores a longer one without a word
	maxUserIDs = 100 // in one RequestGuildMembers
	maxMembers = 100 // that a prefix query returns
)

// Request implements Outgoing.
func (e Heartbeat) Request() (Request, error) {
	return Request{Op: OpHeartbeat, Data: []byte("null")}, nil
}

// Request implements Outgoing.
func (e UpdatePresence) Request() (Request, error) {
	if e.Status == "" {
		e.Status = StatusOnline
	}
	known := []Status{StatusOnline, StatusDoNotDisturb, StatusIdle, StatusInvisible, StatusOffline}
	if !slices.Contains(known, e.Status) {
		return Request{Op: OpPresenceUpdate}, &InvalidError{"UpdatePresence", "Status", fmt.Sprintf("%.32q is no status: use one of %q", e.Status, known)}
	}
	if e.Activities == nil {
		e.Activities = []Activity{} // null is not accepted
	}
	return encode(Request{Op: OpPresenceUpdate}, e)
}

// Request implements Outgoing.
func (e UpdateVoiceState) Request() (Request, error) {
	if e.GuildID == 0 {
		return Request{Op: OpVoiceStateUpdate}, &InvalidError{"UpdateVoiceState", "GuildID", "0 is no guild: name the guild of the channel"}
	}
	return encode(Request{Op: OpVoiceStateUpdate, Guild: e.GuildID, Channel: e.ChannelID, Needs: IntentGuildVoiceStates}, e)
}

// Request implements Outgoing.
func (e RequestGuildMembers) Request() (Request, error) {
	if problem := e.invalid(); problem != nil {
		return Request{Op: OpRequestGuildMembers}, problem
	}
	if e.Nonce == "" {
		e.Nonce = rand.Text() // 26 bytes
	}
	r := Request{Op: OpRequestGuildMembers, Guild: e.GuildID, Nonce: e.Nonce}
	r.Full = e.Query != nil && *e.Query == "" && *e.Limit == 0
	if r.Full {
		r.Needs |= IntentGuildMembers
	}
	if e.Presences != nil && *e.Presences {
		r.Needs |= IntentGuildPresences
	}
	r.Data = e.encode()
	return r, nil
}

// encode writes what json.Marshal would. It is the send event that bots send most.
func (e RequestGuildMembers) encode() []byte {
	b := append(make([]byte, 0, 160+24*len(e.UserIDs)), `{"guild_id":`...)
	b = appendSnowflake(b, e.GuildID)
	if e.Query != nil {
		b = appendText(append(b, `,"query":`...), *e.Query)
	}
	if e.Limit != nil {
		b = strconv.AppendInt(append(b, `,"limit":`...), int64(*e.Limit), 10)
	}
	for i, id := range e.UserIDs {
		if i == 0 {
			b = append(b, `,"user_ids":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendSnowflake(b, id)
	}
	if len(e.UserIDs) > 0 {
		b = append(b, ']')
	}
	if e.Presences != nil {
		b = strconv.AppendBool(append(b, `,"presences":`...), *e.Presences)
	}
	if e.Nonce != "" {
		b = appendText(append(b, `,"nonce":`...), e.Nonce)
	}
	return append(b, '}')
}

func appendSnowflake(b []byte, id Snowflake) []byte {
	return append(strconv.AppendUint(append(b, '"'), uint64(id), 10), '"')
}

func appendText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || strings.IndexByte(`"\<>&`, c) >= 0 {
			quoted, err := json.Marshal(text)
			if err != nil {
				panic(err) // a string can always be written
			}
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}

func (e RequestGuildMembers) invalid() error {
	bad := func(field, problem string) error {
		return &InvalidError{"RequestGuildMembers", field, problem}
	}
	switch {
	case e.GuildID == 0:
		return bad("GuildID", "0 is no guild: name the guild whose members are asked for")
	case (e.Query == nil) == (len(e.UserIDs) == 0):
		return bad("Query", "set either Query or UserIDs: the gateway closes the connection otherwise")
	case e.Query != nil && e.Limit == nil:
		return bad("Limit", "is required with Query: 0 for all members, which needs Query \"\"")
	case e.Query != nil && (*e.Limit < 0 || *e.Limit == 0 && *e.Query != ""):
		return bad("Limit", fmt.Sprintf("%d: use 1 to %d with a Query, or 0 with Query \"\"", *e.Limit, maxMembers))
	case e.Query != nil && *e.Query != "" && *e.Limit > maxMembers:
		return bad("Limit", fmt.Sprintf("%d: a query returns at most %d members", *e.Limit, maxMembers))
	case len(e.UserIDs) > maxUserIDs:
		return bad("UserIDs", fmt.Sprintf("%d ids: at most %d in one request", len(e.UserIDs), maxUserIDs))
	case !utf8.ValidString(e.Nonce):
		return bad("Nonce", "is not UTF-8: it would be echoed as another one; leave it empty and one is made")
	case len(e.Nonce) > maxNonce:
		return bad("Nonce", fmt.Sprintf("%d bytes: at most %d, or leave it empty and one is made", len(e.Nonce), maxNonce))
	}
	return nil
}

// Request implements Outgoing.
func (e RequestSoundboardSounds) Request() (Request, error) {
	if len(e.GuildIDs) == 0 || slices.Contains(e.GuildIDs, 0) {
		return Request{Op: OpRequestSoundboardSounds}, &InvalidError{"RequestSoundboardSounds", "GuildIDs", "name at least one guild, and none that is 0"}
	}
	guilds := slices.Clone(e.GuildIDs)
	slices.Sort(guilds)
	guilds = slices.Compact(guilds)
	return encode(Request{Op: OpRequestSoundboardSounds, Guild: guilds[0], Guilds: guilds}, RequestSoundboardSounds{guilds})
}

// Request implements Outgoing.
func (e RequestChannelInfo) Request() (Request, error) {
	if e.GuildID == 0 {
		return Request{Op: OpRequestChannelInfo}, &InvalidError{"RequestChannelInfo", "GuildID", "0 is no guild: name the guild of the channels"}
	}
	if len(e.Fields) == 0 {
		return Request{Op: OpRequestChannelInfo}, &InvalidError{"RequestChannelInfo", "Fields", `name at least one: "status", "voice_start_time"`}
	}
	return encode(Request{Op: OpRequestChannelInfo, Guild: e.GuildID}, e)
}

// ParseRequest makes ready a send event that is given by its opcode and its d field, as
// Request does for one given by its struct. The two that the session keeps for itself give
// ErrReservedEvent.
func ParseRequest(op Opcode, d []byte) (Request, error) {
	switch op {
	case OpHeartbeat:
		return Heartbeat{}.Request()
	case OpPresenceUpdate:
		return parse[UpdatePresence](op, d)
	case OpVoiceStateUpdate:
		return parse[UpdateVoiceState](op, d)
	case OpRequestGuildMembers:
		return parse[RequestGuildMembers](op, d)
	case OpRequestSoundboardSounds:
		return parse[RequestSoundboardSounds](op, d)
	case OpRequestChannelInfo:
		return parse[RequestChannelInfo](op, d)
	case OpIdentify, OpResume:
		return Request{}, ErrReservedEvent
	}
	return Request{}, &InvalidError{"SendEvent", "Op", op.String() + " is not one that a bot sends"}
}

func parse[E Outgoing](op Opcode, d []byte) (Request, error) {
	var event E
	if err := json.Unmarshal(d, &event); err != nil {
		return Request{}, fmt.Errorf("events: d of %v: %w", op, err)
	}
	return event.Request()
}

func encode(r Request, event any) (Request, error) {
	data, err := json.Marshal(event)
	if err != nil {
		return Request{}, fmt.Errorf("events: %v: %w", r.Op, err)
	}
	r.Data = data
	return r, nil
}
