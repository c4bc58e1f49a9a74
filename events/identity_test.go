package events_test

import (
	"encoding/json"
	"testing"

	"github.com/signalbox-go/signalbox/events"
)

func TestIdentityOfWhatHappensOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of   events.Type
		data string
		want events.Snowflake
	}{
		{events.TypeMessageCreate, `{"author":{"id":"9"},"id":"7","guild_id":"5"}`, 7},
		{events.TypeMessageDelete, `{"channel_id":"1","id":"7"}`, 7},
		{events.TypeInteractionCreate, `{"id":7}`, 7},
		{events.TypeGuildAuditLogEntryCreate, `{"id":"7"}`, 7},
		{events.TypeMessageUpdate, `{"id":"7"}`, 0},
		{events.TypePresenceUpdate, `{"user":{"id":"7"}}`, 0},
		{events.TypeGuildCreate, `{"id":"7"}`, 0},
		{events.TypeMessageCreate, `{"guild_id":"5"}`, 0},
		{events.TypeMessageCreate, `{"id":"7`, 0},
		{events.TypeMessageCreate, ``, 0},
	} {
		if got := events.IdentityOf(&events.Raw{Type: c.of, Data: json.RawMessage(c.data)}); got != c.want {
			t.Errorf("%s %s: %v, want %v", c.of, c.data, got, c.want)
		}
	}
}
