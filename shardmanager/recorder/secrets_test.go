package recorder_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/tap"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/recorder"
)

const canary = "Q7fJ2xVb9LrT4mWz.Kd8Ys3HcxNeGu1PoA6BiXtEvR0"

// plant is a text with a secret in it.
func plant(where string) string { return where + " " + canary }

// findSecret looks for any 8 bytes of a secret.
func findSecret(t *testing.T, where, said, secret string) {
	t.Helper()
	for i := 0; i+8 <= len(secret); i++ {
		if at := strings.Index(said, secret[i:i+8]); at >= 0 {
			t.Errorf("%s: %q is shown: …%s…", where, secret, said[max(0, at-100):min(len(said), at+100)])
			return
		}
	}
}

// plantedError quotes the token, and panics if it is looked into.
type plantedError struct{ panics bool }

func (e *plantedError) Error() string {
	if e.panics {
		panic(plant("an error that panics"))
	}
	return plant("an error")
}

// TestDumpHasNoSecret, wherever one is planted: in the token, in events' names and contents, in close reasons, in errors of a dialler and of a connection, in nonces, and
// in what the session is known by.
func TestDumpHasNoSecret(t *testing.T) {
	bubble(t, func(t *testing.T) {
		resumeURL := "ws://gateway-us-east1-b.discord.gg.example/secret-path-of-the-session"
		g := newGateway(t, gatewaytest.WithGuilds(7<<22), gatewaytest.WithResumeURL(resumeURL))
		var ids []string
		g.OnEntry(func(e gatewaytest.Entry) {
			if e.Kind == gatewaytest.Began {
				ids = append(ids, string(e.Data))
			}
		})
		flight := recorder.New()
		var fails, breaks atomic.Int32
		m, err := shardmanager.New(canary, shardmanager.WithGateway(g), shardmanager.WithIntents(events.IntentsUnprivileged), shardmanager.WithHooks(flight.Hooks()...),
			shardmanager.WithGatewayHosts("discord.gg.example"), shardmanager.WithLogger(zap.NewNop()),
			shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
				switch fails.Add(1) {
				case 1, 4:
					return nil, &plantedError{}
				case 2:
					return nil, &plantedError{panics: true}
				case 3:
					panic(plant("a dialler"))
				}
				c, err := g.DialContext(ctx, network, addr)
				return &breaking{c, &breaks}, err
			}))
		if err != nil {
			t.Fatal(err)
		}
		defer closeNow(t, m)
		start(t, m)
		g.Shard(0).Dispatch(events.Type(canary), map[string]string{canary: canary})
		g.Shard(0).Dispatch("MESSAGE_CREATE", map[string]string{"content": canary})
		pass(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, _ = (events.RequestGuildMembers{GuildID: 7 << 22, Query: events.Ptr(canary), Limit: events.Ptr(0), Nonce: canary[:32]}).SendEvent(ctx, m)
		for _, how := range []int32{breakWithError, breakWithClose} {
			breaks.Store(how)
			g.Shard(0).Dispatch("TYPING_START", map[string]string{})
			pass(time.Minute)
		}
		g.Shard(0).InvalidSession(false)
		pass(time.Minute)
		g.Shard(0).Close(4014)
		pass(time.Minute)
		said := string(dump(t, flight))
		if causes := find(lines(t, []byte(said)), func(l line) bool { return l.Kind == "move" && l.Cause != "" }); len(causes) < 6 {
			t.Errorf("%d moves with a cause: there is not much to find in\n%s", len(causes), said)
		}
		findSecret(t, "the dump", said, canary)
		findSecret(t, "the dump", said, "secret-path-of-the-session")
		for _, id := range ids {
			findSecret(t, "the dump", said, id)
		}
		if len(ids) != 2 {
			t.Errorf("%d sessions", len(ids))
		}
		if t.Failed() {
			t.Log(said)
		}
		findSecret(t, "the recorder, printed", fmt.Sprintf("%v %+v", flight, flight), canary)
	})
}

// TestCauseIsWithoutSecrets: an error that comes as it is, from whatever layer, is told without what must not be shown of its shard.
func TestCauseIsWithoutSecrets(t *testing.T) {
	t.Parallel()
	flight := recorder.New()
	hook, is := flight.Hooks()[0].(tap.Tap)
	if !is {
		t.Fatal("the hook is no tap")
	}
	of := ended(3)
	hook.Begin(func(key actors.Key) []string {
		if key != of.Key {
			return nil
		}
		return []string{canary}
	})
	of.Cause = fmt.Errorf("it is of no use: %w", &plantedError{})
	hook.(actors.ObserverState).OnState(of)
	of.Cause = &plantedError{panics: true}
	hook.(actors.ObserverState).OnState(of)
	said := string(dump(t, flight))
	findSecret(t, "the dump", said, canary)
	if !strings.Contains(said, "it is of no use") || !strings.Contains(said, "plantedError") {
		t.Errorf("nothing is left of the causes: %s", said)
	}
}

const (
	breakWithError int32 = iota + 1
	breakWithClose
)

// breaking is a connection that ends when it is told to: with an error that quotes the token, or with a close frame that does.
type breaking struct {
	net.Conn
	now *atomic.Int32
}

func (c *breaking) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	switch c.now.Swap(0) {
	case breakWithError:
		return 0, errors.New(plant("a connection"))
	case breakWithClose:
		const code = 4000
		reason := plant("the gateway says")
		return copy(p, append([]byte{0x88, byte(2 + len(reason)), code >> 8, code & 0xff}, reason...)), nil
	}
	return n, err
}
