package gatewaytest

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/signalbox-go/signalbox/events"
)

// BotID is the bot's user id: the one with which its token begins, if that has Discord's form, and else the constant BotID. It is known
// when a session begins, or, with WithToken, from the start.
func (s *Server) BotID() events.Snowflake {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.world.bot
}

// own takes the bot's id from its token, if that has one.
func (w *World) own(token string) {
	head, _, found := strings.Cut(token, ".")
	text, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(head, "="))
	if !found || err != nil {
		return
	}
	if id, err := strconv.ParseUint(string(text), 10, 64); err == nil && id != 0 {
		w.bot = events.Snowflake(id)
	}
}

// user is a user as the world has it: BotID for the bot.
func (w *World) user(id events.Snowflake) events.Snowflake {
	if id == w.bot {
		return BotID
	}
	return id
}

func (w *World) users(ids []events.Snowflake) (all []events.Snowflake) {
	for _, id := range ids {
		all = append(all, w.user(id))
	}
	return all
}

// encode is the JSON of what is told, with the bot's id in place of BotID.
func (w *World) encode(d any) []byte {
	if w.bot != BotID {
		d = w.told(d)
	}
	return encode(d)
}

func (w *World) told(d any) any {
	switch d := d.(type) {
	case events.Snowflake:
		if d == BotID {
			return w.bot
		}
	case object:
		all := make(object, len(d))
		for key, value := range d {
			all[key] = w.told(value)
		}
		return all
	case Fields:
		return w.told(object(d))
	case []any:
		all := make([]any, len(d))
		for i, value := range d {
			all[i] = w.told(value)
		}
		return all
	case []object:
		all := make([]object, len(d))
		for i, value := range d {
			all[i], _ = w.told(value).(object)
		}
		return all
	}
	return d
}
