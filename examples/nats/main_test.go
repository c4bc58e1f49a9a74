package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const guilds = 4

// world is a bot on a simulated gateway that publishes into an embedded NATS, and what workers have handled.
type world struct {
	*testing.T
	gateway *gatewaytest.Server
	js      func() (*nats.Conn, jetstream.JetStream)
	ended   sync.WaitGroup // of workers

	mu      sync.Mutex
	handled map[events.Snowflake][]string // contents, by guild
	again   int
	fail    func(content string) error
}

// play runs f in virtual time, NATS and all. Tests are not parallel: NATS keeps its clock in a variable of the process, which belongs to one bubble at a time.
func play(t *testing.T, f func(*world)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		server, err := embedded(dir)
		if err != nil {
			t.Fatal(err)
		}
		w := &world{T: t, handled: make(map[events.Snowflake][]string), fail: func(string) error { return nil }}
		w.js = func() (*nats.Conn, jetstream.JetStream) {
			conn, js, err := connect(server)
			if err != nil {
				t.Fatal(err)
			}
			return conn, js
		}
		w.gateway = gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2), gatewaytest.WithGuildsPerShard(guilds/2))
		m, err := shardmanager.New("token", shardmanager.WithGateway(w.gateway), shardmanager.WithLogger(zap.NewNop()),
			shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMessages|events.IntentMessageContent))
		if err != nil {
			t.Fatal(err)
		}
		conn, js := w.js()
		life, end := context.WithCancel(context.Background())
		t.Cleanup(func() {
			if err := m.Close(context.Background()); err != nil {
				t.Error(err)
			}
			end()
			w.ended.Wait()
			conn.Close()
			server.Shutdown()
			server.WaitForShutdown()
			time.Sleep(time.Minute) // NATS has goroutines that end a little later
		})
		publish(life, m, js, func(err error) { t.Log("publish:", err) }, events.TypeMessageCreate)
		if err := errors.Join(prepare(t.Context(), js, jetstream.MemoryStorage), m.Start(t.Context()), m.WaitReady(t.Context())); err != nil {
			t.Fatal(err)
		}
		f(w)
		w.gateway.RequireNoViolations(t)
	})
}

// guild is one of the bot's.
func guild(n int) events.Snowflake {
	return gatewaytest.GuildOf(events.ShardID{Index: n % 2, Total: 2}, n/2)
}

// write has n messages written in each guild.
func (w *world) write(from, n int) {
	for i := from; i < from+n; i++ {
		for g := range guilds {
			w.gateway.World().Message(guild(g), gatewaytest.Message{Content: fmt.Sprint(i)})
		}
	}
}

// A worker takes a while for each event.
type worker struct {
	stop func() // in order
	cut  func() // its connection is lost, and it does not come back: what it has done it cannot say
	die  func() // in the midst of its work
}

func (w *world) worker(takes time.Duration) worker {
	conn, js := w.js()
	ctx, cancel := context.WithCancel(context.Background())
	var dead atomic.Bool
	w.ended.Go(func() {
		err := work(ctx, js, func(ctx context.Context, j job) error {
			var message struct {
				GuildID events.Snowflake `json:"guild_id"`
				Content string
			}
			if err := json.Unmarshal(j.Data, &message); err != nil {
				return err
			}
			if sleep(ctx, takes); dead.Load() {
				return errors.New("dead")
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			if err := w.fail(message.Content); err != nil {
				return err
			}
			w.handled[message.GuildID] = append(w.handled[message.GuildID], message.Content)
			if j.Again {
				w.again++
			}
			return nil
		}, func(err error) { w.Log("work:", err) })
		if err != nil && ctx.Err() == nil {
			w.Error(err)
		}
		conn.Close()
	})
	w.Cleanup(cancel) // before the server's end
	cut := func() { conn.Close(); cancel() }
	return worker{cancel, cut, func() { dead.Store(true); cut() }}
}

// expect fails the test unless each guild's messages were handled once and in order.
func (w *world) expect(contents ...string) {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for g := range guilds {
		if got := w.handled[guild(g)]; !slices.Equal(got, contents) {
			w.Errorf("guild %d: handled %q, want %q", g, got, contents)
		}
	}
}

func numbers(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

// TestWorkersShareInOrder: two workers handle all events, those of one guild in order, over lost connections to the gateway as well.
func TestWorkersShareInOrder(t *testing.T) {
	play(t, func(w *world) {
		w.worker(100 * time.Millisecond)
		w.worker(100 * time.Millisecond)
		w.write(0, 10)
		w.gateway.DropAll()
		w.write(10, 10)
		time.Sleep(time.Minute)
		w.expect(numbers(20)...)
	})
}

// TestDeathOfAWorker: the event in its hands comes again, to another one, after ackWait. It costs its partition that time, and no event.
func TestDeathOfAWorker(t *testing.T) {
	play(t, func(w *world) {
		first := w.worker(time.Second)
		w.write(0, 1)
		time.Sleep(500 * time.Millisecond) // it has one event of each partition in its hands
		first.die()
		w.worker(time.Millisecond)
		w.write(1, 2)
		time.Sleep(ackWait - time.Second)
		w.expect() // those of each guild wait behind the one in dead hands
		time.Sleep(2 * time.Second)
		w.expect(numbers(3)...)
		if w.again != guilds {
			w.Errorf("%d events came again, want %d", w.again, guilds)
		}
	})
}

// TestWorkerThatCannotSay: what it had done, and could not say, is done twice. That is what "at least once" means.
func TestWorkerThatCannotSay(t *testing.T) {
	play(t, func(w *world) {
		first := w.worker(time.Second)
		w.write(0, 1)
		time.Sleep(500 * time.Millisecond)
		first.cut()
		w.worker(time.Millisecond)
		time.Sleep(time.Minute)
		w.expect("0", "0")
	})
}

// TestWorkerThatEnds: in order, it finishes what it has in hand, and costs nothing.
func TestWorkerThatEnds(t *testing.T) {
	play(t, func(w *world) {
		first := w.worker(time.Second)
		w.write(0, 2)
		time.Sleep(500 * time.Millisecond)
		first.stop()
		w.worker(time.Millisecond)
		time.Sleep(time.Second)
		w.expect("0", "1")
		if w.again != 0 {
			w.Errorf("%d events came again", w.again)
		}
	})
}

// TestStreamIsAway: what cannot be published waits in the bot, and goes on in order when it can be.
func TestStreamIsAway(t *testing.T) {
	play(t, func(w *world) {
		conn, js := w.js()
		defer conn.Close()
		if err := js.DeleteStream(w.Context(), streamName); err != nil {
			w.Fatal(err)
		}
		w.write(0, 5)
		time.Sleep(time.Minute)
		if err := prepare(w.Context(), js, jetstream.MemoryStorage); err != nil {
			w.Fatal(err)
		}
		w.worker(time.Millisecond)
		time.Sleep(time.Minute)
		w.expect(numbers(5)...)
	})
}

// TestEventThatComesTwice: as after a crash of the bot, is in the stream once; another one with the same contents is another one.
func TestEventThatComesTwice(t *testing.T) {
	play(t, func(w *world) {
		conn, js := w.js()
		defer conn.Close()
		raw := events.Raw{Type: events.TypeMessageCreate, Data: []byte(`{"content":"0"}`)}
		for _, seq := range []int64{7, 7, 8} {
			if _, err := js.Publish(w.Context(), subject(0), raw.Data, jetstream.WithMsgID(identity(raw, events.Meta{Seq: seq}))); err != nil {
				w.Fatal(err)
			}
		}
		stream, err := js.Stream(w.Context(), streamName)
		if err != nil {
			w.Fatal(err)
		}
		if n := stream.CachedInfo().State.Msgs; n != 2 {
			w.Errorf("%d events are in the stream, want 2", n)
		}
	})
}

// TestNobodyWorks: events wait in the stream, and the bot is not held up.
func TestNobodyWorks(t *testing.T) {
	play(t, func(w *world) {
		w.write(0, 50)
		time.Sleep(time.Hour)
		w.worker(time.Millisecond)
		time.Sleep(time.Minute)
		w.expect(numbers(50)...)
	})
}

// TestEventThatFails: it comes again, before those after it, and is given up after some tries.
func TestEventThatFails(t *testing.T) {
	play(t, func(w *world) {
		tries := 0
		w.fail = func(content string) error {
			if content != "1" {
				return nil
			}
			tries++
			return errors.New("no")
		}
		w.worker(time.Millisecond)
		w.write(0, 3)
		time.Sleep(time.Minute)
		w.expect("0", "2")
		if tries != guilds*deliveries {
			w.Errorf("it was tried %d times, want %d", tries, guilds*deliveries)
		}
	})
}
