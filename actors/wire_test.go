package actors_test

import (
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
)

// readings adds up what is read.
type readings struct {
	mu          sync.Mutex
	bytes, wire int
}

func (r *readings) OnFrames(f actors.FramesRead) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bytes, r.wire = r.bytes+f.Bytes, r.wire+f.Wire
}

// TestFramesAreToldAsTheyCame: compressed they are less, and without compression as much.
func TestFramesAreToldAsTheyCame(t *testing.T) {
	for _, kind := range []events.Compression{events.CompressionNone, events.CompressionZlib, events.CompressionZstd} {
		t.Run(string(kind), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var all readings
				f := newFleet(t, func(cfg *actors.SupervisorConfig) {
					cfg.Compression = kind
					cfg.Observers = actors.NewObservers(zap.NewNop(), &all)
				})
				f.start(2)
				pass(10 * time.Minute)
				all.mu.Lock()
				defer all.mu.Unlock()
				if same := kind == events.CompressionNone; all.wire == 0 || same != (all.wire == all.bytes) || all.wire > all.bytes {
					t.Errorf("%d bytes came, and are %d", all.wire, all.bytes)
				}
			})
		})
	}
}
