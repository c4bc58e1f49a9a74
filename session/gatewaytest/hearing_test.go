package gatewaytest_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestLagAndLosses: each session hears late, or not at all, without a gap in its sequence.
func TestLagAndLosses(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		slow, lossy := listen(t, g, talk, 0, 1), listen(t, g, talk, 0, 2)
		g.Session(1).Lag(3 * time.Second)
		g.Session(2).Lose(1)
		say := func(text string) { g.World().Message(guildA, gatewaytest.Message{Content: text}) }
		say("1")
		time.Sleep(time.Second)
		say("2")
		if got := lossy.events("content"); !slices.Equal(got, []string{"MESSAGE_CREATE 2"}) || lossy.told[len(lossy.told)-1].S != 2 {
			t.Errorf("the session that loses one heard %q, up to %d", got, lossy.told[len(lossy.told)-1].S)
		}
		time.Sleep(1999 * time.Millisecond)
		if got := slow.events("content"); got != nil {
			t.Errorf("heard %q too early", got)
		}
		time.Sleep(time.Millisecond)
		if got := slow.events("content"); !slices.Equal(got, []string{"MESSAGE_CREATE 1"}) {
			t.Errorf("after the lag it has heard %q", got)
		}
		g.Session(1).Lag(0)
		say("3")
		if got := slow.events("content"); !slices.Equal(got, []string{"MESSAGE_CREATE 1", "MESSAGE_CREATE 2", "MESSAGE_CREATE 3"}) {
			t.Errorf("without the lag it has heard %q", got)
		}
	}, bothGuilds, calm)
}

// TestDisorder: two sessions hear of the same, in orders that differ, and within the time that was given; a guild's removal stays behind what was before it.
func TestDisorder(t *testing.T) {
	virtual(t, func(t *testing.T, g *gatewaytest.Server) {
		straight, mixed := listen(t, g, talk|events.IntentGuilds, 0, 1), listen(t, g, talk|events.IntentGuilds, 0, 2)
		g.Session(2).Disorder(2 * time.Second)
		for n := range 20 {
			g.World().Message(guildA, gatewaytest.Message{Content: strconv.Itoa(n)})
		}
		g.World().RemoveGuild(guildA)
		time.Sleep(2 * time.Second)
		want, got := straight.events("content"), mixed.events("content")
		first := func(name string) bool { return name == "GUILD_CREATE" }
		want, got = slices.DeleteFunc(want, first), slices.DeleteFunc(got, first)
		if len(want) < 21 || slices.Equal(got, want) || want[len(want)-1] != got[len(got)-1] {
			t.Errorf("in order %q, out of order %q", want, got)
		}
		slices.Sort(got)
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
		g.World().AddGuild(guildA, nil)
		g.World().Message(guildA, gatewaytest.Message{Content: "late"})
		g.Session(2).Disorder(0)
		time.Sleep(0)
		if got := mixed.events("content"); got[len(got)-1] != "MESSAGE_CREATE late" {
			t.Errorf("after the end it has heard %q", got)
		}
	}, bothGuilds, calm)
}
