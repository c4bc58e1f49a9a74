package actors

import (
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// TestListsOfManyGuildsAreForgotten when they may be asked for again; those that are out are not, however many there are.
func TestListsOfManyGuildsAreForgotten(t *testing.T) {
	t.Parallel()
	a := admission{lists: make(map[events.Snowflake]list)}
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	a.list(1, true, time.Time{})
	for guild := range events.Snowflake(2000) {
		a.list(10+guild, false, now)
	}
	now = now.Add(fullListPeriod)
	a.list(2, false, now)
	a.list(3, false, now.Add(time.Second))
	if _, late := a.lists[2]; len(a.lists) != 3 || !a.lists[1].out || !late {
		t.Errorf("%d are kept; the one that is out: %v; the late one: %v", len(a.lists), a.lists[1].out, late)
	}
}
