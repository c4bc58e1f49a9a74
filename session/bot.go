package session

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/signalbox-go/signalbox/events"
)

// BotOf is the bot's id, with which its token begins; 0: it cannot be told.
func BotOf(token events.Secret) events.Snowflake {
	head, _, _ := strings.Cut(token.Reveal(), ".")
	text, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(head, "="))
	if err != nil {
		return 0
	}
	id, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return 0
	}
	return events.Snowflake(id)
}
