package shardmanager_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// handled counts what handlers of several processes were given.
type handled struct {
	mu    sync.Mutex
	times map[string]int
	said  map[string]int // of them, with Redelivered
}

func newHandled() *handled { return &handled{times: make(map[string]int), said: make(map[string]int)} }

func (h *handled) by(m *shardmanager.Manager, during time.Duration) {
	shardmanager.OnRaw(m, func(_ context.Context, _ events.Raw, at events.Meta) {
		h.mu.Lock()
		event := fmt.Sprint(at.Shard.Index, " ", at.Seq)
		h.times[event]++
		if at.Redelivered {
			h.said[event]++
		}
		h.mu.Unlock()
		time.Sleep(during)
	}, shardmanager.WithTypes("X"))
}

// check says which of the events was not handled once. again: it may have been twice, if that was said.
func (h *handled) check(t *testing.T, sent []string, again bool) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, event := range sent {
		if n := h.times[event]; n == 0 || n > 1 && (!again || h.said[event] < n-1) {
			t.Errorf("event %s was handled %d times, %d of them with Redelivered", event, n, h.said[event])
		}
	}
	if len(h.times) != len(sent) {
		t.Errorf("%d events were handled, of %d", len(h.times), len(sent))
	}
}

// chatter has an event come each millisecond, from one shard after another, until stop is called.
func chatter(g *gatewaytest.Server, shards int) (stop func() (sent []string)) {
	over, done := make(chan struct{}), make(chan struct{})
	var sent []string
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			select {
			case <-over:
				return
			case <-time.After(time.Millisecond):
				sent = append(sent, fmt.Sprint(n%shards, " ", g.Shard(n%shards).Dispatch("X", n)))
			}
		}
	}()
	return func() []string {
		close(over)
		<-done
		return sent
	}
}

const followed = 24 // shards

func followedGateway(t *testing.T) *gatewaytest.Server {
	return newGateway(t, gatewaytest.WithShards(followed), gatewaytest.WithMaxConcurrency(followed))
}

// TestOneProcessFollowsAnother, and a third one that, while events come: each is handled once, no Identify is spent, and who was followed ends by itself.
func TestOneProcessFollowsAnother(t *testing.T) {
	for _, stored := range []bool{true, false} {
		t.Run(fmt.Sprintf("stored %v", stored), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := followedGateway(t)
				var opts []shardmanager.Option
				if stored {
					opts = append(opts, shardmanager.WithSessionStore(session.NewMemoryStore()))
				}
				at, h := new(meeting), newHandled()
				process := func() *shardmanager.Manager {
					m := newManager(t, g, append(opts, shardmanager.WithPlace(at.spot()))...)
					h.by(m, 0)
					return m
				}
				old := process()
				start(t, old)
				pass(time.Minute)
				stop := chatter(g, followed)
				for range 3 {
					pass(5 * time.Second)
					next := process()
					begun := time.Now()
					start(t, next)
					if took := time.Since(begun); took > 2*time.Second {
						t.Errorf("the hand-over took %v", took)
					}
					if n := next.Status().Ready(); n != followed {
						t.Errorf("%d shards are ready", n)
					}
					<-old.Done()
					if err := old.Err(); !errors.Is(err, shardmanager.ErrHandedOver) {
						t.Errorf("who was followed ends with %v", err)
					}
					old = next
				}
				sent := stop()
				pass(5 * time.Second)
				h.check(t, sent, false)
				if s := g.Stats(); s.Identifies != followed || s.Resumes != 3*followed || s.Live != followed {
					t.Errorf("%+v", s)
				}
				g.RequireNoViolations(t)
			})
		})
	}
}

// TestHandoverThatIsBrokenOff, by the end of one of the two: nothing is lost, nothing comes twice, and the one that is left runs all. The one before says that
// it goes on, if it does.
func TestHandoverThatIsBrokenOff(t *testing.T) {
	for _, ends := range []string{"the one before", "the one that follows", "the one that follows, without a store"} {
		t.Run(ends, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := followedGateway(t)
				store := shardmanager.WithSessionStore(session.NewMemoryStore())
				if strings.Contains(ends, "without") {
					store = shardmanager.WithDrain(10 * time.Second) // as it is anyway
				}
				at, h := new(meeting), newHandled()
				core, logs := observer.New(zap.WarnLevel)
				old := newManager(t, g, store, shardmanager.WithPlace(at.spot()), shardmanager.WithLogger(zap.New(core)))
				h.by(old, 40*time.Millisecond) // more than comes, for a shard: but it has enough in hand
				start(t, old)
				stop := chatter(g, followed)
				pass(3 * time.Second)
				next := newManager(t, g, store, shardmanager.WithPlace(at.spot()))
				h.by(next, 0)
				if err := next.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				for next.Status().Ready() < followed/3 {
					pass(time.Millisecond)
				}
				left, gone := next, old
				if ends != "the one before" {
					left, gone = old, next
				}
				if n := old.Status().Ready(); n == 0 {
					t.Fatal("there is nothing left to break off")
				}
				closeNow(t, gone)
				sent := stop()
				pass(20 * time.Second)
				if n := left.Status().Ready(); n != followed {
					t.Errorf("%d shards are ready", n)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := left.WaitReady(ctx); err != nil {
					t.Error(err)
				}
				h.check(t, sent, true)
				if says := logs.FilterMessageSnippet("this process goes on").Len(); (says > 0) != (left == old) {
					t.Errorf("the one before says %d times that it goes on", says)
				}
				if s := g.Stats(); s.Identifies != followed || s.Live != followed {
					t.Errorf("%+v", s)
				}
				third := newManager(t, g, store, shardmanager.WithPlace(at.spot()))
				start(t, third)
				if g.RequireNoViolations(t); third.Status().Ready() != followed {
					t.Error("nobody can follow who is left")
				}
			})
		})
	}
}

// TestWhoTakesAShardAndDoesNotRunItIsTakenForDead: the one before goes on, and can be followed by another.
func TestWhoTakesAShardAndDoesNotRunItIsTakenForDead(t *testing.T) {
	says := map[string][]string{
		"nothing":                      nil,
		"what is no message":           {"GET / HTTP/1.1\r\n\r\n"},
		"what nobody knows":            {`{"Kind":"dance"}`},
		"that it takes what is not":    {`{"Kind":"take","Shard":99}`},
		"that it takes one":            {`{"Kind":"take","Shard":3}`},
		"that it takes one twice":      {`{"Kind":"take","Shard":3}`, `{"Kind":"take","Shard":3}`},
		"that it runs what it has not": {`{"Kind":"take","Shard":3}`, `{"Kind":"runs","Shard":4}`},
		"that it runs one":             {`{"Kind":"take","Shard":3}`, `{"Kind":"runs","Shard":3}`},
		"that it has all":              {`{"Kind":"take","Shard":3}`, `{"Kind":"runs","Shard":3}`, `{"Kind":"all"}`},
		"that it cannot":               {`{"Kind":"take","Shard":3}`, `{"Kind":"refusal","Problem":"no"}`},
	}
	for name, lines := range says {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(6), gatewaytest.WithMaxConcurrency(6))
				at := new(meeting)
				m := newManager(t, g, shardmanager.WithPlace(at.spot()), shardmanager.WithSessionStore(session.NewMemoryStore()))
				start(t, m)
				conn, err := at.spot().Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				answers := bufio.NewReader(conn)
				if offer, err := answers.ReadString('\n'); err != nil || !strings.Contains(offer, `"Shards":[0,1,2,3,4,5]`) {
					t.Fatalf("%q, %v", offer, err)
				}
				for i, line := range lines {
					_, _ = conn.Write([]byte(line + "\n"))
					if i == 0 && strings.Contains(line, "Shard\":3") {
						if given, err := answers.ReadString('\n'); err != nil || !strings.Contains(given, `"Kind":"given"`) {
							t.Fatalf("%q, %v", given, err)
						}
					}
				}
				go func() { _, _ = answers.WriteTo(nothing{}) }()
				pass(3 * time.Minute)
				if n := m.Status().Ready(); n != 6 {
					t.Errorf("%d shards are ready", n)
				}
				next := newManager(t, g, shardmanager.WithPlace(at.spot()))
				if start(t, next); next.Status().Ready() != 6 {
					t.Errorf("%d shards are ready with the next", next.Status().Ready())
				}
				select { // it tells the next one first
				case <-m.Done():
				case <-time.After(time.Minute):
				}
				if !errors.Is(m.Err(), shardmanager.ErrHandedOver) {
					t.Errorf("who was followed ends with %v", m.Err())
				}
				if g.RequireNoViolations(t); g.Stats().Identifies != 6 {
					t.Errorf("%+v", g.Stats())
				}
			})
		})
	}
}

type nothing struct{}

func (nothing) Write(p []byte) (int, error) { return len(p), nil }

// TestProcessThatDoesNotFitFollowsNobody: the one before notices nothing of it.
func TestProcessThatDoesNotFitFollowsNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(6), gatewaytest.WithMaxConcurrency(6))
		at := new(meeting)
		m := newManager(t, g, shardmanager.WithPlace(at.spot()), shardmanager.WithShards(6, 0, 1, 2))
		start(t, m)
		var option *shardmanager.OptionError
		for name, try := range map[string]struct {
			opt  shardmanager.Option
			fits func(error) bool
		}{
			"another total": {shardmanager.WithShards(7), func(err error) bool { return errors.Is(err, actors.ErrOtherTotal) }},
			"other shards":  {shardmanager.WithShards(6, 3, 4, 5), func(err error) bool { return errors.As(err, &option) && option.Option == "WithHandover" }},
		} {
			other := newManager(t, g, shardmanager.WithPlace(at.spot()), try.opt)
			if err := other.Start(t.Context()); !try.fits(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		pass(time.Minute)
		if s := g.Stats(); m.Status().Ready() != 3 || s.Identifies != 3 || s.Resumes != 0 {
			t.Errorf("%+v", s)
		}
		next := newManager(t, g, shardmanager.WithPlace(at.spot()), shardmanager.WithShards(6, 2, 1, 0))
		start(t, next)
		var runs []int
		for _, shard := range next.Status().Shards {
			runs = append(runs, shard.Shard.Index)
		}
		if !slices.Equal(runs, []int{0, 1, 2}) {
			t.Errorf("it runs %v", runs)
		}
	})
}
