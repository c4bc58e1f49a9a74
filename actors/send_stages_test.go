package actors_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
)

// stages keeps how send events come along.
type stages struct {
	mu  sync.Mutex
	all []actors.SendStage
}

func (s *stages) OnSend(m actors.SendMoved) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, m.Stage)
}

// TestSendIsToldInOrder: queued, written, ended, also where the write is its end, since nothing answers it.
func TestSendIsToldInOrder(t *testing.T) {
	for name, out := range map[string]events.Outgoing{
		"presence": events.UpdatePresence{Status: events.StatusIdle}, "heartbeat": events.Heartbeat{}, "members": some(),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				told := new(stages)
				f := newFleet(t, func(cfg *actors.SupervisorConfig) { cfg.Observers = actors.NewObservers(nil, told) })
				f.start(1)
				if _, err := f.sendsTo(0).Send(t.Context(), out); err != nil {
					t.Fatal(err)
				}
				pass(time.Second)
				told.mu.Lock()
				defer told.mu.Unlock()
				if !slices.Equal(told.all, []actors.SendStage{actors.SendQueued, actors.SendWritten, actors.SendEnded}) {
					t.Errorf("told: %v", told.all)
				}
			})
		})
	}
}
