package actors_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// endings keeps what send events ended in.
type endings struct {
	mu  sync.Mutex
	all []actors.SendMoved
}

func (e *endings) OnSend(m actors.SendMoved) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.Stage == actors.SendEnded {
		e.all = append(e.all, m)
	}
}

func (e *endings) take() []actors.SendMoved {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.all
	e.all = nil
	return all
}

var errBored = errors.New("bored")

// TestSendThatIsGivenUpEndsInASendError, whatever its caller's context says, and whether it was written is told.
func TestSendThatIsGivenUpEndsInASendError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var seen endings
		f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.Observers = actors.NewObservers(zap.NewNop(), &seen) })
		f.start(1)
		guild := gatewaytest.GuildOf(*f.id(0), 0)
		ask := events.RequestGuildMembers{GuildID: guild, Query: events.Ptr("a"), Limit: events.Ptr(1)}
		f.gateway.OnFrame(func(frame gatewaytest.Frame) bool { return frame.Op == events.OpRequestGuildMembers })
		giveUp := func(when string, sent bool) {
			t.Helper()
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(errBored) })
			_, err := f.sendsTo(0).Send(ctx, ask)
			pass(time.Second)
			told := seen.take()
			if len(told) != 1 {
				t.Fatalf("%s: told %d ends", when, len(told))
			}
			failure := sendError(t, told[0].Err)
			if !errors.Is(err, errBored) || failure.Sent() != sent || told[0].Sent != sent || !told[0].GivenUp || !errors.Is(failure, errBored) {
				t.Errorf("%s: %v; told %+v", when, err, told[0])
			}
		}
		giveUp("written", true)
		f.gateway.Outage(true)
		pass(time.Second)
		giveUp("waits for the shard", false)
		f.gateway.Outage(false)
		pass(time.Minute)
		if _, err := f.sendsTo(0).Send(t.Context(), events.Heartbeat{}); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if told := seen.take(); len(told) != 1 || told[0].Err != nil || !told[0].Sent || told[0].GivenUp {
			t.Errorf("done: told %+v", told)
		}
	})
}

// TestSendOfAnActorThatSomebodyElseStopsEnds at once, also while the shard has no connection: nobody else would end it before its time.
func TestSendOfAnActorThatSomebodyElseStopsEnds(t *testing.T) {
	for _, away := range []bool{false, true} {
		t.Run(fmt.Sprint("away ", away), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, nil)
				f.start(1)
				guild := gatewaytest.GuildOf(*f.id(0), 0)
				f.gateway.OnFrame(func(frame gatewaytest.Frame) bool { return frame.Op == events.OpRequestGuildMembers })
				ended := make(chan error, 1)
				go func() {
					_, err := f.sendsTo(0).Send(t.Context(), events.RequestGuildMembers{GuildID: guild, Query: events.Ptr("a"), Limit: events.Ptr(1)})
					ended <- err
				}()
				pass(time.Second)
				if away {
					f.gateway.Outage(true)
					pass(time.Second)
				}
				f.system.Root.Stop(f.child(0))
				pass(100 * time.Millisecond)
				select {
				case err := <-ended:
					if failure := sendError(t, err); !failure.Sent() || !errors.Is(failure, session.ErrConnectionLost) {
						t.Errorf("it ends in %v", err)
					}
				default:
					t.Error("it does not end")
				}
				f.gateway.Outage(false)
				pass(2 * time.Minute)
			})
		})
	}
}
