// Package interop shows how bots that hold the types of other libraries get their events from
// this one: each event is decoded once, into the other library's type. The page docs/interop.md
// quotes these functions.
package interop

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/bwmarrin/discordgo"
	"github.com/disgoorg/disgo/gateway"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// begin discordgo
func onDiscordgo[E any](m *shardmanager.Manager, name events.Type, h func(*E), failed func(error)) (cancel func()) {
	return shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, _ events.Meta) {
		e := new(E)
		if err := json.Unmarshal(raw.Data, e); err != nil {
			failed(err)
			return
		}
		h(e)
	}, shardmanager.WithTypes(name))
}

// end

// begin disgo
func onDisgo(m *shardmanager.Manager, h func(gateway.EventData), failed func(error), names ...events.Type) (cancel func()) {
	return shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, _ events.Meta) {
		e, err := gateway.UnmarshalEventData(raw.Data, gateway.EventType(raw.Type))
		if err != nil {
			failed(err)
			return
		}
		h(e)
	}, shardmanager.WithTypes(names...))
}

// end

// begin token
func both(token string) (rest *discordgo.Session, m *shardmanager.Manager, err error) {
	if rest, err = discordgo.New("Bot " + token); err != nil { // for REST alone: its Open is not called
		return nil, nil, err
	}
	m, err = shardmanager.New(token)
	return rest, m, err
}

// end

// TestToken: each library is given the token as it wants it; the prefix of the one is refused by the other, and is named.
func TestToken(t *testing.T) {
	rest, m, err := both("abc")
	if err != nil || rest.Token != "Bot abc" || m == nil {
		t.Errorf("%v, %v", rest, err)
	}
	var option *shardmanager.OptionError
	if _, err := shardmanager.New("Bot abc"); !errors.As(err, &option) || option.Option != "token" || !strings.Contains(option.Problem, `"Bot "`) {
		t.Errorf("New: %v", err)
	}
}

func TestInterop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithExact(), gatewaytest.WithShards(1))
		m, err := shardmanager.New("token", shardmanager.WithGateway(server), shardmanager.WithIntentsFromHandlers())
		if err != nil {
			t.Fatal(err)
		}
		failed := func(err error) { t.Error(err) }
		var got []string
		onDiscordgo(m, "MESSAGE_CREATE", func(e *discordgo.MessageCreate) { got = append(got, "discordgo "+e.Content) }, failed)
		onDisgo(m, func(e gateway.EventData) {
			if message, ok := e.(gateway.EventMessageCreate); ok {
				got = append(got, "disgo "+message.Content)
			}
		}, failed, "MESSAGE_DELETE", "MESSAGE_CREATE")
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := m.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		server.Shard(0).Dispatch("MESSAGE_CREATE", map[string]any{"id": "1", "channel_id": "2", "content": "hello", "author": map[string]any{"id": "3", "username": "ann"}})
		synctest.Wait()
		if err := m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(got) != 2 || !strings.Contains(strings.Join(got, ","), "discordgo hello") || !strings.Contains(strings.Join(got, ","), "disgo hello") {
			t.Errorf("%q", got)
		}
	})
}

// TestThePageQuotesThis: what docs/interop.md shows is what runs here.
func TestThePageQuotesThis(t *testing.T) {
	source, err := os.ReadFile("interop_test.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../../../docs/interop.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"token", "discordgo", "disgo"} {
		_, rest, _ := strings.Cut(string(source), "// begin "+name+"\n")
		quoted, _, ok := strings.Cut(rest, "\n// end")
		if !ok || !strings.Contains(string(page), strings.TrimSpace(quoted)) {
			t.Errorf("docs/interop.md does not quote the function for %s", name)
		}
	}
}
